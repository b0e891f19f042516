"""train(): train a recipe's network on shards within a budget; what `tenfold train` calls."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.data.errors import CheckpointFault, ShardFault, UserFault
from tenfold.data.fields import misfit
from tenfold.data.files import lock_folder, make_folder
from tenfold.data.html import figure_html
from tenfold.data.leftovers import leftovers_removed
from tenfold.data.out_of_memory import IN_TRAINING, memory_fault
from tenfold.data.recipe import Recipe, make_recipe, recipe_tables, renewed
from tenfold.data.shardset import ShardSet
from tenfold.data.wording import readable
from tenfold.train.device import choose_device, same_random_state
from tenfold.train.inputs import fixed_settings, with_pixels_of
from tenfold.train.precision import tf32_matrices
from tenfold.train.run import figures
from tenfold.train.run.batch_size import choose_batch, with_batch
from tenfold.train.run.checkpoint import load
from tenfold.train.run.clock import Clock
from tenfold.train.run.loop import Trainer
from tenfold.train.run.notes import closing_notes, kept_notes
from tenfold.train.run.state import LAST_FIELDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Run:
    """The result of a training run; a notebook shows its curves."""
    best: Path                         # the checkpoint of the best epoch; absolute, as `out`
    history: list[dict[str, Any]]      # a dictionary for each evaluation: the rows of metrics.csv
    val_top1: float | None             # of the best epoch; None: there are no val rows
    out: Path                          # the folder of the run
    facts: dict[str, Any]              # as `tenfold train --json` prints them
    best_row: dict[str, Any] | None    # the row of `history` whose weights `best` holds

    def __repr__(self) -> str:
        top1 = "unknown" if self.val_top1 is None else f"{self.val_top1:.4f}"
        return f"Run(best={self.facts['best']!r}, val_top1={top1}, epochs={self.facts['epochs']})"

    def figure(self) -> Figure:
        """Return the curves of loss and top-1 as a matplotlib Figure."""
        return figures.curves(self.history, self.best_row)

    def _repr_html_(self) -> str:
        top1 = "no val rows" if self.val_top1 is None else f"val top-1 {self.val_top1:.4f}"
        where = escape(readable(self.facts["best"]))
        return (f"<p>{where}: {top1}, {self.facts['epochs']} epochs, {self.facts['seconds']:.0f} s</p>"
                + figure_html(self.figure(), "loss and top-1 of each epoch"))


@memory_fault("training", IN_TRAINING)
def train(shards: ShardSet, recipe: Recipe, out: str | Path, *, budget: float, device: str | None = None,
          least: float = 0.0, resume: bool = False, started: float | None = None) -> Run:
    """Train the recipe's network on the shards within `budget` seconds; everything is written to the folder `out`.

    device: "cpu", "cuda" or "mps"; None: the best there is. least: a new run has at least so many seconds left when its
    preparation begins, even if it then ends after its budget. resume: go on from out/last.pth, if there is one.
    started: the `time.monotonic()` from which the budget counts; None: now. Prints a line after each epoch. An
    interrupt is delayed until last.pth is written; then KeyboardInterrupt is raised. Torch's random state and number of
    threads and the signal handlers are restored. UserFault: the recipe, the shards or the machine do not allow it.
    """
    started = time.monotonic() if started is None else started
    if not shards.rows("train"):
        raise ShardFault(shards.shown, "holds no training rows", "name the shards of a recipe, not those of a score")
    recipe, out = with_pixels_of(shards, recipe), make_folder(out)
    with lock_folder(out), leftovers_removed(out):       # of a run that was killed while it wrote
        last = _resumable(out / "last.pth", recipe, shards) if resume else None
        where = choose_device(device)
        if recipe.train.batch == "auto":
            recipe = (with_batch(recipe, last["recipe"]["train"]["batch"]) if last
                      else choose_batch(shards, recipe, where))
        clock = Clock(budget, started, before=last["position"]["seconds"] if last else 0.0, least=least)
        with same_random_state(where), tf32_matrices(where), contextlib.closing(
                Trainer(shards, recipe, out, clock, where, resumed=bool(last))) as trainer:
            if last:
                trainer.resume(last)
            parameters = sum(p.numel() for p in trainer.learner.model.parameters())
            print(f"{recipe.name}: {recipe.model.name}, {parameters:,} parameters, on {where}; "
                  f"{shards.rows('train')} training rows, {trainer.feed.train.name} engine; {round(budget, 1):g} s")
            seconds = _fit(trainer)
            best = trainer.state.best_row
            notes = kept_notes(trainer.state.history, best) + closing_notes(best, shards.class_counts("val"))
            for note in notes:
                print(note)
        if not (out / "best.pth").exists():      # the run was finished before, and the file moved away
            raise CheckpointFault(out / "best.pth", "is gone", "train without resuming")
        return _result(trainer, budget, seconds, notes)


def _fit(trainer: Trainer) -> float:
    """Train, and draw the curves; if the run is stopped, the curves so far. Return the seconds that the run took."""
    state, clock = trainer.state, trainer.pace.clock
    if state.done:
        print("note: this run had ended before, so nothing was trained; train without resuming to begin another")
        trainer.curves.draw(state)
        return state.seconds
    try:
        trainer.fit()
    except BaseException:
        if state.history and state.step:         # else curves.png may belong to an earlier run
            with contextlib.suppress(UserFault, OSError):     # the error that stopped the run is reported
                trainer.curves.draw(state)
        raise
    trainer.curves.finish(state, clock.budget - clock.elapsed())
    return clock.elapsed()


def _result(trainer: Trainer, budget: float, seconds: float, notes: list[str]) -> Run:
    state, pace = trainer.state, trainer.pace
    val = None if math.isnan(state.best_top1) else state.best_top1       # NaN: no val rows
    best = trainer.out / "best.pth"
    epochs = state.epoch + bool(state.batch)     # those that were begun
    planned = trainer.plan if trainer.config.epochs == "auto" else trainer.whole_plan
    facts = {"val_top1": val, "epochs": epochs, "steps": state.step, "seconds": round(seconds, 3),
             "budget_seconds": budget, "images_per_second": round(state.images_per_second, 1),
             "data_wait_fraction": round(state.data_wait_fraction, 5), "best": str(best),
             "device": str(trainer.learner.normalise.device),
             "threads": pace.threads.count, "first_step_seconds": pace.first_step and round(pace.first_step, 3),
             "planned_steps": planned.steps if state.step else 0, "batch": trainer.feed.batch,
             "notes": notes}
    return Run(best.absolute(), state.history, val, trainer.out.absolute(), facts, state.best_row)


def _resumable(path: Path, recipe: Recipe, shards: ShardSet) -> dict[str, Any] | None:
    """Return the last.pth of the run that is to be resumed; None: it was killed before it wrote one.

    CheckpointFault: the run used other shards or other settings.
    """
    if not path.exists():
        print(f"{path} does not exist: beginning at the beginning")
        return None
    last = load(path)
    fact = misfit(last, LAST_FIELDS)
    if fact:
        raise CheckpointFault(path, f"holds no place in a run to go on from ({fact})", "train without resuming")
    if last["dataset"] != shards.index["digest"]:
        raise CheckpointFault(path, f"was trained on other shards than {shards.shown}", "train without resuming")
    carried = make_recipe(renewed(last["recipe"]), str(path))
    last["recipe"] = recipe_tables(carried)
    before, now = fixed_settings(carried), fixed_settings(recipe)
    if recipe.train.batch == "auto":             # the batch that was chosen then is used again
        now["train.batch"] = before["train.batch"]
    different = [name for table in ("model", "train", "augment", "seed") for name in now
                 if name.partition(".")[0] == table and before[name] != now[name]]
    if different:
        raise CheckpointFault(path, f"was trained with other settings ({', '.join(different)})",
                              "give those again, or train without resuming")
    return last
