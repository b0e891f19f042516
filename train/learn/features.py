"""Compute the frozen part of a network once for each row, keep the features, and train the rest on them."""

import contextlib
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet
from tenfold.train.batches import open_batches
from tenfold.train.batches.order import Order
from tenfold.train.device import synchronise
from tenfold.train.learn.frozen import accept_features, agrees, split
from tenfold.train.learn.learner import Learner
from tenfold.train.memory import free_memory
from tenfold.train.precision import autocast

_SPLITS = ("train", "val")
_SHARE = 3                   # features may take one part of so many of the free memory
_TRIED = 8                   # rows on which the two parts are compared with the whole network
_SETTLED = 1.0               # seconds after which the end of the pass is foreseen
_WINDOW = 32                 # MB of images that are read ahead


class Features:
    """The features of all rows of a split with their labels, in the order of its files, in the device's memory.

    like: features (B, …) of some rows. A batch of any rows lies in memory as `like` does, since dropout draws its
    random numbers in that order.
    """

    def __init__(self, rows: int, like: torch.Tensor):
        like = like if _is_dense(like) else like.contiguous()
        self.row_shape, self._strides = like.shape[1:], like.stride()[1:]
        self._values = like.new_empty(rows, self.row_shape.numel())
        self._label = torch.empty(rows, dtype=torch.int64, device=like.device)

    @property
    def device(self) -> torch.device:
        """Where they lie."""
        return self._label.device

    @property
    def bytes(self) -> int:
        """Bytes of all features."""
        return self._values.nbytes

    def put(self, start: int, features: torch.Tensor, label: torch.Tensor) -> None:
        """Keep the features and labels of the rows from `start` on."""
        self._shaped(self._values[start:start + len(label)]).copy_(features)
        self._label[start:start + len(label)] = label

    def take(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (features (B, …), label int64 (B,)) of rows int64 (B,), in memory of their own."""
        return self._shaped(self._values.index_select(0, rows)), self._label.index_select(0, rows)

    def _shaped(self, values: torch.Tensor) -> torch.Tensor:
        return values.as_strided((len(values), *self.row_shape), (values.shape[1], *self._strides),
                                 values.storage_offset())


@dataclass(frozen=True)
class FeatureBatches:
    """An engine that hands out kept features in the place of images; see `open_batches`."""
    features: Features
    order: Order
    name = "features"

    def of(self, batch: int) -> "FeatureBatches":
        """Return the same rows in batches of another size."""
        return replace(self, order=replace(self.order, batch=batch))

    def epoch(self, number: int, first: int = 0) -> Generator[tuple[torch.Tensor, ...], None, None]:
        """Yield (features (B, …), label int64 (B,)) of each batch of an epoch from `first` on."""
        batches = list(self.order.rows(number, first))
        if batches:
            uploaded = torch.from_numpy(np.concatenate(batches)).to(self.features.device)
            for rows in uploaded.split([len(rows) for rows in batches]):
                yield self.features.take(rows)

    def close(self) -> None:
        """Do nothing: there are no files and no threads to let go of."""


class _AnewError(Exception):
    """Features are not kept, for this reason."""


def keep_features(learner: Learner, shards: ShardSet, recipe: Recipe, orders: dict[str, Order],
                  seconds: float) -> dict[str, FeatureBatches] | None:
    """Compute the frozen part of the learner's network for every row; from then on the network takes features too.

    Returns engines that hand them out, for "train" and "val", in batches of the same `orders`. None: nothing at the
    network's beginning is frozen, or a single epoch is planned; or it is not done for a reason that is printed:
    pictures change on the device, the memory is short, or it takes more than `seconds`.
    """
    parts = split(learner.model) if recipe.model.freeze and recipe.train.epochs > 1 else None
    if parts is None:
        return None
    begin = time.monotonic()
    try:
        kept = _compute(learner, parts.parts(learner.model), shards, recipe, seconds)
    except _AnewError as reason:
        print(f"note: the frozen part of '{recipe.model.name}' is computed anew in every epoch: {reason}")
        return None
    for model in {id(m): m for m in (learner.model, learner.ema.module)}.values():
        accept_features(model, parts.parts(model)[1], kept["train"].row_shape)
    learner.features = kept["train"]
    print(f"the frozen part of '{recipe.model.name}' was computed once for each of "
          f"{sum(map(shards.rows, _SPLITS))} rows, in {time.monotonic() - begin:.1f} s: "
          f"{sum(features.bytes for features in kept.values()) / 2**20:,.0f} MB of features are kept")
    return {name: FeatureBatches(kept[name], orders[name]) for name in _SPLITS}


def _compute(learner: Learner, parts: tuple[nn.Module, nn.Module], shards: ShardSet, recipe: Recipe,
             seconds: float) -> dict[str, Features]:
    """The features of all rows, by split. _AnewError: not here, or not in so many seconds."""
    if learner.numbers(0, 0, 1) is not None:
        raise _AnewError("[augment] changes the pictures")
    rows = {name: shards.rows(name) for name in _SPLITS}
    kept: dict[str, Features] = {}
    limit = _Limit(seconds, sum(rows.values()))
    with tqdm(total=sum(rows.values()), desc="features", unit="img", unit_scale=True, disable=None) as bar:
        for name in _SPLITS:
            done = 0
            for x, label in _pictures(learner, shards, name, recipe):
                with torch.no_grad(), autocast(x.device, recipe.train.precision):
                    features = parts[0](x)
                if not kept:
                    _check(learner.model, parts, x, features, sum(rows.values()))
                    kept = {split: Features(count, features) for split, count in rows.items()}
                kept[name].put(done, features, label)
                done += len(label)
                bar.update(len(label))
                synchronise(x.device)
                limit.check(len(label))
    return kept


def _pictures(learner: Learner, shards: ShardSet, name: str, recipe: Recipe) -> Iterator[tuple[torch.Tensor, ...]]:
    """Every row of a split, as the network sees it, with its label: float (B, C, H, W), int64 (B,)."""
    config = replace(recipe.train, engine="threads", window=_WINDOW)
    with contextlib.closing(open_batches(shards, name, config, recipe.seed, learner.normalise.device,
                                         shuffle=False)) as batches, contextlib.closing(batches.epoch(0)) as epoch:
        for image, label in epoch:
            yield learner.normalise(image), label


def _check(model: nn.Module, parts: tuple[nn.Module, nn.Module], x: torch.Tensor, features: torch.Tensor,
           rows: int) -> None:
    """Raise _AnewError if features of the kind are too many, cannot be told from pictures, or lead elsewhere."""
    needed, free = features[0].nbytes * rows, free_memory(x.device)
    if needed > free / _SHARE:
        raise _AnewError(f"its features would take {needed / 2**20:,.0f} MB, more than a third of the free memory")
    if features.shape[1:] == x.shape[1:] or not agrees(model, parts, x[:_TRIED]):
        raise _AnewError("it cannot be taken apart from the rest")


class _Limit:
    """Stops a pass over so many rows that takes more than so many seconds, as soon as that is foreseen."""

    def __init__(self, seconds: float, rows: int):
        self._seconds, self._rows, self._begin = seconds, rows, time.monotonic()
        self._done = self._first = 0             # rows; those of the first batch, which is slower
        self._first_end = 0.0

    def check(self, rows: int) -> None:
        """Note that a batch of rows is done. _AnewError: the pass would end late."""
        now = time.monotonic()
        if not self._done:
            self._first, self._first_end = rows, now
        self._done += rows
        expected = now - self._begin
        if self._done > self._first and expected > _SETTLED:
            expected += (now - self._first_end) / (self._done - self._first) * (self._rows - self._done)
        if expected > self._seconds:
            raise _AnewError(f"to do so once would take {expected:.0f} s or more, over half of the time left")


def _is_dense(features: torch.Tensor) -> bool:
    """Whether each row fills its memory without gaps, in any order of its axes, one row after the other."""
    size = features.shape[1:].numel()
    spread = sum((n - 1) * step for n, step in zip(features.shape[1:], features.stride()[1:], strict=True))
    return features.stride(0) == size and spread == size - 1
