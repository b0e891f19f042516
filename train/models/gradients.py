"""The first layer that knows edges: how strong they are and where they point, beside those around them."""

import torch
from torch import nn
from torch.nn import functional as F

_ORDERS = 3                  # of the series in the angle: six directions are told apart
PLANES = 1 + 2 * _ORDERS     # for each channel: strength, and a cosine and a sine of each order
_WINDOW = 3                  # cells over which strength is compared
_FAINT = 0.1                 # strength, in units of the normalised picture, below which an edge counts for less


class Gradients(nn.Module):
    """Gradients of each channel by strength and direction, in cells: (B, C, H, W) -> (B, 7C, H/cell, W/cell).

    Like histograms of oriented gradients (Dalal and Triggs, 2005), with the histogram over angles written as the first
    terms of its Fourier series (Liu et al., 2014, doi:10.1007/s11263-013-0634-z), and each cell divided by the mean
    strength of the 3×3 around it. Dark on light gives the same as light on dark, and strong contrast nearly the same as
    stronger. Nothing in it is learnt. H/cell is rounded down.
    """

    def __init__(self, cell: int):
        super().__init__()
        self.cell = cell

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply it; shapes as in the class's first line."""
        kind, x = x.dtype, F.pad(x.float(), (1, 1, 1, 1), mode="replicate")
        dx = (x[:, :, 1:-1, 2:] - x[:, :, 1:-1, :-2]) / 2
        dy = (x[:, :, 2:, 1:-1] - x[:, :, :-2, 1:-1]) / 2
        xx, yy = dx * dx, dy * dy
        strength = (xx + yy + 1e-8).sqrt()       # the root of 0 has no slope
        cosine, sine = (xx - yy) / strength, 2 * dx * dy / strength      # of twice the angle, times the strength
        turn_x, turn_y = cosine / strength, sine / strength
        planes = [F.avg_pool2d(plane, self.cell) for plane in (strength, cosine, sine)]
        for _ in range(_ORDERS - 1):
            cosine, sine = cosine * turn_x - sine * turn_y, sine * turn_x + cosine * turn_y
            planes += [F.avg_pool2d(plane, self.cell) for plane in (cosine, sine)]
        around = F.avg_pool2d(planes[0], _WINDOW, 1, _WINDOW // 2, count_include_pad=False) + _FAINT
        return torch.stack([plane / around for plane in planes], 2).flatten(1, 2).to(kind)

    def extra_repr(self) -> str:
        """What `print(model)` says of it."""
        return f"cell={self.cell}"
