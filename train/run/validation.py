"""Evaluate a learner on the val rows of a run, in the time that is left for it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tenfold.train.learn.learner import Learner
from tenfold.train.score.evaluate import evaluate, fit_temperature, loss_and_top1


@dataclass(frozen=True)
class Validation:
    """The result of an evaluation; loss (in nats) and top-1 are NaN where there are no rows."""
    network: nn.Module       # whose weights are kept if this is the best so far
    loss: float = math.nan
    top1: float = math.nan
    rows: int = 0            # that were looked at
    answers: tuple[torch.Tensor, torch.Tensor] | None = None     # logits (rows, classes) and labels (rows,) of them

    def temperature(self) -> float:
        """Return the temperature that was fitted to those rows, 1 without any; see `fit_temperature`."""
        return fit_temperature(*self.answers) if self.answers else 1.0

    def is_finite(self) -> bool:
        """Whether the loss of the rows, if there are any, is a number."""
        return not self.rows or math.isfinite(self.loss)


def validate(learner: Learner, val: Any, precision: str, most: int, late: Callable[[], bool]) -> Validation:
    """Evaluate on `most` batches of `val` (0: all), or on fewer where it gets late; the better of `candidates`.

    Without rows, and where it gets late before all have seen the same rows, it is the first.
    """
    networks = learner.candidates()
    if not val.order.sizes:
        return Validation(networks[0])
    found: list[Validation] = []
    for network in networks:
        if found and late():
            break
        logits, labels = evaluate(network, val, learner.normalise, precision, most or None, late)
        found.append(Validation(network, *loss_and_top1(logits, labels), len(labels), (logits, labels)))
    return max((one for one in found if one.rows == found[0].rows), key=lambda one: (one.top1, -one.loss))
