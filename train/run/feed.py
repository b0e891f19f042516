"""Feed: the training and val batches of a run, of one size: images, or kept features in place of them."""

import contextlib
import dataclasses
from collections.abc import Callable

import numpy as np
import torch

from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet
from tenfold.train.batches import open_batches
from tenfold.train.batches.engine import Engine
from tenfold.train.learn.features import FeatureBatches, keep_features
from tenfold.train.learn.fitted_head import FittedHead, fit_head, only_last_layer_learns
from tenfold.train.learn.head_features import HeadRows
from tenfold.train.learn.learner import Learner
from tenfold.train.learn.one_pass import TRAIN_AND_VAL, NoTimeError, pass_rows, pictures
from tenfold.train.models.whitening import Whitening, fit_whitening

# Shares of the remaining seconds:
_KEEP = 0.5                  # for computing features that are kept
_HEAD_ALONE = 0.6            # for the pass over the rows before a head is fitted, if only the head learns. With the
                             # regression, half as long, that is 0.9; the rest is left for a batch that takes long.
                             # With 2, 10 and 91 classes the regression took 3, 21 and 115% of the time of the pass
                             # (900 to 2,500 rows of 96×96 pixels, 1,280 features)
_HEAD_FIRST = 0.1            # for this pass if other layers learn as well: training improves a head of fewer rows;
                             # but _HEAD_ALONE if there is no time to keep features, as few steps will fit


class Feed:
    """The engines `train` and `val` (see open_batches) with batches of `batch` rows. Close it after use."""

    def __init__(self, shards: ShardSet, recipe: Recipe, device: torch.device):
        self._shards, self._recipe = shards, recipe
        self._open: Callable[[str, int], Engine] = lambda split, rows: open_batches(
            shards, split, dataclasses.replace(recipe.train, batch=rows), recipe.seed, device, shuffle=split == "train")
        self._kept: dict[str, FeatureBatches] = {}
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
        """From now on, make batches of `rows` rows."""
        if rows != self.batch:
            self._reopen(rows)

    def prepare(self, learner: Learner, left: Callable[[], float], fit: bool) -> FittedHead | None:
        """Do once what need not be done in every step, in a share of the seconds that `left` returns.

        Whitening layers whose filters did not come with the weights are fitted. If `fit` and the recipe's `model.head`
        ask for it, the head is fitted to the rows that are reached in time, and the result is returned. Unless only the
        head learns and was fitted, the frozen first part of the network is computed for all rows, if there is time for
        all; batches then hold these features.
        """
        self._fit_whitening(learner)
        fit = fit and self._recipe.model.head == "fitted"
        head_alone = fit and only_last_layer_learns(learner)
        if head_alone and (fitted := self._fit_head(learner, _HEAD_ALONE * left())):
            return fitted
        share = _HEAD_FIRST
        try:
            self._keep_features(learner, _KEEP * left())
        except NoTimeError:
            share = _HEAD_ALONE
        return self._fit_head(learner, share * left()) if fit and not head_alone else None

    def close(self) -> None:
        """Close files and threads."""
        self.train.close()
        self.val.close()

    def _reopen(self, rows: int) -> None:
        self.close()
        self.train, self.val, self.batch = self._open("train", rows), self._open("val", rows), rows

    def _fit_whitening(self, learner: Learner) -> None:
        layers = [m for network in learner.networks() for m in network.modules() if isinstance(m, Whitening)]
        if not all(layer.is_fitted for layer in layers):
            with contextlib.closing(pictures(self._shards, self._recipe, learner.normalise)("train")) as batches:
                fit_whitening(layers, (x for x, _ in batches))

    def _keep_features(self, learner: Learner, seconds: float) -> None:
        orders = {"train": self.train.order, "val": self.val.order}
        if kept := keep_features(learner, self._shards, self._recipe, orders, seconds):
            self._kept = kept
            self._open = lambda split, rows: kept[split].of(rows)
            self._reopen(self.batch)

    def _fit_head(self, learner: Learner, seconds: float) -> FittedHead | None:
        kept, batch = self._kept, pass_rows(learner.normalise.device)
        source = pictures(self._shards, self._recipe, learner.normalise)
        if kept:
            source = lambda split: kept[split].features.in_order(batch)  # noqa: E731
        counts = {split: self._shards.rows(split) for split in TRAIN_AND_VAL}
        units = torch.from_numpy(np.concatenate([shard.sources for shard in self._shards.shards("train")]))
        return fit_head(learner, HeadRows(source, counts, units), self._recipe.train, seconds)
