"""Residual networks for small pictures, by name: resnet, seresnet, wrn, light, light2, heavy11, heavy22."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from tenfold.train.models.blocks import BasicBlock, PreActBlock, check_positive, conv, halved, head, kaiming_init
from tenfold.train.models.whitening import FILTERS, Whitening


def resnet(channels: int, classes: int, canvas: Sequence[int], *, widths: Sequence[int] = (32, 64, 128),
           depth: int = 1, stem_stride: int = 2, se: bool = False, whiten: bool = False,
           head_widths: Sequence[int] = (), dropout: float = 0.0) -> nn.Module:
    """Build a residual network of basic blocks (He et al., 2015, arXiv:1512.03385).

    (B, channels, H, W) -> (B, classes). A 3×3 stem, then `depth` blocks at each of `widths`, each width at half the
    size of the one before, then the mean over all pixels, which makes the head independent of the canvas. With
    stem_stride 1, depth 2 and widths 64 to 512 it is ResNet-18 for 32×32.

    whiten: the stem's 3×3 filters are fixed, and whiten the patches of the training images; a 1×1 convolution combines
    them. This saves steps: on 9,000 images of CIFAR-10, eight epochs reached 63.9% instead of 60.8%.
    """
    check_positive(stem_stride=stem_stride)
    width = _first(widths)
    stem = [Whitening(channels, stem_stride), *conv(FILTERS * channels, width, 1)] if whiten else \
        conv(channels, width, 3, stem_stride)
    return _staged(stem, classes, widths, depth, se, head_widths, dropout)


def seresnet(channels: int, classes: int, canvas: Sequence[int], *, widths: Sequence[int] = (64, 128, 256, 512),
             depth: int = 2, stem_stride: int = 1, head_widths: Sequence[int] = (),
             dropout: float = 0.0) -> nn.Module:
    """Build SE-ResNet-18 for 32×32: `resnet` with squeeze-and-excitation (Hu et al., 2018, arXiv:1709.01507)."""
    return resnet(channels, classes, canvas, widths=widths, depth=depth, stem_stride=stem_stride, se=True,
                  head_widths=head_widths, dropout=dropout)


def heavy11(channels: int, classes: int, canvas: Sequence[int], *, widths: Sequence[int] = (64, 128), depth: int = 1,
            se: bool = False, head_widths: Sequence[int] = (), dropout: float = 0.0) -> nn.Module:
    """Build the first half of ResNet-18: its stem, which quarters the picture, and one block at 64 and at 128."""
    return _staged(_quartering(channels, _first(widths)), classes, widths, depth, se, head_widths, dropout)


def heavy22(channels: int, classes: int, canvas: Sequence[int], *, widths: Sequence[int] = (64, 128), depth: int = 2,
            se: bool = False, head_widths: Sequence[int] = (), dropout: float = 0.0) -> nn.Module:
    """Build `heavy11` with two blocks at each width, as in ResNet-18."""
    return heavy11(channels, classes, canvas, widths=widths, depth=depth, se=se, head_widths=head_widths,
                   dropout=dropout)


def light(channels: int, classes: int, canvas: Sequence[int], *, widths: Sequence[int] = (64, 128),
          dropout: float = 0.0) -> nn.Module:
    """Build ResNet's stem, a basic block of stride 2 for each further width, and one linear layer over all pixels.

    (B, channels, H, W) -> (B, classes). Every halving rounds up, so no canvas is too small; 18,432 values reach the
    last layer at 90×90. From a student project on letters.
    """
    layers = _quartering(channels, _first(widths))
    layers += [BasicBlock(cin, cout, 2) for cin, cout in pairwise(widths)]
    places = halved(canvas, 1 + len(widths), up=True)        # stem, pooling, steps
    return kaiming_init(nn.Sequential(*layers, nn.Flatten(), *head(widths[-1] * places, classes, (), dropout)))


def light2(channels: int, classes: int, canvas: Sequence[int], *, widths: Sequence[int] = (32, 64, 128),
           dropout: float = 0.4) -> nn.Module:
    """Build `light` with two blocks and dropout; 4,608 values reach its last layer at 90×90."""
    return light(channels, classes, canvas, widths=widths, dropout=dropout)


def wrn(channels: int, classes: int, canvas: Sequence[int], *, depth: int = 28, width: int = 10, se: bool = False,
        head_widths: Sequence[int] = (), dropout: float = 0.0) -> nn.Module:
    """Build a wide residual network, WRN-depth-width, for 32×32 (Zagoruyko and Komodakis, 2016, arXiv:1605.07146).

    (B, channels, H, W) -> (B, classes). (depth - 4) / 6 pre-activation blocks at each of 16, 32 and 64 times `width`
    channels; `dropout` is inside each block (0.3 in the paper, where it helps). `se` makes it SE-WRN.
    """
    check_positive(depth=depth, width=width)
    if depth < 10 or depth % 6 != 4:
        raise ValueError("depth must be 10, 16, 22, 28, …")
    layers, cin = [nn.Conv2d(channels, 16, 3, 1, 1, bias=False)], 16
    for i in range(3):
        for j in range((depth - 4) // 6):
            layers.append(PreActBlock(cin, 16 * width << i, 2 if i and not j else 1, dropout, se))
            cin = 16 * width << i
    return kaiming_init(nn.Sequential(*layers, nn.BatchNorm2d(cin), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                                 *head(cin, classes, head_widths)))


def _staged(stem: list[nn.Module], classes: int, widths: Sequence[int], depth: int, se: bool,
            head_widths: Sequence[int], dropout: float) -> nn.Module:
    """Stack `depth` basic blocks at each width after the stem, then the mean over all pixels and the head."""
    check_positive(depth=depth)
    layers, cin = stem, widths[0]
    for i, width in enumerate(widths):
        for j in range(depth):
            layers.append(BasicBlock(cin, width, 2 if i and not j else 1, se))
            cin = width
    return kaiming_init(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                                 *head(cin, classes, head_widths, dropout)))


def _quartering(channels: int, width: int) -> list[nn.Module]:
    """ResNet's stem for photographs: a 7×7 convolution and 3×3 pooling, each at half the size, rounded up."""
    return [*conv(channels, width, 7, 2), nn.MaxPool2d(3, 2, 1)]


def _first(widths: Sequence[int]) -> int:
    check_positive(widths=widths)
    return widths[0]
