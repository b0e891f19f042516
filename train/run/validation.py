"""Evaluate a learner on the val rows of a run, in the time that is left for it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tenfold.train.learn.learner import Learner
from tenfold.train.score.evaluate import evaluate, loss_and_top1


@dataclass(frozen=True)
class Validation:
    """The result of an evaluation; loss (in nats) and top-1 are NaN where there are no rows."""
    loss: float = math.nan
    top1: float = math.nan
    rows: int = 0            # that were looked at

    def is_finite(self) -> bool:
        """Whether the loss of the rows, if there are any, is a number."""
        return not self.rows or math.isfinite(self.loss)


def validate(learner: Learner, val: Any, precision: str, most: int, late: Callable[[], bool]) -> Validation:
    """Evaluate the weights that are to be kept on `most` batches of `val` (0: all), or on fewer where it gets late."""
    if not val.order.sizes:
        return Validation()
    logits, labels = evaluate(learner.ema.module, val, learner.normalise, precision, most or None, late)
    return Validation(*loss_and_top1(logits, labels), len(labels))
