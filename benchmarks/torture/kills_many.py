"""Kill the commands that do several things at random moments, run them again, and compare with one left alone.

Most of them train several times, so there are few; labelling pictures is quick. The sweep starts each trial as a
process of its own. What is tried again and compared is as in `kills`: the same command goes on with a sweep, with
predictions and with the automatic mode, `--resume` with the others.
"""

import csv
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.torture import kills, tiny
from benchmarks.torture.outcomes import LINES, REFUSED

COMMANDS = ("sweep", "folds", "compare", "predict", "auto")
_TIMES = ("curves.png", "train.log")             # drawn or told with the seconds that it took


def body(base: Path, command: str, again: bool = False) -> Callable[[], int]:
    """A command of COMMANDS on tiny pictures, which writes below the folder where it is called."""
    recipe, pictures = str(base / f"{tiny.TRAININGS[0].name}.toml"), str(base / "pictures")
    rest = ["--device", "cpu", "--out", "out", "--set", "train.epochs=2"]
    several = ["--data", pictures, "--workers", "1", *(["--resume"] if again else []), *rest]
    lines = {"sweep": ["--recipe", recipe, "--shards", str(base / "shards"), "--grid", "train.lr=0.01,0.03",
                       *rest[:-1], "train.epochs=1"],
             "folds": ["--recipe", recipe, "--folds", "2", *several],
             "compare": [recipe, str(base / tiny.SECOND), *several],
             "predict": [str(base / "runs" / "tiny" / "best.pth"), pictures, *rest[:4], "--all"],
             "auto": [pictures, "--budget", "20s", "--device", "cpu", "--workers", "1"]}

    def run() -> int:
        from tenfold.cli import main
        return main([command, *lines[command]])
    return run


def content(folder: Path) -> dict[str, Any]:
    """Weights, tables and shards that a command left, without what depends on the clock; of auto the files' names."""
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
    for top in ("recipes", "runs", "shards", "best.pth"):        # what auto writes, by the machine's speed
        found |= {str(path.relative_to(folder)): True for path in [folder / top, *(folder / top).rglob("[!.]*")]
                  if path.exists()}
    return found


def check(folder: Path, whole: dict[str, Any]) -> str:
    """What is wrong with the checkpoints of a killed command: they do not open; "" if nothing."""
    return kills.check_checkpoints(folder.rglob("*.pth"))


def kill(base: Path, alone: dict[str, kills.Alone], seed: int, command: str, number: int) -> tuple[str, str]:
    """One command of COMMANDS that is ended and run again until it is done: (outcome, words)."""
    rng = random.Random(f"{seed}/{command}/{number}")
    bodies = [body(base, command), *[body(base, command, again=True)] * 2]
    outcome, words = kills.ended_and_run_again(bodies, alone[command], rng, (signal.SIGKILL,), (content, check),
                                               base / f"{command}{number}")
    if outcome == LINES and "exit code 2: --budget: of" in words:        # of auto, on a machine that is too busy
        return REFUSED, words
    return outcome, words


def left_alone(base: Path, command: str) -> kills.Alone:
    """The command without a signal: what the killed ones are compared with."""
    return kills.alone(body(base, command), base / "alone", content)
