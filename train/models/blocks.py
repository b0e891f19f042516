"""Building blocks of our own networks: residual blocks, heads, Kaiming init.

Shapes: (B, C, H, W) are batch, channels, height, width; H/s is rounded up.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from tenfold.train.models.head import mark


class SqueezeExcitation(nn.Module):
    """Squeeze-and-excitation (Hu et al., 2018, arXiv:1709.01507), (B, C, H, W) -> the same.

    Each channel is weighted, 0 … 1, by two linear layers over the means of all channels.
    """

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        narrow = max(channels // reduction, 4)
        self.down, self.up = nn.Linear(channels, narrow), nn.Linear(narrow, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the module; the class docstring gives the shapes."""
        weight = self.up(F.relu(self.down(x.mean((2, 3))))).sigmoid()
        return x * weight[:, :, None, None]


class Projection(nn.Conv2d):
    """The 1×1 convolution of a shortcut, (B, cin, H, W) -> (B, cout, H/s, W/s).

    With fewer than 8 channels, every s-th pixel is selected before a convolution of stride 1, which gives the same.
    This avoids a fault of oneDNN under torch 2.13: on CPUs with AVX2 and no AVX-512, the backward pass of a strided
    channels-last convolution of so few channels writes beyond its memory ("free(): invalid pointer", or no message).
    """

    def __init__(self, cin: int, cout: int, stride: int):
        super().__init__(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the module; the class docstring gives the shapes."""
        if self.in_channels >= 8:
            return super().forward(x)
        step = self.stride[0]
        return F.conv2d(x[:, :, ::step, ::step], self.weight)


class BasicBlock(nn.Module):
    """The basic residual block (He et al., 2015, arXiv:1512.03385), (B, cin, H, W) -> (B, cout, H/s, W/s).

    Two 3×3 convolutions, each with batch normalisation, beside a shortcut. `se`: squeeze-and-excitation before the sum.
    """

    def __init__(self, cin: int, cout: int, stride: int, se: bool = False):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(cout)
        self.squeeze = SqueezeExcitation(cout) if se else nn.Identity()
        self.shortcut = nn.Identity() if stride == 1 and cin == cout else nn.Sequential(
            Projection(cin, cout, stride), nn.BatchNorm2d(cout))
        nn.init.zeros_(self.norm2.weight)        # starts as its shortcut (Goyal et al., 2017)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the module; the class docstring gives the shapes."""
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.squeeze(self.norm2(self.conv2(y))) + self.shortcut(x))


class PreActBlock(nn.Module):
    """The pre-activation residual block (He et al., 2016, arXiv:1603.05027), (B, cin, H, W) -> (B, cout, H/s, W/s).

    Batch normalisation and ReLU come before each of its two 3×3 convolutions, dropout between them (Zagoruyko and
    Komodakis, 2016, arXiv:1605.07146). `se`: squeeze-and-excitation before the sum.
    """

    def __init__(self, cin: int, cout: int, stride: int, dropout: float, se: bool = False):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(cout)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.squeeze = SqueezeExcitation(cout) if se else nn.Identity()
        self.shortcut = None if stride == 1 and cin == cout else Projection(cin, cout, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the module; the class docstring gives the shapes."""
        y = F.relu(self.norm1(x))
        x = x if self.shortcut is None else self.shortcut(y)
        y = self.dropout(F.relu(self.norm2(self.conv1(y))))
        return x + self.squeeze(self.conv2(y))


def conv(cin: int, cout: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """Return convolution, batch normalisation and ReLU: (B, cin, H, W) -> (B, cout, H/s, W/s)."""
    return [nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(cout), nn.ReLU()]


def head(features: int, classes: int, widths: Sequence[int] = (), dropout: float = 0.0,
         layer: type[nn.Module] = nn.Linear) -> list[nn.Module]:
    """Return the layers of a head, (B, features) -> (B, classes) logits: one linear layer, or more through `widths`.

    Dropout comes before each. With layer=nn.Conv2d the layers are 1×1 convolutions, (B, features, H, W) ->
    (B, classes, H, W).
    """
    kernel, layers = (1,) if layer is nn.Conv2d else (), []
    for width in widths:
        check_positive(head_widths=width)
        layers += [nn.Dropout(dropout), mark(layer(features, width, *kernel)), nn.ReLU()]
        features = width
    return [*layers, nn.Dropout(dropout), mark(layer(features, classes, *kernel))]


def halved(canvas: Sequence[int], times: int, up: bool = False) -> int:
    """Return how many pixels remain of a canvas after `times` halvings; each side is rounded down, or `up`."""
    height, width = (-(-side >> times) if up else side >> times for side in canvas)
    if not height * width:
        raise ValueError(f"nothing is left of the picture when it is halved {times} times")
    return height * width


def check_positive(widths: Sequence[int] = (1,), **numbers: int) -> None:
    """Raise ValueError if `widths` is empty, or if a width or one of the numbers is below 1."""
    if not widths:
        raise ValueError("widths must not be empty")
    for name, value in (*(("widths", width) for width in widths), *numbers.items()):
        if value < 1:
            raise ValueError(f"{name} must be 1 at least")


def kaiming_init(net: nn.Module) -> nn.Module:
    """Initialise all convolutions as He et al. (2015, arXiv:1502.01852, fan out) do; return the network."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net
