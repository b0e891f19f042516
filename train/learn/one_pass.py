"""Go once through all rows of train and val, in the order of their files; end early where it would take too long."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

import torch
from tqdm.auto import tqdm

from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet
from tenfold.train.batches import open_batches
from tenfold.train.device import is_host, synchronise
from tenfold.train.normalise import Normalise

SPLITS = ("train", "val")
_ROWS, _CARD_ROWS = 8, 128   # of a batch: on a CPU few, which stay in its caches. EfficientNet-Lite0 at 192 pixels:
                             # 87 images a second in batches of 8, 42 in batches of 32 (a card: not measured)
_SETTLED = 1.0               # seconds after which the end of the pass is foreseen
_WINDOW = 32                 # MB of images that are read ahead

Source: TypeAlias = Callable[[str], Iterator[tuple[torch.Tensor, torch.Tensor]]]


class NotDoneError(Exception):
    """A pass, or what it is for, is not done, for this reason."""


def pass_rows(device: torch.device) -> int:
    """Return how many rows a batch of a pass has on a device."""
    return _ROWS if is_host(device) else _CARD_ROWS


def pictures(shards: ShardSet, recipe: Recipe, normalise: Normalise) -> Source:
    """Return a function of a split's name that yields its rows as the network sees them, and their labels.

    float (B, C, H, W) and int64 (B,).
    """
    def of(name: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        config = replace(recipe.train, engine="threads", window=_WINDOW, batch=pass_rows(normalise.device))
        with contextlib.closing(open_batches(shards, name, config, recipe.seed, normalise.device,
                                             shuffle=False)) as batches, contextlib.closing(batches.epoch(0)) as epoch:
            for image, label in epoch:
                yield normalise(image), label
    return of


def one_pass(source: Source, rows: dict[str, int], seconds: float,
             device: torch.device) -> Iterator[tuple[str, int, torch.Tensor, torch.Tensor]]:
    """Yield (split, number of the first row, x, label) of each batch of every split of `rows`, with a progress bar.

    NotDoneError: with what is done between, it would take more than so many seconds.
    """
    limit = _Limit(seconds, sum(rows.values()))
    with tqdm(total=sum(rows.values()), desc="features", unit="img", unit_scale=True, disable=None) as bar:
        for name in rows:
            done = 0
            for x, label in source(name):
                yield name, done, x, label
                done += len(label)
                bar.update(len(label))
                synchronise(device)
                limit.check(len(label))


class _Limit:
    """Stops a pass over so many rows that takes more than so many seconds, as soon as that is foreseen."""

    def __init__(self, seconds: float, rows: int):
        self._seconds, self._rows, self._begin = seconds, rows, time.monotonic()
        self._done = self._first = 0             # rows; those of the first batch, which is slower
        self._first_end = 0.0

    def check(self, rows: int) -> None:
        """Note that a batch of rows is done. NotDoneError: the pass would end late."""
        now = time.monotonic()
        if not self._done:
            self._first, self._first_end = rows, now
        self._done += rows
        expected = now - self._begin
        if self._done > self._first and expected > _SETTLED:
            expected += (now - self._first_end) / (self._done - self._first) * (self._rows - self._done)
        if expected > self._seconds:
            raise NotDoneError(f"to do so once would take {expected:.0f} s or more, and {self._seconds:.0f} s of the "
                               "budget are left for it")
