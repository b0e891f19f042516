"""Kill sweeps and cross-validations at random moments, run them again, and compare with one left alone.

Both train several times, so there are few of them. The sweep starts each trial as a process of its own. What is tried
again and compared is as in `kills`: the same command goes on with a sweep, `--resume` with the folds.
"""

import csv
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.torture import kills, tiny

COMMANDS = ("sweep", "folds")
_TIMES = ("curves.png", "train.log")             # drawn or told with the seconds that it took


def body(base: Path, command: str, again: bool = False) -> Callable[[], int]:
    """`tenfold sweep` of two trials, or `tenfold folds` of two folds, into out/ where it is called."""
    start = ["--recipe", str(base / f"{tiny.TRAININGS[0].name}.toml"), "--out", "out", "--device", "cpu"]

    def sweep() -> int:
        from tenfold.train.sweep.command import main
        return main([*start, "--shards", str(base / "shards"), "--grid", "train.lr=0.01,0.03", "--set",
                     "train.epochs=1"])

    def folds() -> int:
        from tenfold.folds import main
        return main([*start, "--data", str(base / "pictures"), "--folds", "2", "--workers", "1", "--set",
                     "train.epochs=2", *["--resume"] * again])
    return sweep if command == "sweep" else folds


def content(folder: Path) -> dict[str, Any]:
    """Weights, tables and predictions below folder/out, without what depends on the clock."""
    from tenfold.train.run.checkpoint import load
    found: dict[str, Any] = {}
    for path in sorted((folder / "out").rglob("[!.]*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".pth":
            found[name] = {key: value.numpy().tobytes() for key, value in load(path)["weights"].items()}
        elif path.suffix == ".csv":
            with open(path, newline="", encoding="utf-8") as f:
                rows = list(csv.DictReader(f))
            found[name] = [{k: v for k, v in row.items() if k not in kills.BY_THE_CLOCK} for row in rows]
        elif path.suffix == ".h5":
            found[name] = path.read_bytes()
        elif path.is_file() and path.name not in _TIMES:
            found[name] = True
    return found


def check(folder: Path, whole: dict[str, Any]) -> str:
    """What is wrong with the checkpoints of a killed command: they do not open; "" if nothing."""
    return kills.check_checkpoints((folder / "out").rglob("*.pth"))


def kill(base: Path, alone: dict[str, kills.Alone], seed: int, command: str, number: int) -> tuple[str, str]:
    """One sweep or cross-validation that is ended and run again until it is done: (outcome, words)."""
    rng = random.Random(f"{seed}/{command}/{number}")
    bodies = [body(base, command), *[body(base, command, again=True)] * 2]
    return kills.ended_and_run_again(bodies, alone[command], rng, (signal.SIGKILL,), (content, check),
                                     base / f"{command}{number}")


def left_alone(base: Path, command: str) -> kills.Alone:
    """The command without a signal: what the killed ones are compared with."""
    return kills.alone(body(base, command), base / "alone", content)
