"""Try several candidates for a short time each, and keep the one that is best on held-out rows: successive halving.

Jamieson and Talwalkar (2016, arXiv:1502.07943). The fewer the rows, the less certain an accuracy: a candidate is
replaced by a later, less promising one only if that is better by more than a standard error of the difference.
"""

import contextlib
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.automatic.choices import Draft
from tenfold.data.errors import CheckpointFault, TrainingFault, UserFault
from tenfold.data.files import make_folder, open_file, publish
from tenfold.data.recipe import Recipe, make_recipe, renewed
from tenfold.data.sources.opening import Source
from tenfold.preprocess.pipeline import augment
from tenfold.train.chance import is_clearly_higher

if TYPE_CHECKING:
    from tenfold.automatic.candidates import Candidate
    from tenfold.train.run.training import Run


@dataclass(frozen=True)
class Trial:
    """The result of one candidate recipe that was trained for a short time."""
    name: str
    round: int
    seconds: float
    val_top1: float | None   # None: there are no val rows, or the trial failed
    val_rows: int            # rows of val that were evaluated
    fault: str = ""          # why it failed
    best: str = ""           # the path of its best.pth
    began: bool = True       # False: its seconds were spent before training began, its head was fitted, or half of the
                             # val rows were seen, so that nothing is known of its accuracy

    def __str__(self) -> str:
        came = f"({self.fault or 'no val rows'})" if self.val_top1 is None else f"{self.val_top1:.1%}"
        came += "" if self.began or self.fault else " (too little time to tell)"
        return f"{self.name} {came}"


def run_trial(make: Callable[[], Draft], number: int, source: Source, folder: Path, seconds: float, workers: int,
              device: str | None) -> Trial:
    """Make a draft, augment and train by it in `folder` within `seconds`; printed lines go to log.txt there."""
    from tenfold.data.shardset import open_set
    from tenfold.train.run.training import train
    started = time.monotonic()
    draft = make()
    recipe = draft.recipe("trial")
    top1, rows, fault, best, began = None, 0, "", "", True
    with open_file(make_folder(folder) / "log.txt", "w", encoding="utf-8") as log, contextlib.redirect_stdout(log):
        try:
            index = augment(recipe, source, folder / "shards", workers).index
            shards = open_set(folder / "shards")
            rows = shards.rows("val")
            trained = train(shards, recipe, folder, budget=seconds - (time.monotonic() - started), device=device)
            top1, best, began = _accuracy(trained, index), trained.facts["best"], _had_time(trained, recipe, rows)
            rows = int(trained.best_row["val_rows"]) if trained.best_row else 0
        except UserFault as failed:
            # name the seconds of the whole trial: the budget in the error is what was left of them, unknown to the user
            began = not (isinstance(failed, TrainingFault) and failed.where == "budget")
            fault = str(failed) if began else f"its {seconds:.0f} s were spent before training began"
    return Trial(draft.name, number, round(time.monotonic() - started, 2), top1, rows, fault, best, began)


def _accuracy(trained: "Run", index: dict[str, Any]) -> float | None:
    """Return the top-1 of val, with pictures that the candidate cannot use counted as wrong."""
    usable, unusable = index["sources"]["rows"], len(index["set_aside"])
    return None if trained.val_top1 is None else trained.val_top1 * usable / (usable + unusable)


def _had_time(trained: "Run", recipe: Recipe, val_rows: int) -> bool:
    """Return whether half of the val rows were seen and the head was fitted, if the recipe asks for that: one that was
    not still begins at random."""
    seen = trained.best_row and trained.best_row["val_rows"] >= val_rows / 2
    return bool(seen and (recipe.model.head != "fitted" or trained.history[0]["epoch"] == 0))


def run_race(candidates: list["Candidate"], seconds: float, overhead: float,
             attempt: Callable[["Candidate", int, float], Trial]) -> "Candidate":
    """Return the candidate that wins; candidates: the most promising first.

    seconds: those of all trials together; overhead: those of a trial before it trains.
    attempt(candidate, round, seconds) runs a trial. If there is no time for all, the least promising are left out; if
    there is time for one only, none is tried and the most promising wins. The race ends as soon as no later candidate
    could win, even with every val row right.
    """
    least = candidates[0].least + overhead
    while len(candidates) > 2 and _round_seconds(seconds, len(candidates)) / len(candidates) < least:
        candidates = candidates[:-1]
    number, round_seconds = 0, _round_seconds(seconds, len(candidates))
    while len(candidates) > 1 and round_seconds / len(candidates) >= least:
        trials, left = list[Trial](), round_seconds
        for waiting, candidate in zip(range(len(candidates), 0, -1), candidates, strict=True):
            trials.append(attempt(candidate, number, left / waiting))
            left -= min(trials[-1].seconds, left / waiting)      # what a trial leaves is shared by the others
            best = leader(trials)
            if not is_better(replace(best, val_top1=1.0), best):
                return next(candidate for candidate in candidates if candidate.name == best.name)
        names = survivors(trials)
        candidates, number = [candidate for candidate in candidates if candidate.name in names], number + 1
    return candidates[0]


def _round_seconds(seconds: float, count: int) -> float:
    """Return the seconds of each round of a race of `count` candidates."""
    return seconds / max(1, rounds(count))


def is_better(trial: Trial, best: Trial) -> bool:
    """Return whether a trial's accuracy is above another's by more than a standard error of their difference.

    Of a trial that did not even begin, as on a machine that others use, nothing is known, and none is better.
    """
    if not best.began:
        return False
    if trial.val_top1 is None or best.val_top1 is None:
        return trial.val_top1 is not None
    return is_clearly_higher((trial.val_top1, trial.val_rows), (best.val_top1, best.val_rows))


def leader(trials: list[Trial]) -> Trial:
    """Return the best trial of a round: the first, unless a later one is better by more than chance explains."""
    best = trials[0]
    for trial in trials[1:]:
        if is_better(trial, best):
            best = trial
    return best


def survivors(trials: list[Trial]) -> list[str]:
    """Return the names of the better half, rounded up, the leader first: these go on to the next round."""
    first = leader(trials)
    ranked = sorted(trials, key=lambda t: (t is not first, -(t.val_top1 or 0.0)))
    return [trial.name for trial in ranked[:(len(trials) + 1) // 2]]


def rounds(count: int) -> int:
    """Return the number of rounds for `count` candidates."""
    return max(0, math.ceil(math.log2(max(1, count))))


def keep_weights(draft: Draft, trials: Sequence[Trial], kept: Path) -> str:
    """Copy the weights of a draft's last trial to the file `kept`, for training to begin with; return its path.

    Return "" if network, images or splits, but for the size of val, differ: it may have learnt test images.
    """
    from tenfold.train.run.checkpoint import load

    def same(recipe: Recipe) -> tuple[object, ...]:
        return (recipe.model, recipe.clean, recipe.draw.canvas, recipe.source, replace(recipe.split, val=0.0),
                recipe.seed)
    tried = [trial.best for trial in trials if trial.name == draft.name and Path(trial.best).is_file()]
    if not tried or "model.weights" in draft.settings:
        return ""
    try:
        if same(make_recipe(renewed(load(tried[-1])["recipe"]))) != same(draft.recipe("auto")):
            return ""
    except CheckpointFault:                      # damaged: training begins at random
        return ""
    with publish(kept) as temporary:
        shutil.copyfile(tried[-1], temporary)
    return str(kept)
