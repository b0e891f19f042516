"""Measure how many images a second this machine trains a network on, passes through it, and scores."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Self

import torch
from torch.nn import functional as F

from tenfold.data.recipe import Recipe
from tenfold.train.barrier_sleep import sleep_when_busy
from tenfold.train.device import choose_device, is_cuda, is_host, same_random_state, synchronise
from tenfold.train.learn.cuda_graph import Gradients, recorded
from tenfold.train.learn.one_pass import pass_rows
from tenfold.train.models.build import build_model, cost
from tenfold.train.models.folded import folded
from tenfold.train.normalise import seen_size
from tenfold.train.precision import autocast

_SECONDS = 0.3               # calls are measured for at least this many seconds, after a first call that is not counted
_LONG = 2.0                  # a first call of at least this many seconds is the only one, and counts
_NOMINAL = 6e9               # multiply-adds a second of the nominal machine, about those of two cores


@dataclass
class Machine:
    """A device and its measured rates; each is measured once."""
    is_timed: ClassVar[bool] = True
    where: ClassVar[str] = "here"    # where the rates apply, in the reasons that recipes give

    device: torch.device
    _known: dict[tuple[object, ...], float] = field(default_factory=dict)
    _folded: dict[tuple[object, ...], torch.nn.Module] = field(default_factory=dict)      # for passes at any size

    @classmethod
    def here(cls, device: str | None) -> Self:
        """Return the machine with the device of that name; None: the best there is."""
        return cls(choose_device(device))

    @property
    def is_accelerated(self) -> bool:
        """Return whether the device is a graphics card."""
        return not is_host(self.device)

    def training_rate(self, recipe: Recipe, classes: int, batch: int) -> float:
        """Return images a second in training of the recipe's network on its canvas, in batches of `batch`."""
        return self._rate(recipe, classes, batch, "training")

    def forward_rate(self, recipe: Recipe, classes: int) -> float:
        """Return images a second when the recipe's network computes features, without gradients."""
        return self._rate(recipe, classes, pass_rows(self.device), "pass")

    def scoring_rate(self, recipe: Recipe, classes: int) -> float:
        """Return images a second when a model with the recipe's network is scored."""
        return self._rate(recipe, classes, recipe.train.batch_rows, "score")

    def _rate(self, recipe: Recipe, classes: int, batch: int, kind: str) -> float:
        model, size = recipe.model, seen_size(recipe.draw.canvas, recipe.model.size)
        key = (model.name, repr(model.args), size, recipe.clean.channels, classes, batch, kind)
        if key not in self._known:
            self._known[key] = self._find_rate(recipe, size, classes, batch, kind)
        return self._known[key]

    def _find_rate(self, recipe: Recipe, size: tuple[int, int], classes: int, batch: int, kind: str) -> float:
        """Measure a rate on pictures of `size` pixels."""
        channels, training = recipe.clean.channels, kind == "training"
        with same_random_state(self.device):
            network = self._network(recipe, size, classes, kind).train(training)
            network.to(self.device, memory_format=torch.channels_last)
            x = torch.randn(batch, channels, *size, device=self.device).contiguous(memory_format=torch.channels_last)
            label = torch.zeros(batch, dtype=torch.int64, device=self.device)
            with torch.set_grad_enabled(training), autocast(self.device, recipe.train.precision), \
                    sleep_when_busy(self.device):
                if not training:
                    return batch / _median_seconds(lambda: network(x), self.device)
                step: Gradients = partial(_gradients, network)
                if is_cuda(self.device):
                    step = recorded(step, (x, label), network.parameters())      # as training does
                return batch / _median_seconds(lambda: step(x, label), self.device)

    def _network(self, recipe: Recipe, size: tuple[int, int], classes: int, kind: str) -> torch.nn.Module:
        """Return the recipe's network; for a pass, folded. To fold it takes up to a second, so that is done once."""
        model, channels = recipe.model, recipe.clean.channels
        key = model.name, repr(model.args), channels, classes
        if kind == "pass" and key in self._folded:
            return self._folded[key]
        network = build_model(model.name, model.args, channels, classes, size, check=False)
        if kind == "pass":
            network = self._folded[key] = folded(network)
        return network


class CountedMachine(Machine):
    """A nominal machine whose rates follow from a network's multiply-adds, so that every choice is repeatable."""

    is_timed = False
    where = "on a nominal machine"

    def _find_rate(self, recipe: Recipe, size: tuple[int, int], classes: int, batch: int, kind: str) -> float:
        counted = cost(recipe.model.name, recipe.model.args, recipe.clean.channels, classes, size)["multiply_adds"]
        return float(_NOMINAL / counted / (3 if kind == "training" else 1))


def _gradients(network: torch.nn.Module, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    network.zero_grad(set_to_none=True)
    loss = F.cross_entropy(network(x).float(), label)
    loss.backward()
    return loss.detach()


def _median_seconds(call: Callable[[], object], device: torch.device) -> float:
    """Return the median seconds of some calls, without the first, which is slower, unless that was long on a CPU."""
    taken: list[float] = []
    if not is_host(device):                      # choosing its kernels takes a graphics card up to seconds
        call()
        synchronise(device)
    begin = time.monotonic()
    while not taken or (taken[0] < _LONG and time.monotonic() - begin < taken[0] + _SECONDS):
        start = time.monotonic()
        call()
        synchronise(device)
        taken.append(time.monotonic() - start)
    return statistics.median(taken[1:] or taken)
