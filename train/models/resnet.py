"""Residual networks of basic blocks (He et al., 2015, arXiv:1512.03385): shallow, of any width, for small pictures."""

from itertools import pairwise

from torch import nn

from tenfold.train.models.blocks import EarlyStep, Step, conv, fan_out, halved, head, positive


def resnet(channels: int, classes: int, canvas, *, widths=(32, 64, 128), depth: int = 1, stem_stride: int = 2,
           se: bool = False, head_widths=(), dropout: float = 0.0) -> nn.Module:
    """A 3×3 stem, then `depth` steps at each of `widths`, each width at half the size, then the mean.

    The mean over all places makes the head's size independent of the canvas. With stem_stride 1, depth 2
    and widths 64 to 512 it is ResNet-18 for 32×32.
    """
    positive(stem_stride=stem_stride)
    return _staged(conv(channels, _first(widths), 3, stem_stride), classes, widths, depth, se, head_widths, dropout)


def seresnet(channels: int, classes: int, canvas, *, widths=(64, 128, 256, 512), depth: int = 2, stem_stride: int = 1,
             head_widths=(), dropout: float = 0.0) -> nn.Module:
    """SE-ResNet-18 for 32×32: `resnet` with squeeze-and-excitation (Hu et al., arXiv:1709.01507) in each step."""
    return resnet(channels, classes, canvas, widths=widths, depth=depth, stem_stride=stem_stride, se=True,
                  head_widths=head_widths, dropout=dropout)


def heavy11(channels: int, classes: int, canvas, *, widths=(64, 128), depth: int = 1, se: bool = False,
            head_widths=(), dropout: float = 0.0) -> nn.Module:
    """The fourth project's cut of ResNet-18: its stem, which quarters the picture, and one block at 64 and at 128."""
    return _staged(_quartering(channels, _first(widths)), classes, widths, depth, se, head_widths, dropout)


def heavy22(channels: int, classes: int, canvas, *, widths=(64, 128), depth: int = 2, se: bool = False,
            head_widths=(), dropout: float = 0.0) -> nn.Module:
    """`heavy11` with two blocks at each width, as ResNet-18 has them."""
    return heavy11(channels, classes, canvas, widths=widths, depth=depth, se=se, head_widths=head_widths,
                   dropout=dropout)


def light(channels: int, classes: int, canvas, *, widths=(64, 128), dropout: float = 0.0) -> nn.Module:
    """The fourth project's: ResNet's stem, a step to each further width, halved again, and one layer over all places.

    Every halving rounds up, so no canvas is too small; the last layer's size is computed: 18,432 at 90×90.
    """
    layers = _quartering(channels, _first(widths))
    layers += [Step(cin, cout, 2) for cin, cout in pairwise(widths)]
    places = halved(canvas, 1 + len(widths), up=True)        # stem, pooling, steps
    return fan_out(nn.Sequential(*layers, nn.Flatten(), *head(widths[-1] * places, classes, (), dropout)))


def light2(channels: int, classes: int, canvas, *, widths=(32, 64, 128), dropout: float = 0.4) -> nn.Module:
    """`light` with two steps and dropout; 4,608 values reach its last layer at 90×90."""
    return light(channels, classes, canvas, widths=widths, dropout=dropout)


def wrn(channels: int, classes: int, canvas, *, depth: int = 28, width: int = 10, se: bool = False,
        head_widths=(), dropout: float = 0.0) -> nn.Module:
    """A wide residual network, WRN-depth-width, for 32×32 (Zagoruyko and Komodakis, 2016, arXiv:1605.07146).

    (depth - 4) / 6 steps with early activation at each of 16, 32 and 64 times `width` channels; `dropout`
    lies inside each step, 0.3 in the paper where it helps. `se` makes it SE-WRN.
    """
    positive(depth=depth, width=width)
    if depth < 10 or depth % 6 != 4:
        raise ValueError("depth must be 10, 16, 22, 28, …")
    layers, cin = [nn.Conv2d(channels, 16, 3, 1, 1, bias=False)], 16
    for i in range(3):
        for j in range((depth - 4) // 6):
            layers.append(EarlyStep(cin, 16 * width << i, 2 if i and not j else 1, dropout, se))
            cin = 16 * width << i
    return fan_out(nn.Sequential(*layers, nn.BatchNorm2d(cin), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                                 *head(cin, classes, head_widths)))


def _staged(stem, classes, widths, depth, se, head_widths, dropout) -> nn.Module:
    """`depth` steps at each width after the stem, then the mean over all places and the head."""
    positive(depth=depth)
    layers, cin = stem, widths[0]
    for i, width in enumerate(widths):
        for j in range(depth):
            layers.append(Step(cin, width, 2 if i and not j else 1, se))
            cin = width
    return fan_out(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                                 *head(cin, classes, head_widths, dropout)))


def _quartering(channels: int, width: int) -> list[nn.Module]:
    """ResNet's stem for photographs: a 7×7 convolution and 3×3 pooling, each at half the size, rounded up."""
    return [*conv(channels, width, 7, 2), nn.MaxPool2d(3, 2, 1)]


def _first(widths) -> int:
    positive(widths=widths)
    return widths[0]
