"""Run one trial of a sweep: `tenfold train` in a separate process and folder.

A trial that crashes, runs out of memory or keeps the device's memory must not end the sweep, so it has its own process.
That costs the start of an interpreter, about three seconds, which count as part of its budget.
"""

import contextlib
import csv
import json
import math
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from tenfold.data.command import module_command
from tenfold.data.digests import write_json
from tenfold.data.errors import CheckpointFault
from tenfold.data.fields import COUNT, Number, misfit
from tenfold.data.files import make_folder, open_file, read_file
from tenfold.train.sweep.record import read_fields

POLL = 0.2                   # seconds between two checks of a process
STOPPING = 60.0              # seconds that a stopped process has to write its checkpoint
LATE = 15.0                  # a trial is stopped when it exceeds its budget by so many seconds


_ROW = dict.fromkeys(("epoch", "seconds", "train_loss", "train_top1", "val_top1"), Number(nan=True))    # of metrics.csv
_FIELDS = {"settings": dict, "state": ("begun", "finished", "pruned", "failed"), "val_top1": (None, float),
           "epochs": COUNT, "seconds": Number(0), "shards": str, "reason": str, "curve?": [float],
           "steps?": (None, COUNT), "repeats?": (None, COUNT)}


@dataclass
class Trial:
    """One trial, as stored in trial.json, and its folder."""
    folder: Path
    settings: dict           # {"table.key": value}
    state: str = "begun"     # then "finished", "pruned" or "failed"
    val_top1: float | None = None
    epochs: int = 0
    seconds: float = 0.0     # of training, in all sessions together
    shards: str = ""
    reason: str = ""         # why it failed
    curve: list[float] = field(default_factory=list)     # validation top-1 of each evaluation
    steps: int | None = None     # of training; None: it has not finished, or an older version ran it
    repeats: int | None = None   # the number of the trial whose result it has: it would repeat it, and was not run

    @property
    def number(self) -> int:
        """The trial's number, from 0, as its folder is named."""
        return int(self.folder.name)

    def ended(self) -> bool:
        """Return whether it is never run again. A failed one is run again when its sweep is continued."""
        return self.state in ("finished", "pruned")

    def save(self) -> None:
        """Write trial.json."""
        write_json(self.folder / "trial.json", {k: v for k, v in asdict(self).items() if k != "folder"})

    def spent(self) -> float:
        """Return the seconds of training, including those of a session that was killed before it could save them."""
        return max([self.seconds, *(row["seconds"] for row in self.history())])

    def history(self) -> list[dict]:
        """Return the rows of metrics.csv so far, as numbers."""
        try:
            with open_file(self.folder / "metrics.csv", "r", newline="", encoding="utf-8") as f:
                rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(f)]
            fact = misfit(rows, [_ROW], "its table")
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, csv.Error) as error:
            fact = getattr(error, "strerror", None) or str(error)
        if fact:
            raise CheckpointFault(self.folder / "metrics.csv", f"is not a trial's ({fact})", "remove its folder")
        return rows


def read_trials(out: Path, names: list[str]) -> list[Trial]:
    """Return all trials in `out`, in the order of their start. names: the settings that vary.

    CheckpointFault: a file is damaged, or belongs to another sweep.
    """
    fields = _FIELDS | {"settings": dict.fromkeys(names, object)}
    trials = []
    for path in sorted(out.glob("trials/*/trial.json")):
        kept = read_fields(path, fields)
        odd = [name for name in kept["settings"] if name not in names]
        if kept["state"] == "finished" and (kept["val_top1"] is None or not kept["shards"]):
            odd.append("finished without a result")
        if odd or not path.parent.name.isdecimal():
            raise CheckpointFault(path, f"is of another sweep ({', '.join(odd) or 'a folder without a number'})",
                                  "give another --out, or remove its folder")
        names_kept = [name.removesuffix("?") for name in _FIELDS]
        trials.append(Trial(path.parent, **{name: kept[name] for name in names_kept if name in kept}))
    return trials


