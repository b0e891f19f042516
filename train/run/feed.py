"""Feed: the training and val batches of a run, of one size; images, or in their place features that were kept."""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch

from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet
from tenfold.train.batches import open_batches
from tenfold.train.learn.features import keep_features
from tenfold.train.learn.learner import Learner


class Feed:
    """The engines `train` and `val` (see open_batches) with batches of `batch` rows; to be closed after use."""

    def __init__(self, shards: ShardSet, recipe: Recipe, device: torch.device):
        self._shards, self._recipe = shards, recipe
        self._open: Callable[[str, int], Any] = lambda split, rows: open_batches(
            shards, split, dataclasses.replace(recipe.train, batch=rows), recipe.seed, device, shuffle=split == "train")
        self.train, self.val = (self._open(split, recipe.train.batch_rows) for split in ("train", "val"))
        self.batch: int = self.train.order.sizes[0]

    @property
    def row_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the images."""
        return self._shards.row_shape

    @property
    def val_rows(self) -> int:
        """Rows of val."""
        return self._shards.rows("val")

    @property
    def steps(self) -> int:
        """Training batches of an epoch."""
        return len(self.train.order.sizes)

    def use_batch(self, rows: int) -> None:
        """Hand out batches of so many rows from now on."""
        if rows != self.batch:
            self._reopen(rows)

    def keep_features(self, learner: Learner, seconds: float) -> None:
        """Where the beginning of the network is frozen, compute it once for all rows, in so many seconds at most."""
        orders = {"train": self.train.order, "val": self.val.order}
        if kept := keep_features(learner, self._shards, self._recipe, orders, seconds):
            self._open = lambda split, rows: kept[split].of(rows)
            self._reopen(self.batch)

    def close(self) -> None:
        """Let go of files and threads."""
        self.train.close()
        self.val.close()

    def _reopen(self, rows: int) -> None:
        self.close()
        self.train, self.val, self.batch = self._open("train", rows), self._open("val", rows), rows
