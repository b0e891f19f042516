"""Go once through the rows of train and val in the order of their files: all rows, or as many as time allows."""

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import TypeAlias

import torch
from tqdm.auto import tqdm

from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet
from tenfold.train.batches import open_batches
from tenfold.train.device import free_device_memory, is_host, synchronise
from tenfold.train.normalise import Normalise

TRAIN_AND_VAL = ("train", "val")
_MEMORY_SHARE = 1 / 3        # features may take at most this share of the free memory
_ROWS, _GPU_ROWS = 8, 128    # rows of a batch. On a CPU few, which stay in its caches: EfficientNet-Lite0 at 192 pixels
                             # does 87 images a second in batches of 8, 42 in batches of 32 (GPU: not measured)
_SETTLED = 1.0               # seconds after which the end of a pass is extrapolated
_TURNS = ("train", 0.0), ("val", 1 / 3), ("train", 1.0), ("val", 1.0)   # each until this share of the time is used
_WINDOW = 32                 # MB of images that are read ahead

Pairs: TypeAlias = Generator[tuple[torch.Tensor, torch.Tensor], None, None]      # x (B, …), label int64 (B,)
Source: TypeAlias = Callable[[str], Pairs]
Passed: TypeAlias = Iterator[tuple[str, int, torch.Tensor, torch.Tensor]]        # split, number of the first row, …


class NotDoneError(Exception):
    """The reason why a pass over the rows, or what it is for, is not done."""


class NoTimeError(NotDoneError):
    """It is that there is too little time."""


def check_memory(needed: int, device: torch.device) -> None:
    """Raise NotDoneError if features of `needed` bytes would take too much of the device's free memory."""
    if needed > free_device_memory(device) * _MEMORY_SHARE:
        raise NotDoneError(f"its features would take {needed / 2**20:,.0f} MB, more than a third of the free memory")


def pass_rows(device: torch.device) -> int:
    """Return the batch size, in rows, for one pass over a split without gradients."""
    return _ROWS if is_host(device) else _GPU_ROWS


def pictures(shards: ShardSet, recipe: Recipe, normalise: Normalise) -> Source:
    """Return a function of a split's name that yields its rows as the network sees them, float (B, C, H, W), with their
    labels, int64 (B,)."""
    def of(name: str) -> Pairs:
        config = replace(recipe.train, engine="threads", window=_WINDOW, batch=pass_rows(normalise.device))
        with contextlib.closing(open_batches(shards, name, config, recipe.seed, normalise.device,
                                             shuffle=False)) as batches, contextlib.closing(batches.epoch(0)) as epoch:
            for image, label in epoch:
                yield normalise(image), label
    return of


def one_pass(source: Source, rows: dict[str, int], seconds: float, device: torch.device) -> Passed:
    """Yield (split, number of the first row, x, label) of each batch of every split of `rows`, with a progress bar.

    NoTimeError: together with what the caller does in between, it would take more than `seconds`.
    """
    limit = _Limit(seconds, sum(rows.values()))
    with _progress(rows) as bar:
        for name in rows:
            done = 0
            for x, label in source(name):
                yield name, done, x, label
                done += len(label)
                bar.update(len(label))
                synchronise(device)
                limit.check(len(label))


def pass_in_time(source: Source, rows: dict[str, int], seconds: float, device: torch.device) -> Passed:
    """Yield like `one_pass`, but only as many rows as there is time for: at least one batch of train and one of val.

    First comes one batch of train, because the first batch is slower. Then val, for at most a third of the remaining
    seconds, then train, then the rest of val if there is time. The rows of a split are stored in random order
    (preprocess/plan.py), so those that are reached are a fair sample.
    """
    begin = time.monotonic()
    end, done = begin + seconds, dict.fromkeys(rows, 0)
    with _progress(rows) as bar, contextlib.ExitStack() as stack:
        batches = {name: stack.enter_context(contextlib.closing(source(name))) for name in rows}
        for name, share in _TURNS:
            while not done[name] or time.monotonic() < begin + share * (end - begin):
                pair = next(batches[name], None)
                if pair is None:
                    break
                yield name, done[name], *pair
                is_first = not any(done.values())
                done[name] += len(pair[1])
                bar.update(len(pair[1]))
                synchronise(device)
                begin = time.monotonic() if is_first else begin


def _progress(rows: dict[str, int]) -> tqdm:
    return tqdm(total=sum(rows.values()), desc="features", unit="img", unit_scale=True, disable=None)


class _Limit:
    """Stops a pass over `rows` rows as soon as it is clear that it would take more than `seconds`."""

    def __init__(self, seconds: float, rows: int):
        self._seconds, self._rows, self._begin = seconds, rows, time.monotonic()
        self._done = self._first = 0             # rows so far, and rows of the first batch, which is slower
        self._first_end = 0.0

    def check(self, rows: int) -> None:
        """Note that a batch of rows is done. NoTimeError: the pass would end late."""
        now = time.monotonic()
        if not self._done:
            self._first, self._first_end = rows, now
        self._done += rows
        expected = now - self._begin
        if self._done > self._first and expected > _SETTLED:
            expected += (now - self._first_end) / (self._done - self._first) * (self._rows - self._done)
        if expected > self._seconds:
            raise NoTimeError(f"to do so once would take {expected:.0f} s or more, and {self._seconds:.0f} s of the "
                              "budget are left for it")
