"""Turn pixels as they are stored into what a network sees."""

from collections.abc import Sequence

import torch
from torch.nn import functional as F


def seen_size(canvas: Sequence[int], size: int) -> tuple[int, int]:
    """Return the (height, width) that the network sees of rows of `canvas` (height, width).

    Their shorter side becomes `size`, in proportion; 0: the rows' own.
    """
    shorter = min(canvas) if size else 1
    height, width = (round(side * (size or 1) / shorter) for side in canvas)
    return height, width


class Normalise:
    """Turn uint8 (B, H, W, C) into float (B, C, H', W'), zero mean and unit deviation per channel, on its device.

    The pixels come as they lie on disk, so the result has the memory format channels_last without
    a copy, and a quarter of float32's bytes crossed the bus. H' and W' are `seen_size` of `size`, bilinear. What is
    float already, the kept features of a frozen network, is returned as it is.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: torch.device, size: int = 0):
        self.device = device
        self._mean = torch.tensor([255 * m for m in mean], device=device).view(1, -1, 1, 1)
        self._scale = torch.tensor([1 / (255 * max(s, 1e-6)) for s in std], device=device).view(1, -1, 1, 1)
        self._size = size

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        if image.is_floating_point():
            return image
        x = (image.permute(0, 3, 1, 2).float() - self._mean) * self._scale
        size = seen_size(x.shape[2:], self._size)
        if size == x.shape[2:]:
            return x
        # antialiasing changes nothing if the picture is enlarged, but takes more time
        return F.interpolate(x, size, mode="bilinear", antialias=size[0] < x.shape[2])
