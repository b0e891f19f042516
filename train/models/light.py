"""The small residual nets that glyphs were first trained with: `light` and `light2` of the fourth project."""

from itertools import pairwise

from torch import nn

from train.models.resnet import Step, fan_out


def light(channels: int, classes: int, canvas, *, widths=(64, 128), dropout: float = 0.0) -> nn.Module:
    """A 7×7 convolution at half the size and 3×3 pooling at half of that, as ResNets begin
    (arXiv:1512.03385), then a step to each further width, halved again, and one layer over all places.

    Every halving rounds up, so no canvas is too small; the last layer's size is computed: 18,432 at 90×90.
    """
    if not widths or min(widths) < 1:
        raise ValueError("every width must be 1 at least")
    height, width = canvas
    layers = [nn.Conv2d(channels, widths[0], 7, 2, 3, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(),
              nn.MaxPool2d(3, 2, 1)]
    layers += [Step(cin, cout, 2) for cin, cout in pairwise(widths)]
    for _ in range(1 + len(widths)):             # stem, pooling, steps
        height, width = -(-height // 2), -(-width // 2)
    return fan_out(nn.Sequential(*layers, nn.Flatten(), nn.Dropout(dropout),
                                 nn.Linear(widths[-1] * height * width, classes)))


def light2(channels: int, classes: int, canvas, *, widths=(32, 64, 128), dropout: float = 0.4) -> nn.Module:
    """`light` with two steps and dropout; 4,608 places reach its last layer at 90×90."""
    return light(channels, classes, canvas, widths=widths, dropout=dropout)
