"""A first layer of fixed filters that whiten the patches of the training images."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional as F

_SIDE = 3                    # pixels on each side of a patch
FILTERS = 2 * _SIDE**2       # results for each channel: two of opposite sign for each direction
_PATCHES = 1_000_000         # their covariance is measured on at least so many, or on all there are
_LEAST = 1e-2                # added to each variance, so that noise is not enlarged; in units of the normalised images


class Whitening(nn.Module):
    """A 3×3 convolution with fixed whitening filters and its negative, then ReLU: (B, C, H, W) -> (B, 18C, H/s, W/s).

    The filters are the 9C principal components of the training images' patches, each divided by the patches' standard
    deviation along it. From cifar10-airbench (Jordan, 2024, arXiv:2404.00498). They are not trained. They are 0, and so
    is the output, until `fit_whitening` sets them.
    """

    def __init__(self, channels: int, stride: int = 1):
        super().__init__()
        self.stride = stride
        self.directions: torch.Tensor
        self.register_buffer("directions", torch.zeros(channels * _SIDE**2, channels, _SIDE, _SIDE))

    @property
    def is_fitted(self) -> bool:
        """Return whether `fit_whitening` has set the directions, or they came with loaded weights."""
        return bool(self.directions.any())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the module; the class docstring gives the shapes."""
        y = F.conv2d(x, self.directions, stride=self.stride, padding=_SIDE // 2)
        return torch.cat([y, -y], 1).relu()

    def extra_repr(self) -> str:
        """Return what `print(model)` shows in the layer's parentheses."""
        return f"stride={self.stride}"


@torch.no_grad()
def fit_whitening(layers: Iterable[Whitening], images: Iterable[torch.Tensor]) -> None:
    """Compute whitening directions from images, and set them in `layers`, which must take such images as input.

    images: batches of normalised training images, float (B, C, H, W); no more are read than are needed.
    """
    variance, direction = torch.linalg.eigh(patch_covariance(images))
    for layer in layers:
        whitened = (direction / (variance + _LEAST).sqrt()).T
        layer.directions.copy_(whitened.reshape(layer.directions.shape))


def patch_covariance(images: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return the covariance of the 3×3 patches of normalised images, float64 (9C, 9C), on the CPU.

    The mean of the patches is not subtracted: it is about 0 after normalisation.
    """
    products, count = torch.zeros(()), 0
    for x in images:
        if min(x.shape[2:]) < _SIDE:             # no patch fits into it
            x = F.pad(x, (1, 1, 1, 1))
        patches = F.unfold(x.float(), _SIDE).transpose(1, 2).flatten(0, 1)
        products, count = products + (patches.T @ patches).cpu().double(), count + len(patches)
        if count >= _PATCHES:
            break
    return products / count
