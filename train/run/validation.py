"""Evaluate a learner on the val rows of a run, in the time that is left."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from tenfold.train.batches.engine import Engine
from tenfold.train.learn.learner import Learner
from tenfold.train.score.evaluate import evaluate, fit_temperature, loss_and_top1


@dataclass(frozen=True)
class Validation:
    """The result of an evaluation; loss (in nats) and top-1 are NaN if there are no rows."""
    network: nn.Module       # its weights are kept if this is the best result so far
    loss: float = math.nan
    top1: float = math.nan
    rows: int = 0            # that were evaluated
    answers: tuple[torch.Tensor, torch.Tensor] | None = None     # their logits (rows, classes) and labels (rows,)

    def temperature(self) -> float:
        """Return the temperature fitted to these rows (see `fit_temperature`); 1 if there are none."""
        return fit_temperature(*self.answers) if self.answers else 1.0

    def is_finite(self) -> bool:
        """Return whether the loss is finite; True if there are no rows."""
        return not self.rows or math.isfinite(self.loss)


def validate(learner: Learner, val: Engine, precision: str, most: int, late: Callable[[float], bool]) -> Validation:
    """Evaluate all of the learner's `networks` on `most` batches of `val` (0: all); return the best result.

    late: whether so many more seconds are too many. Then the rest of the batches is left out; a network that was
    evaluated on fewer rows than the first one is not chosen, and none is begun if as long as the first took is too
    long. Without val rows, the first network is returned.
    """
    networks = learner.networks()
    if not val.order.sizes:
        return Validation(networks[0])
    found: list[Validation] = []
    begin = time.monotonic()
    for network in networks:                     # two at most
        if found and late(time.monotonic() - begin):
            break
        logits, labels = evaluate(network, val, learner.normalise, precision, most or None, late)
        found.append(Validation(network, *loss_and_top1(logits, labels), len(labels), (logits, labels)))
    return max((one for one in found if one.rows == found[0].rows), key=lambda one: (one.top1, -one.loss))
