"""Kill builds and trainings at random moments, run them again until they are done, and compare with one left alone.

A moment is drawn over the whole run: a time, or an operation on a file, before which the process ends itself. Some runs
are killed twice. After each kill nothing of the run may live on, and what lies in its folder may be unfinished but not
wrong. In the end the files are those of the run that was left alone, and nothing else is there.
"""

import random
import shutil
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.torture import tiny
from benchmarks.torture.children import Ended, Kill, run_child
from benchmarks.torture.outcomes import DONE, LEFT, LINES, SAME, SILENT, TRACEBACK

WITH_WORKERS = 7             # every so manieth build has two worker processes, which take a second to start
SIGNALS = (signal.SIGINT, signal.SIGTERM)
BY_THE_CLOCK = ("seconds", "images_per_second", "data_wait_fraction")      # columns of metrics.csv


@dataclass(frozen=True)
class Alone:
    """A run that was left alone: how long it took, its operations on files, and what it left."""
    seconds: float
    operations: int
    names: frozenset[str]
    content: dict[str, Any]
    bytes: int               # of all files together, and of the largest
    largest: int


def alone(body: Callable[[], int], folder: Path, read: Callable[[Path], dict[str, Any]]) -> Alone:
    """Run a command to its end, without a signal: what the killed ones are compared with."""
    shutil.rmtree(folder, ignore_errors=True)
    ended = run_child(body, folder)
    if ended.code or ended.left:
        raise RuntimeError(f"left alone, it ended with {ended.code}: {ended.err[-2000:]} {ended.left}")
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return Alone(ended.seconds, ended.operations, _names(folder), read(folder), sum(sizes), max(sizes))


def _names(folder: Path) -> frozenset[str]:
    return frozenset(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != ".verified")


def set_content(folder: Path) -> dict[str, Any]:
    """The bytes of all files of the finished set in folder/set that do not depend on the clock."""
    return {path.name: path.read_bytes() for path in sorted((folder / "set").glob("[!.]*"))
            if path.name not in ("report.json", "classes.png")}


def run_content(folder: Path) -> dict[str, Any]:
    """Weights and history of the finished run in folder/runs/tiny, and whether ./best.pth is its best.pth."""
    from tenfold.train.run.checkpoint import load
    run = folder / "runs" / "tiny"
    best, last = (load(run / name) for name in ("best.pth", "last.pth"))
    history = [{k: v for k, v in row.items() if k not in BY_THE_CLOCK}
               for row in _history(run / "metrics.csv")]
    return {"best": {k: v.numpy().tobytes() for k, v in best["weights"].items()},
            "last": {k: v.numpy().tobytes() for k, v in last["weights"].items()}, "history": history,
            "copied": (folder / "best.pth").read_bytes() == (run / "best.pth").read_bytes()}


def _history(path: Path) -> list[dict[str, str]]:
    import csv
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def check_set(folder: Path, content: dict[str, Any]) -> str:
    """What is wrong with a set whose build was killed: it opens as finished and is not; "" if nothing."""
    from tenfold.data.errors import UserFault
    from tenfold.data.shardset import open_set
    if not (folder / "set" / "dataset.json").exists():
        return ""
    try:
        open_set(folder / "set")
    except UserFault as fault:
        return f"dataset.json is there and the set does not open: {fault}"
    found = set_content(folder)
    return f"the finished set differs in {_differing(found, content)}" if found != content else ""


def check_run(folder: Path, content: dict[str, Any]) -> str:
    """What is wrong with the checkpoints of a killed training: they do not open; "" if nothing."""
    return check_checkpoints((*(folder / "runs").rglob("*.pth"), folder / "best.pth"))


def check_checkpoints(paths: Iterable[Path]) -> str:
    """Why one of these checkpoints does not open; "": all that are there do."""
    from tenfold.data.errors import UserFault
    from tenfold.train.run.checkpoint import load
    for path in paths:
        try:
            if path.exists() and not path.name.startswith("."):
                load(path)
        except UserFault as fault:
            return str(fault)
    return ""


