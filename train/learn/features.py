"""Compute the frozen first part of a network once for each row, keep the features, and train the rest on them."""

import time
from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet
from tenfold.train.batches.order import Order
from tenfold.train.learn.frozen import accept_features, agrees, split_network
from tenfold.train.learn.learner import Learner
from tenfold.train.learn.one_pass import (
    TRAIN_AND_VAL,
    NotDoneError,
    NoTimeError,
    Pairs,
    check_memory,
    one_pass,
    pictures,
)
from tenfold.train.models.folded import folded
from tenfold.train.precision import autocast

_TRIED = 8                   # rows on which the two parts are compared with the whole network


class Features:
    """The features and labels of all rows of a split, in the order of its files, in the device's memory.

    like: features (B, …) of some rows. All batches have the memory layout of `like`, because dropout draws its random
    numbers in that order.
    """

    def __init__(self, rows: int, like: torch.Tensor):
        like = like if _is_dense(like) else like.contiguous()
        self.row_shape, self._strides = like.shape[1:], like.stride()[1:]
        self._values = like.new_empty(rows, self.row_shape.numel())
        self._label = torch.empty(rows, dtype=torch.int64, device=like.device)

    @property
    def device(self) -> torch.device:
        """The device that holds the features."""
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

    def in_order(self, batch: int) -> Pairs:
        """Yield (features (B, …), label int64 (B,)) of all rows in turn, as views, not copies."""
        for values, label in zip(self._values.split(batch), self._label.split(batch), strict=True):
            yield self._shaped(values), label

    def _shaped(self, values: torch.Tensor) -> torch.Tensor:
        return values.as_strided((len(values), *self.row_shape), (values.shape[1], *self._strides),
                                 values.storage_offset())


@dataclass(frozen=True)
class FeatureBatches:
    """An engine that yields kept features in place of images; see `open_batches`."""
    features: Features
    order: Order
    name: str = "features"
    name = "features"

    def of(self, batch: int) -> "FeatureBatches":
        """Return the same rows in batches of another size."""
        return replace(self, order=replace(self.order, batch=batch))

    def epoch(self, number: int, first: int = 0) -> Generator[tuple[torch.Tensor, ...], None, None]:
        """Yield (features (B, …), label int64 (B,)) of each batch of epoch `number`, from batch `first` on."""
        batches = list(self.order.rows(number, first))
        if batches:
            uploaded = torch.from_numpy(np.concatenate(batches)).to(self.features.device)
            for rows in uploaded.split([len(rows) for rows in batches]):
                yield self.features.take(rows)

    def close(self) -> None:
        """Do nothing: there are no files and no threads to close."""


def keep_features(learner: Learner, shards: ShardSet, recipe: Recipe, orders: dict[str, Order],
                  seconds: float) -> dict[str, FeatureBatches] | None:
    """Compute the frozen first part of the learner's network for every row; then the network takes features, too.

    Returns engines for "train" and "val" that yield the features in batches of the same `orders`. Returns None if the
    first part of the network is not frozen, or if a single epoch is planned. Prints the reason and returns None if
    pictures are augmented on the device, or if memory is short. NoTimeError, also printed: it would take more than
    `seconds`.
    """
    parts = split_network(learner.model) if recipe.model.freeze and recipe.train.most_epochs > 1 else None
    if parts is None:
        return None
    begin = time.monotonic()
    try:
        kept = _compute(learner, parts.parts(learner.model), shards, recipe, seconds)
    except NotDoneError as reason:
        print(f"note: the frozen part of '{recipe.model.name}' is computed anew in every epoch: {reason}")
        if isinstance(reason, NoTimeError):
            raise
        return None
    for model in learner.networks():
        accept_features(model, parts.parts(model)[1], kept["train"].row_shape)
    learner.features = kept["train"]
    print(f"the frozen part of '{recipe.model.name}' was computed once for each of "
          f"{sum(map(shards.rows, TRAIN_AND_VAL))} rows, in {time.monotonic() - begin:.1f} s: "
          f"{sum(features.bytes for features in kept.values()) / 2**20:,.0f} MB of features are kept")
    return {name: FeatureBatches(kept[name], orders[name]) for name in TRAIN_AND_VAL}


def _compute(learner: Learner, parts: tuple[nn.Module, nn.Module], shards: ShardSet, recipe: Recipe,
             seconds: float) -> dict[str, Features]:
    """Return the features of all rows, by split. NotDoneError: they cannot be kept, or it takes too many seconds."""
    if learner.numbers(0, 0, 1) is not None:
        raise NotDoneError("[augment] changes the pictures")
    rows, device = {name: shards.rows(name) for name in TRAIN_AND_VAL}, learner.normalise.device
    kept: dict[str, Features] = {}
    frozen = folded(parts[0])
    for name, start, x, label in one_pass(pictures(shards, recipe, learner.normalise), rows, seconds, device):
        with torch.no_grad(), autocast(device, recipe.train.precision):
            features = frozen(x)
        if not kept:
            _check(learner.model, parts, x, features, sum(rows.values()))
            kept = {split: Features(count, features) for split, count in rows.items()}
        kept[name].put(start, features, label)
    return kept


def _check(model: nn.Module, parts: tuple[nn.Module, nn.Module], x: torch.Tensor, features: torch.Tensor,
           rows: int) -> None:
    """Raise NotDoneError if the features need too much memory or have the shape of pictures, or if the two parts do not
    give the same results as the whole network."""
    check_memory(features[0].nbytes * rows, x.device)
    if features.shape[1:] == x.shape[1:] or not agrees(model, parts, x[:_TRIED]):
        raise NotDoneError("it cannot be taken apart from the rest")


def _is_dense(features: torch.Tensor) -> bool:
    """Return whether rows follow each other in memory and each fills its part without gaps, its axes in any order."""
    size = features.shape[1:].numel()
    spread = sum((n - 1) * step for n, step in zip(features.shape[1:], features.stride()[1:], strict=True))
    return features.stride(0) == size and spread == size - 1
