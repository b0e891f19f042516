"""Plain convolutional nets with batch normalisation."""

from torch import nn

from tenfold.train.models.blocks import conv, fan_out, halved, head, positive


def convnet(channels: int, classes: int, canvas, *, widths=(32, 64, 128), kernel: int = 3, repeat: int = 2,
            head_widths=(), dropout: float = 0.3) -> nn.Module:
    """`repeat` convolutions at each width, halved by pooling between them (VGG: arXiv:1409.1556), then a head
    over what is left of the canvas, whose size is computed. The cheapest that does well on characters."""
    positive(widths=widths, kernel=kernel, repeat=repeat)
    if kernel % 2 == 0:
        raise ValueError("kernel must be odd")
    layers, cin = [], channels
    for cout in widths:
        for _ in range(repeat):
            layers += conv(cin, cout, kernel)
            cin = cout
        layers.append(nn.MaxPool2d(2))
    places = halved(canvas, len(widths))
    return fan_out(nn.Sequential(*layers, nn.Flatten(), *head(cin * places, classes, head_widths, dropout)))


def cnn6(channels: int, classes: int, canvas, *, widths=(8, 16, 32, 64, 128, 256), kernel: int = 5,
         head_widths=(512, 128, 32), dropout: float = 0.0) -> nn.Module:
    """The third project's: six 5×5 convolutions, each halved by pooling, and four fully connected layers;
    9,216 values reach them at 444×444."""
    return convnet(channels, classes, canvas, widths=widths, kernel=kernel, repeat=1, head_widths=head_widths,
                   dropout=dropout)
