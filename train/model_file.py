"""Model: open best.pth for inference, as a network on a device with its classes, recipe and normalisation."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold.data.contrast import trained_contrast
from tenfold.data.errors import CheckpointFault, SourceFault
from tenfold.data.out_of_memory import IN_INFERENCE, memory_fault
from tenfold.data.recipe import Recipe
from tenfold.train.device import choose_device
from tenfold.train.normalise import Normalise
from tenfold.train.run.checkpoint import restore
from tenfold.train.score.evaluate import forward
from tenfold.train.score.tta import MeanOfViews, choose_views


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network and all that it needs to classify pictures."""
    path: Path                       # absolute, so it holds after the current folder has changed
    shown: Path                      # as it was given, for messages
    classes: tuple[str, ...]
    recipe: Recipe
    content: dict[str, Any]          # the checkpoint without its weights
    network: torch.nn.Module         # on `device`, in evaluation mode
    normalise: Normalise
    device: torch.device

    @classmethod
    def open(cls, path: str | os.PathLike[str], device: str | None = None) -> Self:
        """Open best.pth on `device` (default: the best there is). CheckpointFault: missing, damaged or foreign."""
        network, recipe, content = restore(path)
        where = choose_device(device)
        network.to(where, memory_format=torch.channels_last)
        content = {key: value for key, value in content.items() if key != "weights"}
        normalise = Normalise(content["mean"], content["std"], where, recipe.model.size)
        return cls(Path(path).absolute(), Path(path), tuple(content["classes"]), recipe, content, network.eval(),
                   normalise, where)

    def __repr__(self) -> str:
        return (f"{type(self).__name__}('{self.shown}', {self.content['model']}, "
                f"{len(self.classes)} classes, {self.device})")

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) in pixels of the pictures that it takes."""
        height, width = self.content["canvas"]
        return height, width

    @property
    def channels(self) -> int:
        """1 for grey pictures, 3 for RGB."""
        return int(self.content["channels"])

    @property
    def row_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one picture."""
        return (*self.canvas, self.channels)

    @property
    def contrast(self) -> list[int] | None:
        """The contrast [from, to] of the training images, 0..255; None: it is not known, or does not matter."""
        return trained_contrast(self.content, self.recipe)

    def with_tta(self, tta: int) -> torch.nn.Module:
        """Return the network that averages over `tta` views of pictures that it is unsure of.

        UserFault: the recipe allows fewer.
        """
        views = choose_views(tta, self.recipe.draw, self.recipe.augment)
        temperature = self.content.get("temperature", 1.0)
        return MeanOfViews(self.network, views, temperature) if len(views) > 1 else self.network

    @memory_fault("inference", IN_INFERENCE)
    def probabilities(self, images: NDArray[np.uint8], tta: int = 1) -> NDArray[np.float32]:
        """Classify pictures in the form of shards: uint8 (N, H, W, C) -> float32 (N, classes), each row's sum 1.

        Pictures in files go through `tenfold.preprocess.plain_view` first. SourceFault: another shape or type.
        """
        if images.dtype != np.uint8 or images.shape[1:] != self.row_shape:
            raise SourceFault("images", f"are {images.dtype} {images.shape}, and {self.shown} takes uint8 "
                              f"(N, {', '.join(map(str, self.row_shape))})", "use Model.predict for other pictures")
        network, precision = self.with_tta(tta), self.recipe.train.precision
        parts = [torch.zeros(0, len(self.classes))]
        with torch.no_grad():
            # a copy, because torch warns of arrays that are not writable
            for batch in torch.from_numpy(images.copy()).split(self.recipe.train.batch_rows):
                parts.append(forward(network, batch.to(self.device), self.normalise, precision).cpu())
        return self.shares(torch.cat(parts))

    def shares(self, logits: torch.Tensor) -> NDArray[np.float32]:
        """Convert logits (N, classes) on the CPU to probabilities, by the temperature that val chose.

        CheckpointFault: they are not finite.
        """
        logits = logits / self.content.get("temperature", 1.0)
        if not logits.isfinite().all():
            raise CheckpointFault(self.shown, "gives numbers that are not finite",
                                  "train it again, with a lower train.lr")
        values: NDArray[np.float32] = logits.softmax(1).numpy()
        return values
