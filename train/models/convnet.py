"""Plain convolutional networks with batch normalisation, by name: convnet, cnn6."""

from collections.abc import Sequence

from torch import nn

from tenfold.train.models.blocks import check_positive, conv, halved, head, kaiming_init
from tenfold.train.models.gradients import PLANES, Gradients


def convnet(channels: int, classes: int, canvas: Sequence[int], *, widths: Sequence[int] = (32, 64, 128),
            kernel: int = 3, repeat: int = 2, gradients: int = 0, head_widths: Sequence[int] = (),
            dropout: float = 0.3) -> nn.Module:
    """Build a plain convolutional net like VGG (Simonyan and Zisserman, 2014, arXiv:1409.1556).

    (B, channels, H, W) -> (B, classes): `repeat` convolutions at each of `widths`, pooling to half the size after each
    width, then a head over all remaining pixels. It is the cheapest network that does well on characters.

    gradients: if above 0, the network sees the strength and direction of edges, in cells of so many pixels, instead of
    the picture. This is best where pictures or seconds are few and shapes count more than colours. Without `widths`,
    only the head remains: a logistic regression on edge directions, which `head = "fitted"` solves in a second.
    """
    if widths or not gradients:
        check_positive(widths=widths)
    check_positive(kernel=kernel, repeat=repeat)
    if gradients < 0:
        raise ValueError("gradients must be 0 at least")
    if kernel % 2 == 0:
        raise ValueError("kernel must be odd")
    layers, cin = list[nn.Module](), channels
    if gradients:
        layers, cin, canvas = [Gradients(gradients)], channels * PLANES, [side // gradients for side in canvas]
    for cout in widths:
        for _ in range(repeat):
            layers += conv(cin, cout, kernel)
            cin = cout
        layers.append(nn.MaxPool2d(2))
    places = halved(canvas, len(widths))
    return kaiming_init(nn.Sequential(*layers, nn.Flatten(), *head(cin * places, classes, head_widths, dropout)))


def cnn6(channels: int, classes: int, canvas: Sequence[int], *, widths: Sequence[int] = (8, 16, 32, 64, 128, 256),
         kernel: int = 5, head_widths: Sequence[int] = (512, 128, 32), dropout: float = 0.0) -> nn.Module:
    """Build six 5×5 convolutions, each followed by pooling to half the size, and four fully connected layers.

    (B, channels, H, W) -> (B, classes); 9,216 values reach the head at 444×444. From a student project on letters.
    """
    return convnet(channels, classes, canvas, widths=widths, kernel=kernel, repeat=1, head_widths=head_widths,
                   dropout=dropout)
