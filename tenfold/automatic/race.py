"""Try several ways for a short time each, and keep the one that is best on held-out rows: successive halving.

Jamieson and Talwalkar (2016, arXiv:1502.07943). Few rows make an accuracy uncertain, so a way gives place to a later
one, which was thought less likely, only where that is better by more than a standard error of the difference.
"""

import contextlib
import math
import time
from dataclasses import dataclass
from pathlib import Path

from tenfold.automatic.choices import Way
from tenfold.data.files import make_folder, open_file
from tenfold.data.sources.opening import Source
from tenfold.preprocess.pipeline import augment


@dataclass(frozen=True)
class Trial:
    """The result of one candidate recipe that was trained for a short time."""
    name: str
    round: int
    seconds: float
    val_top1: float | None   # None: there are no val rows, or it did not come to an end
    val_rows: int
    fault: str = ""          # why it did not

    @property
    def error(self) -> float:
        """The standard error of its accuracy."""
        p = self.val_top1 or 0.0
        return math.sqrt(max(p * (1 - p), 0.25 / max(1, self.val_rows)) / max(1, self.val_rows))

    def __str__(self) -> str:
        came = f"{self.val_top1:.1%}" if self.val_top1 is not None else self.fault or "nothing"
        return f"{self.name} {came}"


def run_trial(way: Way, number: int, source: Source, folder: Path, seconds: float, workers: int,
              device: str | None) -> Trial:
    """Augment and train by a way in `folder`, within some seconds; its output goes to log.txt there."""
    from tenfold.data.errors import UserFault
    from tenfold.data.shardset import open_set
    from tenfold.train.run.training import train
    started, recipe = time.monotonic(), way.recipe("trial")
    top1, rows, fault = None, 0, ""
    with open_file(make_folder(folder) / "log.txt", "w", encoding="utf-8") as log, contextlib.redirect_stdout(log):
        try:
            augment(recipe, source, folder / "shards", workers)
            shards = open_set(folder / "shards")
            rows = shards.rows("val")
            trained = train(shards, recipe, folder, budget=seconds - (time.monotonic() - started), device=device)
            top1 = trained.val_top1
        except UserFault as failed:
            fault = str(failed)
    return Trial(way.name, number, round(time.monotonic() - started, 2), top1, rows, fault)


def leader(trials: list[Trial]) -> Trial:
    """Return the best of a round: the first, unless a later one is better by more than chance explains."""
    best = trials[0]
    for trial in trials[1:]:
        apart = (trial.val_top1 or 0.0) - (best.val_top1 or 0.0)
        if trial.val_top1 is not None and (best.val_top1 is None or apart > math.hypot(trial.error, best.error)):
            best = trial
    return best


def survivors(trials: list[Trial]) -> list[str]:
    """Return the names that go on to the next round: the better half, rounded up, the leader first."""
    first = leader(trials)
    ranked = sorted(trials, key=lambda t: (t is not first, -(t.val_top1 or 0.0)))
    return [trial.name for trial in ranked[:(len(trials) + 1) // 2]]


def rounds(count: int) -> int:
    """Return how many rounds so many ways take."""
    return max(0, math.ceil(math.log2(max(1, count))))
