"""The record of a sweep (sweep.json), shared by all of its sessions, and the budget of each trial."""

import time
from dataclasses import dataclass
from pathlib import Path

from tenfold.data.digests import read_json, write_json
from tenfold.data.errors import CheckpointFault, TrainingFault
from tenfold.data.fields import Number, misfit
from tenfold.data.recipe import Recipe
from tenfold.train.inputs import fixed_settings

CLOSING = 4.0                # seconds of the budget that are kept for the table and the picture
PROCESS = 1.0                # seconds that a trial takes beyond its own budget, to start and end its process
FAIR = 0.9                   # a trial is only begun if at least this part of its share is left


_FIELDS = {"recipe": {str: object}, "space": [str], "share?": (None, Number(1)), "spent?": Number(0)}


def read_fields(path: Path, fields: dict) -> dict:
    """Read a JSON file of a sweep. fields: what it must contain, in the form that `misfit` takes.

    CheckpointFault: it is something else, or damaged. FileNotFoundError: there is none.
    """
    try:
        content = read_json(path)
        fact = misfit(content, fields)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        fact = getattr(error, "strerror", None) or str(error)
    if fact:
        raise CheckpointFault(path, f"is not a sweep's ({fact})", "give another --out, or remove its folder")
    return content


class SweepRecord:
    """A sweep's recipe, the keys it varies, the budget of each trial, and the seconds spent by all sessions."""

    def __init__(self, path: Path, recipe: dict, space: list[str], share: float | None = None, spent: float = 0.0):
        self.path, self.recipe, self.space = path, recipe, space
        self._given, self.share = share, share or 0.0      # seconds for each trial
        self.budget = 0.0                        # seconds for the whole sweep
        self._spent, self._start = spent, time.monotonic()

    def elapsed(self) -> float:
        """Return the seconds of the sweep, including earlier sessions."""
        return self._spent + time.monotonic() - self._start

    def share_out(self, usual: float, trials: int, budget: float | None) -> None:
        """Set the seconds of each trial: `usual`, or less if `budget`, which is for all trials, is too small for that.

        In later sessions the share stays the same, so that trials compare. TrainingFault: less than a second each.
        """
        usual = usual if self._given is None else self._given
        if budget is None:
            self.budget, self.share = trials * (usual + PROCESS) + CLOSING, usual
            return
        share = min(usual, (budget - CLOSING) / trials - PROCESS) if self._given is None else self._given
        if share < 1:
            raise TrainingFault("--budget", f"of {budget:g} s leaves {max(share, 0):.1f} s for each of {trials} trials",
                                "give more, or fewer trials")
        self.budget, self.share = budget, share

    def save(self) -> None:
        """Write sweep.json."""
        content = {"recipe": self.recipe, "space": self.space, "share": self.share, "spent": self.elapsed()}
        write_json(self.path, content)


@dataclass(frozen=True)
class Limit:
    """The seconds that a trial may take, and whether they are a fair share."""
    seconds: float
    fair: bool


def limit(record: SweepRecord, before: float, late: float) -> Limit:
    """Return the seconds that a trial may take in all. before: seconds already spent on it; late: seconds by which
    trials exceed their limit."""
    seconds = min(record.share, before + record.budget - CLOSING / 2 - late - record.elapsed())
    return Limit(seconds, seconds >= FAIR * record.share)


def open_record(out: Path, recipe: Recipe, space: list[str]) -> SweepRecord:
    """Return the record of the sweep in `out`, or a new one. CheckpointFault: `out` holds another sweep."""
    path, now = out / "sweep.json", fixed_settings(recipe)
    try:
        content = read_fields(path, _FIELDS)
    except FileNotFoundError:
        return SweepRecord(path, now, space)
    before = {name.rstrip("."): value for name, value in content["recipe"].items()}
    different = [name for name in before | now if before.get(name) != now.get(name)]
    different += ["what it varies"] if content["space"] != space else []
    share, spent = content.get("share"), content.get("spent", 0.0)
    if different:
        raise CheckpointFault(out, f"holds a sweep with other settings ({', '.join(different[:5])})",
                              "give those again, or another --out, or remove the folder")
    return SweepRecord(path, now, space, share, spent)
