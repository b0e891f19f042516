"""Batches: load shards in a training loop of your own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

import torch

from tenfold.data.errors import ShardFault, UserFault
from tenfold.data.schema import SPLITS
from tenfold.data.settings import check_count, fill, nearest
from tenfold.data.shardset import ShardSet
from tenfold.data.tables import Train
from tenfold.train import batches as engines
from tenfold.train.batches.engine import Engine
from tenfold.train.device import choose_device

if TYPE_CHECKING:
    Pair = tuple[torch.Tensor, torch.Tensor]


class Batches:
    """One split of a set. Iterating over it is an epoch of (images uint8 (B, H, W, C), labels int64 (B,)) on a device.

        with tenfold.open_batches("shards/photos", batch=128) as batches:
            for epoch in range(10):
                for images, labels in batches:
                    x = images.permute(0, 3, 1, 2).float() / 255         # (B, C, H, W)

    Each pass is the next epoch, in a new order where it is shuffled; `epoch(n)` gives a certain one again. The tensors
    of a batch are the caller's own: they stay as they are while the next ones are read into other memory.
    """

    def __init__(self, engine: Engine, shards: ShardSet, split: str):
        self._engine = engine
        self.shards, self.split = shards, split
        self.classes = shards.classes            # label 0, 1, … in words
        self._next, self._pass, self._is_open = 0, object(), True

    @classmethod
    def open(cls, shards: ShardSet, split: str, *, batch: int, shuffle: bool, seed: int, device: str, engine: str,
             workers: int) -> Self:
        """Open a split as `tenfold.open_batches` does. ShardFault: there is no such split, or it has no rows."""
        if split not in SPLITS:
            raise ShardFault(f"split '{split}'", "is not one", nearest(str(split), SPLITS))
        if not shards.rows(split):
            raise ShardFault(shards.shown, f"has no {split} rows", f"give a recipe with split.{split}")
        settings = fill(Train, {"batch": batch, "engine": engine, "workers": workers}, "open_batches")
        batch = check_count("batch", settings.batch)     # and not "auto"
        config = replace(shards.recipe.train, batch=batch, engine=settings.engine, workers=settings.workers,
                         sampling=0.0)
        seed = check_count("seed", seed, least=0)
        return cls(engines.open_batches(shards, split, config, seed, choose_device(device), shuffle), shards, split)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._engine.order.sizes)

    def __iter__(self) -> Iterator[Pair]:
        self._next += 1
        return self.epoch(self._next - 1)

    def epoch(self, number: int, first: int = 0) -> Iterator[Pair]:
        """Yield the batches of epoch `number`, from batch `first` on; they are the same each time.

        UserFault: they are closed, or another pass was begun before this one ended, and the engine reads one at a time.
        """
        number, first = check_count("epoch", number, least=0), check_count("first", first, least=0)
        self._check_open()
        self._pass = this = object()
        for images, labels in self._engine.epoch(number, first):
            yield images.clone(), labels.clone()         # the engine reuses its buffers
            self._check_open()
            if self._pass is not this and self._engine.name != "memory":
                raise UserFault("open_batches", "a pass goes on after another one was begun, which took its buffers",
                                "call open_batches once for each of them")

    def close(self) -> None:
        """Close files and threads. No pass can be begun or go on afterwards."""
        if self._is_open:
            self._is_open = False
            self._engine.close()

    def _check_open(self) -> None:
        if not self._is_open:                    # the engine would wait for its threads for ever
            raise UserFault("open_batches", "is closed", "iterate within its `with` block, or open it again")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 where: TracebackType | None) -> None:
        self.close()
