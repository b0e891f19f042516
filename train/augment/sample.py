"""Draw and apply random augmentation on the device while training, independently for each image of a batch.

`draw` makes one table of uniform random numbers for a batch, on the device, from a generator seeded by the run's seed,
the epoch and the batch: nothing waits, and a resumed run draws the same numbers. `__call__` is a pure function of
images, labels and that table, so it can be compiled together with the model.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tenfold.data.errors import RecipeFault
from tenfold.data.memory import SCIPY, check_limit
from tenfold.data.random_streams import AUGMENT
from tenfold.data.tables import Augment as Settings
from tenfold.train.augment.ops import BLUR, affine, blur, crop, outside

_COLUMNS = ("shift_y", "shift_x", "flip", "angle", "move_y", "move_x", "scale", "blur", "sigma", "brightness",
            "contrast", "erase", "erase_area", "erase_aspect", "erase_y", "erase_x",
            "mix", "share", "mix_y", "mix_x", "partner")
_ASPECT = 3.3                # largest ratio of the sides of an erased box (arXiv:1708.04896)
_QUANTILES = 4096


def make_augment(config: Settings, shape: Sequence[int], device: torch.device, seed: int) -> "Augment | None":
    """Return the augmentation that the recipe asks for, or None if it asks for none.

    shape: (H, W) of the images, as the network sees them. RecipeFault: a crop or a blur would mirror more pixels than
    the image has.
    """
    if config.border == "reflect" and config.crop >= min(shape):
        raise RecipeFault("[augment] crop", f"of {config.crop} pixels mirrors more than an image of {shape[0]}×"
                          f"{shape[1]}", f"give {min(shape) - 1} at most, or border = \"zero\"")
    if config.blur and min(shape) <= BLUR // 2:
        raise RecipeFault("[augment] blur", f"takes {BLUR}×{BLUR} pixels of an image of {shape[0]}×{shape[1]}",
                          "leave it out, or raise model.size")
    if not any((config.crop, config.flip, config.rotation, config.translate, config.scale != (1.0, 1.0), config.blur,
                config.brightness, config.contrast, config.erase, config.cutmix, config.mixup)):
        return None
    return Augment(config, device, seed)


class Augment:
    """Draws the random numbers of a batch, and augments it: images and labels -> images and targets of the loss."""

    def __init__(self, config: Settings, device: torch.device, seed: int):
        self.config, self.device, self.seed = config, device, seed
        self._generator = torch.Generator(device)
        self._quantiles = {name: torch.tensor(_quantiles(alpha), dtype=torch.float32, device=device)
                           for name, alpha, share in (("cutmix", config.cutmix_alpha, config.cutmix),
                                                      ("mixup", config.mixup_alpha, config.mixup)) if share}

    def draw(self, epoch: int, batch: int, rows: int) -> torch.Tensor:
        """Return float32 (rows, columns), uniform in 0 … 1: all random numbers of one batch."""
        key = np.random.SeedSequence([self.seed, AUGMENT, epoch, batch]).generate_state(1, np.uint64)[0]
        self._generator.manual_seed(int(key >> np.uint64(1)))
        return torch.rand(rows, len(_COLUMNS), generator=self._generator, device=self.device)

    def __call__(self, image: torch.Tensor, label: torch.Tensor, numbers: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """Augment normalised float (B, C, H, W) with labels int64 (B,).

        Returns the images and the targets of the loss: the labels (B,), or if images are mixed (label, label of the
        other image, share of the first, float (B,)).
        """
        u = dict(zip(_COLUMNS, numbers.unbind(1), strict=True))
        image = self._tone(self._blur(self._move(image, u), u), u)
        if self.config.erase:
            image = self._erase(image, u)
        if self.config.cutmix or self.config.mixup:
            return self._mix(image, label, u)
        return image, label

    def _move(self, image, u):
        """Crop and flip by copying, if nothing else moves the image; else do all moves in one resampling."""
        config, (height, width) = self.config, image.shape[2:]
        steps = 2 * config.crop + 1
        dy, dx = ((u[name] * steps).long().clamp_max(steps - 1) for name in ("shift_y", "shift_x"))     # 0 … 2 crop
        flip = u["flip"] < config.flip
        if not (config.rotation or config.translate or config.scale != (1.0, 1.0)):
            if config.flip:
                image = torch.where(flip[:, None, None, None], image.flip(3), image)
            return crop(image, dy, dx, config.crop, config.border) if config.crop else image
        low, high = config.scale
        down, right = (_around(u[f"move_{axis}"], config.translate * side) + config.crop - d
                       for axis, side, d in (("y", height, dy), ("x", width, dx)))
        return affine(image, torch.deg2rad(_around(u["angle"], config.rotation)), low + (high - low) * u["scale"],
                      down, right, flip, config.border)

    def _blur(self, image, u):
        if not self.config.blur:
            return image
        low, high = self.config.blur_sigma
        return blur(image, torch.where(u["blur"] < self.config.blur, low + (high - low) * u["sigma"], 0.0))

    def _tone(self, image, u):
        if self.config.contrast:
            mean = image.mean((1, 2, 3), keepdim=True)
            image = mean + (image - mean) * (1 + _around(u["contrast"], self.config.contrast)).view(-1, 1, 1, 1)
        if self.config.brightness:
            image = image + _around(u["brightness"], self.config.brightness).view(-1, 1, 1, 1)
        return image

    def _erase(self, image, u):
        """Random erasing (Zhong et al., 2017, arXiv:1708.04896), with the training mean. With boxes of one area it
        is nearly Cutout (arXiv:1708.04552)."""
        low, high = self.config.erase_area
        area = torch.where(u["erase"] < self.config.erase, low + (high - low) * u["erase_area"], 0.0)
        aspect = _ASPECT ** _around(u["erase_aspect"], 1.0)
        kept = outside(image.shape[2:], u["erase_y"], u["erase_x"], (area * aspect).sqrt(),
                       (area / aspect).sqrt(), keep_whole=True)
        return torch.where(kept, image, 0.0)

    def _mix(self, image, label, u):
        """CutMix (Yun et al., 2019, arXiv:1905.04899) or mixup (Zhang et al., 2018, arXiv:1710.09412), each image
        with its own share and partner."""
        other = u["partner"].argsort()           # a permutation
        theirs = image[other]
        cut, blend = u["mix"] < self.config.cutmix, (u["mix"] >= 1 - self.config.mixup)
        share = torch.ones_like(u["mix"])        # of the image itself
        if self.config.mixup:
            share = torch.where(blend, self._beta("mixup", u["share"]), share)
            image = torch.lerp(theirs, image, share.view(-1, 1, 1, 1))
        if self.config.cutmix:
            side = torch.where(cut, 1 - self._beta("cutmix", u["share"]), 0.0).sqrt()
            mine = outside(image.shape[2:], u["mix_y"], u["mix_x"], side, side)
            image = torch.where(mine, image, theirs)
            share = torch.where(cut, mine.float().mean((1, 2, 3)), share)      # exact, also if the border cut the box
        return image, (label, label[other], share)

    def _beta(self, name: str, u: torch.Tensor) -> torch.Tensor:
        """Turn uniform numbers into Beta(alpha, alpha) ones by its quantiles."""
        table, position = self._quantiles[name], u * _QUANTILES
        below = position.long().clamp_max(_QUANTILES - 1)
        return torch.lerp(table[below], table[below + 1], position - below)


def _quantiles(alpha: float) -> np.ndarray:
    """Return the quantiles of Beta(alpha, alpha), float64 (_QUANTILES + 1,), from 0 to 1."""
    share = np.arange(_QUANTILES + 1) / _QUANTILES
    if alpha == 1:
        return share
    check_limit(SCIPY)
    from scipy.special import betaincinv  # comes with scikit-learn; half a second to import
    return betaincinv(alpha, alpha, share)


def _around(u: torch.Tensor, reach: float) -> torch.Tensor:
    """Turn uniform numbers in 0 … 1 into uniform numbers in -reach … reach."""
    return (2 * u - 1) * reach
