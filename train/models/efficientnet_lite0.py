"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation and with ReLU6, by name: efficientnet_lite0.

The modules have the names that the file of published weights uses, so it can be loaded as it is (models/pretrained.py).
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from tenfold.train.models.blocks import head, kaiming_init
from tenfold.train.models.head import mark

# (expansion, kernel, stride, channels, blocks) of each stage: EfficientNet-B0's (arXiv:1905.11946, table 1)
_STAGES = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
           (6, 3, 1, 320, 1))
_STEM, _FEATURES = 32, 1280


class SamePad(nn.Module):
    """TensorFlow's "same" padding with zeros before a convolution of stride 2, (B, C, H, W) -> (B, C, H + p, W + q).

    An even side gets one zero less at its beginning than at its end; an odd side gets the same number at both ends.
    """

    def __init__(self, kernel: int):
        super().__init__()
        self.end = kernel // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the module; the class docstring gives the shapes."""
        top, left = self.end - 1 + x.shape[2] % 2, self.end - 1 + x.shape[3] % 2     # no `if`: torch.fx can follow it
        return F.pad(x, (left, self.end, top, self.end))


class InvertedResidual(nn.Module):
    """MBConv (Sandler et al., 2018, arXiv:1801.04381), (B, cin, H, W) -> (B, cout, H/s, W/s), rounded up.

    A 1×1 convolution to `expansion` times the channels, a depthwise convolution, and a 1×1 convolution to `cout`; each
    is followed by batch normalisation, the first two by ReLU6. If the shape does not change, the input is added.
    """

    def __init__(self, cin: int, cout: int, expansion: int, kernel: int, stride: int):
        super().__init__()
        wide = cin * expansion
        if expansion > 1:
            self._expand_conv = _conv(cin, wide)
            self._bn0 = _norm(wide)
        self.pad = SamePad(kernel) if stride == 2 else nn.Identity()
        self._depthwise_conv = _conv(wide, wide, kernel, stride, groups=wide)
        self._bn1 = _norm(wide)
        self._project_conv = _conv(wide, cout)
        self._bn2 = _norm(cout)
        self.expands, self.adds = expansion > 1, stride == 1 and cin == cout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the module; the class docstring gives the shapes."""
        y = x
        if self.expands:
            y = F.relu6(self._bn0(self._expand_conv(y)), inplace=True)
        y = F.relu6(self._bn1(self._depthwise_conv(self.pad(y))), inplace=True)
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """The network that `efficientnet_lite0` builds, (B, channels, H, W) -> (B, classes)."""

    def __init__(self, channels: int, classes: int, head_widths: Sequence[int], dropout: float):
        super().__init__()
        self.pad = SamePad(3)
        self._conv_stem = _conv(channels, _STEM, 3, 2)
        self._bn0 = _norm(_STEM)
        blocks, cin = [], _STEM
        for expansion, kernel, stride, cout, count in _STAGES:
            for i in range(count):
                blocks.append(InvertedResidual(cin, cout, expansion, kernel, 1 if i else stride))
                cin = cout
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = _conv(cin, _FEATURES)
        self._bn1 = _norm(_FEATURES)
        self._dropout, *layers = head(_FEATURES, classes, head_widths, dropout)
        self._fc = mark(nn.Sequential(*layers)) if head_widths else layers[0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the module; the class docstring gives the shapes."""
        x = F.relu6(self._bn0(self._conv_stem(self.pad(x))), inplace=True)
        x = self._blocks(x)
        x = F.relu6(self._bn1(self._conv_head(x)), inplace=True)
        return self._fc(self._dropout(x.mean((2, 3))))


def efficientnet_lite0(channels: int, classes: int, canvas: Sequence[int], *, head_widths: Sequence[int] = (),
                       dropout: float = 0.2) -> nn.Module:
    """Build EfficientNet-Lite0 (Tan and Le, 2019, arXiv:1905.11946; Lite: TensorFlow's tpu repository, 2020).

    (B, channels, H, W) -> (B, classes); any canvas. 4.65 M parameters with 1000 classes. There is no stochastic depth.
    """
    return kaiming_init(EfficientNetLite0(channels, classes, head_widths, dropout))


def _conv(cin: int, cout: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    padding = 0 if stride == 2 else kernel // 2              # with stride 2, SamePad has padded the input
    return nn.Conv2d(cin, cout, kernel, stride, padding, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)     # TensorFlow's momentum of 0.99
