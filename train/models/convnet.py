"""A plain convolutional net with batch normalisation: the cheapest that does well on characters."""

from torch import nn

from train.models.resnet import fan_out


def convnet(channels: int, classes: int, canvas, *, widths=(32, 64, 128), dropout: float = 0.3) -> nn.Module:
    """Two 3×3 convolutions at each width, halved by pooling between them (VGG: arXiv:1409.1556), then a
    head over what is left of the canvas, whose size is computed, and must be 1 at least."""
    if not widths or min(widths) < 1:
        raise ValueError("every width must be 1 at least")
    height, width = (side >> len(widths) for side in canvas)
    if not height or not width:
        raise ValueError(f"the canvas must be {1 << len(widths)} pixels wide and high at least")
    layers, cin = [], channels
    for cout in widths:
        for _ in range(2):
            layers += [nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU()]
            cin = cout
        layers.append(nn.MaxPool2d(2))
    return fan_out(nn.Sequential(*layers, nn.Flatten(), nn.Dropout(dropout),
                                 nn.Linear(cin * height * width, classes)))
