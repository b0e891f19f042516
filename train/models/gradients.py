"""A fixed first layer that computes the strength and direction of edges, relative to those around them."""

import torch
from torch import nn
from torch.nn import functional as F

_ORDERS = 3                  # terms of the Fourier series over the angle, enough to tell six directions apart
PLANES = 1 + 2 * _ORDERS     # for each channel: strength, and a cosine and a sine of each order
_WINDOW = 3                  # cells on each side of the square over which strength is averaged
_FAINT = 0.1                 # weaker edges count for less; in units of the normalised picture


class Gradients(nn.Module):
    """Strength and direction of the gradients of each channel, in cells: (B, C, H, W) -> (B, 7C, H/cell, W/cell).

    Like histograms of oriented gradients (Dalal and Triggs, 2005), but the histogram over angles is replaced by the
    first terms of its Fourier series (Liu et al., 2014, doi:10.1007/s11263-013-0634-z), and each cell is divided by the
    mean strength of the 3×3 cells around it. Dark on light gives the same result as light on dark, and a strong
    contrast nearly the same as a stronger one. The layer has no weights. H/cell is rounded down.
    """

    def __init__(self, cell: int):
        super().__init__()
        self.cell = cell

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the module; the class docstring gives the shapes."""
        dtype, x = x.dtype, F.pad(x.float(), (1, 1, 1, 1), mode="replicate")
        dx = (x[:, :, 1:-1, 2:] - x[:, :, 1:-1, :-2]) / 2
        dy = (x[:, :, 2:, 1:-1] - x[:, :, :-2, 1:-1]) / 2
        xx, yy = dx * dx, dy * dy
        strength = (xx + yy + 1e-8).sqrt()       # the square root has no derivative at 0
        cosine, sine = (xx - yy) / strength, 2 * dx * dy / strength      # of twice the angle, times the strength
        turn_x, turn_y = cosine / strength, sine / strength
        planes = [F.avg_pool2d(plane, self.cell) for plane in (strength, cosine, sine)]
        for _ in range(_ORDERS - 1):             # cosine and sine of the next multiple of the angle
            cosine, sine = cosine * turn_x - sine * turn_y, sine * turn_x + cosine * turn_y
            planes += [F.avg_pool2d(plane, self.cell) for plane in (cosine, sine)]
        around = F.avg_pool2d(planes[0], _WINDOW, 1, _WINDOW // 2, count_include_pad=False) + _FAINT
        return torch.stack([plane / around for plane in planes], 2).flatten(1, 2).to(dtype)

    def extra_repr(self) -> str:
        """Return what `print(model)` shows in the layer's parentheses."""
        return f"cell={self.cell}"
