"""The leaderboard of a sweep: trials, best first, as a table, sweep.csv and sweep.png, and the best weights."""

import json
import os
from pathlib import Path

from tenfold.data.files import publish_together
from tenfold.train.sweep.space import as_set
from tenfold.train.sweep.trial import Trial


def ranked(trials: list[Trial]) -> list[Trial]:
    """Return the trials that were begun: finished ones first, the best first; of two alike the earlier first."""
    order = ("finished", "pruned", "begun", "failed")
    return sorted((t for t in trials if t.state != "begun" or t.seconds),
                  key=lambda t: (order.index(t.state), -(t.val_top1 or 0), t.number))


def row(trial: Trial) -> dict:
    """Return the trial as a row of sweep.csv and --json."""
    return {"trial": trial.number, "val_top1": trial.val_top1, "epochs": trial.epochs,
            "seconds": round(trial.seconds, 3), "state": trial.state, **trial.settings, "reason": trial.reason}


def line(trial: Trial) -> str:
    """Return the trial as a line of text."""
    value = "  –   " if trial.val_top1 is None else f"{trial.val_top1:.4f}"
    return (f"trial {trial.number:3d}  val top-1 {value}  {trial.epochs:3d} epochs  {trial.seconds:6.1f} s  "
            f"{trial.state:8}  {as_set(trial.settings)}" + (f"  ({trial.reason})" if trial.reason else ""))


def keep_best(out: Path, trials: list[Trial]) -> None:
    """Move the best trial's best.pth to `out`, and delete the weights of all trials that ended."""
    for rank, trial in enumerate(ranked(trials)):
        if rank == 0 and trial.state == "finished" and (trial.folder / "best.pth").exists():
            os.replace(trial.folder / "best.pth", out / "best.pth")
        if trial.ended():
            for name in ("best.pth", "last.pth"):
                (trial.folder / name).unlink(missing_ok=True)


def write_leaderboard(out: Path, trials: list[Trial]) -> list[Trial]:
    """Write sweep.csv and sweep.png; return the trials that were begun, best first."""
    from tenfold.train.csv_file import write_csv
    from tenfold.train.sweep.figures import draw_sweep
    rows = ranked(trials)
    if not rows:
        return rows
    curves = [(f"{t.number}: {as_set(t.settings)}", t.history()) for t in rows if t.ended() and t.repeats is None]
    with publish_together(out, ["sweep.csv", "sweep.png"]) as place:
        write_csv(place / "sweep.csv", [{k: json.dumps(v) if isinstance(v, list) else v for k, v in row(t).items()}
                                      for t in rows])
        if curves:
            draw_sweep(place / "sweep.png", curves)
    return rows
