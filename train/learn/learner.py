"""Learner: a network with its loss, optimizer and EMA, and one training step; without clock or files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet
from tenfold.train.augment.sample import make_augment
from tenfold.train.device import is_cuda
from tenfold.train.learn.compile import compiled, unchanged
from tenfold.train.learn.cuda_graph import Gradients, recorded
from tenfold.train.learn.ema import EMA
from tenfold.train.learn.loss import class_weights, make_loss
from tenfold.train.learn.optimizer import clip_gradients, make_optimizer, set_lr
from tenfold.train.learn.scaling import ScaledSteps
from tenfold.train.models.build import build_model
from tenfold.train.models.pretrained import freeze, keep_statistics, load_weights
from tenfold.train.normalise import Normalise, seen_size

if TYPE_CHECKING:
    from tenfold.train.learn.features import Features


class Learner:
    """The network of a recipe on its device, with its loss, optimizer and EMA.

    pretrained: load the weights that the recipe names (a resumed run has its own). RecipeFault: there is no such
    network, or it cannot take these rows.
    """

    def __init__(self, shards: ShardSet, recipe: Recipe, normalise: Normalise, pretrained: bool = True):
        device, config, row_shape = normalise.device, recipe.train, shards.row_shape
        size = seen_size(row_shape[:2], recipe.model.size)
        self.model = build_model(recipe.model.name, recipe.model.args, row_shape[2], len(shards.classes), size)
        if pretrained:
            load_weights(self.model, recipe.model)
        freeze(self.model, recipe.model.freeze)
        if recipe.model.head == "fitted" and recipe.model.weights:
            keep_statistics(self.model)
        self.model.to(device, memory_format=torch.channels_last)
        self.optimizer = make_optimizer(self.model, config)
        self.scaling = ScaledSteps(self.model, self.optimizer, device, config.precision)
        self.ema = EMA(self.model, config.ema)
        self.normalise = normalise
        self._augment = make_augment(recipe.augment, size, device, recipe.seed)
        self.classes, self.class_weights = len(shards.classes), class_weights(shards, config.class_weights, device)
        self.loss = make_loss(self.model, normalise, config, self._augment, self.class_weights)
        self._clip, self._compile = config.clip, config.compile
        self._prepared = 0                       # rows of the batches that steps are prepared for
        self.gradients: Gradients = self._compute_gradients      # or a CUDA graph of it
        self.features: Features | None = None    # kept features of the training rows, if they replace the images

    def numbers(self, epoch: int, batch: int, rows: int) -> torch.Tensor | None:
        """Draw the random numbers that augment a batch; None: nothing is augmented."""
        return None if self._augment is None else self._augment.draw(epoch, batch, rows)

    def example(self, rows: int, row_shape: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor,
                                                                           torch.Tensor | None]:
        """Return a training batch: (zeros uint8 (rows, H, W, C) or kept features, label int64 (rows,), numbers)."""
        device = self.normalise.device
        label = torch.zeros(rows, dtype=torch.int64, device=device)
        image = (torch.zeros(rows, *row_shape, dtype=torch.uint8, device=device) if self.features is None
                 else self.features.take(label)[0])
        return image, label, self.numbers(0, 0, rows)

    def prepare(self, rows: int, row_shape: tuple[int, int, int]) -> None:
        """Prepare steps on batches of `rows` rows: compile the loss as `train.compile` says; on CUDA, record a graph.

        Weights, gradients and random states are the same afterwards.
        """
        device = self.normalise.device
        if rows == self._prepared:
            return
        example = self.example(rows, row_shape)
        if not self._prepared:
            self.loss = compiled(self.loss, self._compile, self.model, self.optimizer, example)
        if is_cuda(device) and self._compile in ("none", "default"):     # the other modes record graphs themselves
            with unchanged(self.model, self.optimizer, device):
                self.model.train()
                self.gradients = self._compute_gradients         # the memory of an earlier graph is free for the next
                self.gradients = recorded(self._compute_gradients, example, self.model.parameters())
        self._prepared = rows

    def step(self, image: torch.Tensor, label: torch.Tensor, numbers: torch.Tensor | None, lr: float,
             number: int) -> torch.Tensor:
        """Take one optimizer step; return float (2,): the loss, and how many rows were right.

        image: uint8 (B, H, W, C), or kept features (B, …); label: int64 (B,); numbers: those of `numbers`; number: of
        this step in the run, from 0. Nothing here waits for the device.
        """
        set_lr(self.optimizer, lr)
        metrics = self.gradients(image, label, numbers)
        if self._clip:
            self.scaling.unscale()
            clip_gradients(self.model, self._clip)
        self.scaling.step()
        self.ema.update(number)
        return metrics

    def _compute_gradients(self, image: torch.Tensor, label: torch.Tensor,
                           numbers: torch.Tensor | None) -> torch.Tensor:
        """Compute the gradients of a batch; return float (2,): the loss, and how many rows were right."""
        loss, metrics = self.loss(image, label, numbers)
        self.scaling.backward(loss)
        return metrics

    def networks(self) -> list[torch.nn.Module]:
        """Return the network with the EMA of the weights, if there is one, and that with the last weights."""
        return [self.model] if self.ema.module is self.model else [self.ema.module, self.model]

    def is_finite(self) -> bool:
        """Return whether all weights are finite. A finite loss only says that the weights before its step were."""
        return all(v.isfinite().all() for v in self.model.state_dict().values())
