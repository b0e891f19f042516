"""A residual network for small pictures (He et al., 2015, arXiv:1512.03385), any width and depth."""

from torch import nn
from torch.nn import functional as F


class Step(nn.Module):
    """The basic block: two 3×3 convolutions beside a shortcut, (B, cin, H, W) -> (B, cout, H/s, W/s)."""

    def __init__(self, cin: int, cout: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(cout)
        self.shortcut = nn.Identity() if stride == 1 and cin == cout else nn.Sequential(
            nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))
        nn.init.zeros_(self.norm2.weight)        # starts as its shortcut (Goyal et al., 2017)

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def fan_out(net: nn.Module) -> nn.Module:
    """The net itself, its convolutions begun so that gradients keep their size (He et al., arXiv:1502.01852)."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net


def resnet(channels: int, classes: int, canvas, *, widths=(32, 64, 128), depth: int = 1,
           stem_stride: int = 2, dropout: float = 0.0) -> nn.Module:
    """A stem, then `depth` steps at each of `widths`, each width at half the size, then the mean.

    The mean over all places makes the head's size independent of the canvas.
    """
    if not widths or min(*widths, depth, stem_stride) < 1:
        raise ValueError("depth, stem_stride and every width must be 1 at least")
    layers = [nn.Conv2d(channels, widths[0], 3, stem_stride, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    cin = widths[0]
    for i, width in enumerate(widths):
        for j in range(depth):
            layers.append(Step(cin, width, 2 if i and not j else 1))
            cin = width
    return fan_out(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout),
                                 nn.Linear(cin, classes)))
