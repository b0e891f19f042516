"""Prepare the first step of a run: fit the head, keep features, compile, fit the plan to the budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tenfold.data.errors import TrainingFault
from tenfold.data.files import set_aside_previous
from tenfold.train.learn.cost import measure
from tenfold.train.learn.fitted_head import FittedHead, only_last_layer_learns
from tenfold.train.run.clock import Clock
from tenfold.train.run.plan import Cost, Plan, describe, fitted
from tenfold.train.score.files import FILES as SCORE_FILES

if TYPE_CHECKING:
    from tenfold.train.run.loop import Trainer

CHECKPOINTS = ("last.pth", "best.pth")
FILES = (*CHECKPOINTS, "metrics.csv", "curves.png")      # what a run leaves in its folder
_UNMEASURED = 0.2            # largest share of the remaining seconds reserved for the end before it is measured
_PROBE = 0.03                # share of the remaining seconds that measuring a step may take


def prepare(trainer: Trainer) -> FittedHead | None:
    """Prepare the first step of a new or a resumed run; return the fitted head, or None.

    Sets `trainer.state.done` if nothing is left to learn. TrainingFault: the budget is spent.
    """
    clock, state, learner, feed = trainer.pace.clock, trainer.state, trainer.learner, trainer.feed
    begins = not state.history and not state.step
    if begins:
        clock.grant()                        # a resumed run has had its share before
    head = feed.prepare(learner, clock.left, fit=begins)
    state.done = head is not None and only_last_layer_learns(learner)
    if not state.done:
        learner.prepare(feed.batch, feed.row_shape)
        if begins and not head:
            clock.grant()                        # again: there was no time to fit the head
            if clock.left() <= 0:
                raise budget_fault(clock, trainer.config.compile)
        if not state.step:
            trainer.follow(_fit_plan(trainer))
            learner.prepare(feed.batch, feed.row_shape)      # the plan may have another batch
    # files of an earlier run must not be mistaken for this run's
    if begins and (line := set_aside_previous(trainer.out, (*FILES, *SCORE_FILES), CHECKPOINTS)):
        print(line)
    return head


def budget_fault(clock: Clock, compile_mode: str) -> TrainingFault:
    """Return the fault of a run whose budget is spent before its first step. compile_mode: `train.compile`."""
    return TrainingFault("budget", f"of {round(clock.budget, 1):g} s is spent before the first step, which "
                         f"took {clock.elapsed():.1f} s to begin",
                         "give a longer one" + (", or train.compile = \"none\"" if compile_mode != "none" else ""))


def _fit_plan(trainer: Trainer) -> Plan:
    """Measure a step; return the plan if it fits into the remaining time, else print what is cut, and return less."""
    plan, config, feed = trainer.plan, trainer.config, trainer.feed
    clock, closing = trainer.pace.clock, trainer.pace.closing
    closing.expect_load()
    clock.reserve(min(closing.total(), _UNMEASURED * clock.left()))
    seconds = measure(trainer.learner, plan.batch, feed.row_shape, config, _PROBE * clock.left())
    seconds(plan.batch)                          # on a graphics card it is timed here: what is left then is less
    smaller = fitted(plan, config, feed.val_rows, clock.left(), lambda rows: Cost(*seconds(rows)))
    if feed.val_rows:
        batches = smaller.val_batches or math.ceil(feed.val_rows / smaller.batch)
        closing.expect("evaluation", batches * seconds(smaller.batch)[1])
        clock.reserve(min(closing.total(), _UNMEASURED * clock.left()))
    if not smaller.fits:
        print(describe(smaller, plan, feed.val_rows, is_open=config.epochs == "auto"))
    return smaller