def _differing(found: dict[str, Any], content: dict[str, Any]) -> str:
    return ", ".join(sorted(name for name in {*found, *content} if found.get(name) != content.get(name)))


def build_setup(number: int) -> tuple[tiny.Setup, int, str]:
    """The setup of a build by its number, how many worker processes it has, and the name of the two together."""
    setup, several = tiny.BUILDS[number % len(tiny.BUILDS)], number % WITH_WORKERS == 3
    return setup, 1 + several, f"{setup.name}, 2 workers" if several else setup.name


def kill_build(base: Path, setups: dict[str, Alone], seed: int, number: int,
               signals: tuple[int, ...] = (signal.SIGKILL,)) -> tuple[str, str]:
    """One build that is ended and run again until it is done: (outcome, words)."""
    rng = random.Random(f"{seed}/build/{number}/{signals}")
    setup, workers, name = build_setup(number)
    bodies = [tiny.build_body(base, setup, workers)] * 3
    return ended_and_run_again(bodies, setups[name], rng, signals, (set_content, check_set), base / f"build{number}")


def kill_training(base: Path, setups: dict[str, Alone], seed: int, number: int,
                  signals: tuple[int, ...] = (signal.SIGKILL,)) -> tuple[str, str]:
    """One training that is ended and resumed until it is done: (outcome, words)."""
    rng = random.Random(f"{seed}/training/{number}/{signals}")
    setup = tiny.TRAININGS[number % len(tiny.TRAININGS)]
    bodies = [tiny.training_body(base, setup), *[tiny.training_body(base, setup, "--resume")] * 2]
    return ended_and_run_again(bodies, setups[setup.name], rng, signals, (run_content, check_run),
                               base / f"training{number}")


def ended_and_run_again(bodies: list[Callable[[], int]], whole: Alone, rng: random.Random, signals: tuple[int, ...],
                        checks: tuple[Callable, Callable], folder: Path) -> tuple[str, str]:
    """End a command at drawn moments, run the next of `bodies` each time, and compare in the end: (outcome, words).

    checks: what reads the content of a finished folder, and what looks at that of an ended one.
    """
    read, check = checks
    kills = [_drawn(whole, rng, signals) for _ in range(1 + (rng.random() < 0.3))]
    words = ", ".join(map(str, kills))
    try:
        for body, kill in zip(bodies, [*kills, None], strict=False):
            ended = run_child(body, folder, kill)
            if bad := _bad_end(ended, kill):
                return bad[0], f"{words}: {bad[1]}"
            if wrong := check(folder, whole.content):
                return SILENT, f"{words}: {wrong}"
            if ended.code == 0:
                break
        if ended.code:
            return LINES, f"{words}: it ended with {ended.code}: {ended.err[-600:]}"
        if more := _names(folder) - whole.names:
            return LEFT, f"{words}: {', '.join(sorted(more))}"
        found = read(folder)
        if found != whole.content:
            return SILENT, f"{words}: other {_differing(found, whole.content)}"
        return (SAME, words) if any(kill.seconds < whole.seconds for kill in kills) else (DONE, words)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _drawn(whole: Alone, rng: random.Random, signals: tuple[int, ...]) -> Kill:
    number = rng.choice(signals)
    if rng.random() < 0.5 and whole.operations:
        return Kill(operation=rng.randint(1, whole.operations), number=number)
    return Kill(seconds=rng.uniform(0.0, whole.seconds), number=number)


def _bad_end(ended: Ended, kill: Kill | None) -> tuple[str, str] | None:
    """What is wrong with the way a process ended, if anything."""
    if ended.left:
        return LEFT, ", ".join(ended.left)
    if "Traceback" in ended.err:
        return TRACEBACK, ended.err[-800:]
    number = signal.SIGKILL if kill is None else kill.number
    # before the command has taken the signals over it dies of them
    if ended.code not in ({0, -number} if number == signal.SIGKILL else {0, 130, -number}):
        return LINES, f"exit code {ended.code}: {ended.err[-600:]}"
    if ended.code == 130 and len(ended.err.strip().splitlines()) != 1:
        return LINES, ended.err[-600:]
    return None