def _curve(history: list[dict]) -> list[float]:
    """Return the validation top-1 of each evaluation."""
    return [row["val_top1"] for row in history if not math.isnan(row["val_top1"])]


def new_trial(out: Path, trials: list[Trial], settings: dict) -> Trial:
    """Make a trial with a new folder, and add it to `trials`."""
    number = max((t.number for t in trials), default=-1) + 1
    trials.append(Trial(make_folder(out / "trials" / f"{number:04d}"), settings))
    trials[-1].save()
    return trials[-1]


def run_trial(trial: Trial, budget: float, device: str | None, lock: TextIO,
              hopeless: Callable[[list[float]], bool]) -> None:
    """Train with the recipe.json in the trial's folder, from its last.pth if there is one, and save the result.

    budget: seconds of training in all. hopeless: called again and again with the top-1 of val of each evaluation so
    far; if it returns true, the trial is stopped as "pruned". KeyboardInterrupt: the trial has written its last.pth
    and stays "begun".
    """
    if not (trial.folder / "last.pth").exists():
        (trial.folder / "metrics.csv").unlink(missing_ok=True)
    command = ["train", "--recipe", "recipe.json", "--shards", trial.shards, "--out", ".", "--resume", "--json",
               "--budget", f"{budget:.3f}", *(["--device", device] if device else [])]
    before, start, pruned = trial.seconds, time.monotonic(), False
    trial.state, trial.reason = "begun", ""

    def enough() -> bool:
        nonlocal pruned
        trial.seconds = before + time.monotonic() - start
        pruned = hopeless(_curve(trial.history()))
        return pruned or trial.seconds > budget + LATE
    try:
        log = trial.folder / "train.log"
        code = run_process(command, trial.folder, log, lock, enough)
        trial.seconds = before + time.monotonic() - start
        history = trial.history()
        trial.curve = _curve(history)
        trial.epochs = math.ceil(history[-1]["epoch"]) if history else 0
        # of the weights that are kept, which need not be the highest
        facts = json.loads(read_file(log).splitlines()[-1]) if code == 0 else {}         # the command's --json
        trial.steps = facts.get("steps")
        trial.val_top1 = facts["val_top1"] if facts else max(trial.curve, default=None)
        trial.state = ("finished" if code == 0 and trial.val_top1 is not None else
                       "pruned" if pruned and code in (130, -signal.SIGTERM) else "failed")
        if trial.state == "failed":
            trial.reason = "no validation rows" if code == 0 else why(code, log)
    finally:
        trial.save()


def run_process(command: list, folder: str | Path, log: Path, lock: TextIO, enough: Callable[[], bool]) -> int:
    """Run a command of Tenfold in a folder and return its exit code. It is stopped as soon as `enough` returns true.

    Ctrl-C only reaches this process (the other is in a separate session), which then stops the other and waits for it.
    If this process is killed, the other ends within a second; until then it holds the sweep's `lock`.
    """
    with open_file(log, "ab") as f:
        process = subprocess.Popen(**module_command(*command), cwd=folder, stdin=subprocess.DEVNULL, stdout=f,
                                   stderr=f, start_new_session=True, pass_fds=(lock.fileno(),))
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(POLL)
            if enough():
                return _stop(process)
    except BaseException:
        _stop(process)
        raise


def _stop(process) -> int:
    """Terminate a process, which then writes a checkpoint, or kill it if it does not end; return its exit code."""
    process.terminate()
    try:
        return process.wait(STOPPING)
    except subprocess.TimeoutExpired:
        pass
    finally:                                     # also after a second ctrl-C
        process.kill()
    return process.wait()


def why(code: int, log: Path) -> str:
    """Return in one line why a trial failed: the message of the command if the user can mend it, else its log file."""
    lines = read_file(log).decode(errors="replace").strip().splitlines()
    if code == 2 and lines:
        return lines[-1]
    ended = f"ended by signal {-code}" if code < 0 else "was stopped" if code == 130 else f"ended with code {code}"
    return f"{ended}; see {log}"
