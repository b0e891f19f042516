"""Prepare the first step of a run: fit the head, keep features, compile, fit the plan to the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenfold.data.errors import TrainingFault
from tenfold.data.files import set_aside_previous
from tenfold.train.learn.fitted_head import FittedHead, only_last_layer_learns
from tenfold.train.run.clock import Clock
from tenfold.train.run.fitting import fit_plan
from tenfold.train.score.files import FILES as SCORE_FILES

if TYPE_CHECKING:
    from tenfold.train.run.loop import Trainer

CHECKPOINTS = ("last.pth", "best.pth")
FILES = (*CHECKPOINTS, "metrics.csv", "curves.png")      # what a run leaves in its folder


def prepare(trainer: Trainer) -> FittedHead | None:
    """Prepare the first step of a new or a resumed run; return the fitted head, or None.

    Sets `trainer.state.done` if nothing is left to learn. TrainingFault: the budget is spent.
    """
    clock, state, learner, feed = trainer.pace.clock, trainer.state, trainer.learner, trainer.feed
    begins = not state.history and not state.step
    if begins:
        clock.grant()                        # a resumed run has had its share before
    fitted = feed.prepare(learner, clock.left, fit=begins)
    state.done = fitted is not None and only_last_layer_learns(learner)
    if not state.done:
        learner.prepare(feed.batch, feed.row_shape)
        if begins and not fitted:
            clock.grant()                        # again: there was no time to fit the head
            if clock.left() <= 0:
                raise budget_fault(clock, trainer.config.compile)
        if not state.step:
            trainer.follow(fit_plan(trainer.plan, trainer.config, learner, feed, trainer.pace))
            learner.prepare(feed.batch, feed.row_shape)      # the plan may have another batch
    # files of an earlier run must not be mistaken for this run's
    if begins and (line := set_aside_previous(trainer.out, (*FILES, *SCORE_FILES), CHECKPOINTS)):
        print(line)
    return fitted


def budget_fault(clock: Clock, compile_mode: str) -> TrainingFault:
    """Return the fault of a run whose budget is spent before its first step. compile_mode: `train.compile`."""
    return TrainingFault("budget", f"of {round(clock.budget, 1):g} s is spent before the first step, which "
                         f"took {clock.elapsed():.1f} s to begin",
                         "give a longer one" + (", or train.compile = \"none\"" if compile_mode != "none" else ""))
