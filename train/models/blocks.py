"""What our own networks are made of."""

from torch import nn
from torch.nn import functional as F


class Squeeze(nn.Module):
    """Squeeze-and-excitation (Hu et al., 2018, arXiv:1709.01507): each channel is weighted, 0 … 1, by what the
    mean of all channels over the whole picture says. (B, C, H, W) -> the same."""

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        narrow = max(channels // reduction, 4)
        self.down, self.up = nn.Linear(channels, narrow), nn.Linear(narrow, channels)

    def forward(self, x):
        weight = self.up(F.relu(self.down(x.mean((2, 3))))).sigmoid()
        return x * weight[:, :, None, None]


class Projection(nn.Conv2d):
    """A shortcut's 1×1 convolution, (B, cin, H, W) -> (B, cout, H/s, W/s).

    oneDNN under torch 2.13 writes beyond its memory in the backward pass of one with a stride and fewer than 8
    channels, channels last, on CPUs with AVX2 and no AVX-512 ("free(): invalid pointer", or worse, nothing):
    there every s-th pixel is taken first, which is the same.
    """

    def __init__(self, cin: int, cout: int, stride: int):
        super().__init__(cin, cout, 1, stride, bias=False)

    def forward(self, x):
        if self.in_channels >= 8:
            return super().forward(x)
        step = self.stride[0]
        return F.conv2d(x[:, :, ::step, ::step], self.weight)


class Step(nn.Module):
    """The basic block (He et al., 2015, arXiv:1512.03385): two 3×3 convolutions beside a shortcut,
    (B, cin, H, W) -> (B, cout, H/s, W/s)."""

    def __init__(self, cin: int, cout: int, stride: int, se: bool = False):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(cout)
        self.squeeze = Squeeze(cout) if se else nn.Identity()
        self.shortcut = nn.Identity() if stride == 1 and cin == cout else nn.Sequential(
            Projection(cin, cout, stride), nn.BatchNorm2d(cout))
        nn.init.zeros_(self.norm2.weight)        # starts as its shortcut (Goyal et al., 2017)

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.squeeze(self.norm2(self.conv2(y))) + self.shortcut(x))


class EarlyStep(nn.Module):
    """The same with normalisation and ReLU before each convolution (He et al., 2016, arXiv:1603.05027), and
    dropout between the two (Zagoruyko and Komodakis, 2016, arXiv:1605.07146)."""

    def __init__(self, cin: int, cout: int, stride: int, dropout: float, se: bool = False):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(cout)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.squeeze = Squeeze(cout) if se else nn.Identity()
        self.shortcut = None if stride == 1 and cin == cout else Projection(cin, cout, stride)

    def forward(self, x):
        y = F.relu(self.norm1(x))
        x = x if self.shortcut is None else self.shortcut(y)
        y = self.dropout(F.relu(self.norm2(self.conv1(y))))
        return x + self.squeeze(self.conv2(y))


def conv(cin: int, cout: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """Convolution, BatchNorm, ReLU; (B, cin, H, W) -> (B, cout, H/s, W/s), rounded up."""
    return [nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(cout), nn.ReLU()]


def head(features: int, classes: int, widths=(), dropout: float = 0.0, layer=nn.Linear) -> list[nn.Module]:
    """Fully connected layers, (B, features) -> (B, classes) logits: one, or through `widths`; dropout before
    each. With nn.Conv2d they are 1×1 convolutions, (B, features, H, W) -> (B, classes, H, W)."""
    size, made = (1,) if layer is nn.Conv2d else (), []
    for width in widths:
        positive(head_widths=width)
        made += [nn.Dropout(dropout), layer(features, width, *size), nn.ReLU()]
        features = width
    return [*made, nn.Dropout(dropout), layer(features, classes, *size)]


def halved(canvas, times: int, up: bool = False) -> int:
    """Places that are left of a canvas once it was halved so many times, rounded up or down."""
    height, width = (-(-side >> times) if up else side >> times for side in canvas)
    if not height * width:
        raise ValueError(f"nothing is left of the picture when it is halved {times} times")
    return height * width


def positive(widths=(1,), **numbers) -> None:
    """ValueError unless there are widths, and they and every number are 1 at least."""
    if not widths:
        raise ValueError("widths must not be empty")
    for name, value in (*(("widths", width) for width in widths), *numbers.items()):
        if value < 1:
            raise ValueError(f"{name} must be 1 at least")


def fan_out(net: nn.Module) -> nn.Module:
    """The net itself, its convolutions begun so that gradients keep their size (He et al., arXiv:1502.01852)."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net
