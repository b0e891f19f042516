"""What all engines have in common."""

from collections.abc import Generator
from typing import Protocol

import torch

from tenfold.train.batches.order import Order


class Engine(Protocol):
    """Hands out the batches of one split."""

    @property
    def name(self) -> str:
        """The name that `train.engine` of a recipe has for it."""

    @property
    def order(self) -> Order:
        """The order of the rows; `order.sizes` are the numbers of rows of the batches."""

    def epoch(self, number: int, first: int = 0) -> Generator[tuple[torch.Tensor, ...], None, None]:
        """Yield (image uint8 (B, H, W, C), or kept features (B, …), label int64 (B,)), from batch `first` on.

        Both lie on the engine's device, and are valid until the next pair is requested.
        """

    def close(self) -> None:
        """Close files and end threads."""
