"""Let the disk run full in a build, a training and a score, then give it room and run the command again.

Half of the disks are a small tmpfs (root on Linux), which fills up; on the others no file may grow beyond a limit
(RLIMIT_FSIZE). The command must end with exit code 2 and one line, leave nothing half-written that is believed, and
end as one that was left alone once there is room.
"""

import contextlib
import os
import random
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.torture import kills, tiny
from benchmarks.torture.children import run_child
from benchmarks.torture.outcomes import LEFT, LINES, REFUSED, SAME, SILENT, TRACEBACK

VERBS = ("build", "training", "score")
_MARK = "of an earlier run"


def can_mount(base: Path) -> bool:
    """Return whether a small tmpfs can be mounted here."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError), _disk(base / "probe", 64):
        return True
    return False


@contextlib.contextmanager
def _disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """Mount a disk of a size on the folder."""
    folder.mkdir()
    mount = partial(subprocess.run, check=True, capture_output=True)
    mount(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tenfold-torture", str(folder)])
    try:
        yield
    finally:
        mount(["umount", "-l", str(folder)])
        folder.rmdir()


def fill_up(base: Path, known: dict[str, kills.Alone], seed: int, mounts: bool, number: int) -> tuple[str, str]:
    """One command on a disk that is too small, and again with room: (outcome, words)."""
    rng, verb = random.Random(f"{seed}/disk/{number}"), VERBS[number % len(VERBS)]
    whole, attacked, here = known[verb], body(base, verb), base / f"disk {os.getpid()}"
    mounted = mounts and rng.random() < 0.5
    limit = rng.randint(48, 48 + (whole.bytes >> 10)) if mounted else rng.randint(1, max(2, whole.largest >> 10))
    words = f"{verb}, " + (f"disk of {limit} kB" if mounted else f"files of up to {limit} kB")
    try:
        with _disk(here, limit) if mounted else contextlib.nullcontext():
            outcome = _run(verb, attacked if mounted else _limited(attacked, limit), here, whole, words)
            if outcome:
                return outcome
            if mounted:
                subprocess.run(["mount", "-o", "remount,size=64m", str(here)], check=True, capture_output=True)
            ended = run_child(attacked, here)
            if ended.code:
                return LINES, f"{words}; with room: {ended.code} {ended.err[-500:]}"
            found = content(verb, here)
            return (REFUSED, words) if found == whole.content else (SILENT, f"{words}; with room other content")
    finally:
        shutil.rmtree(here, ignore_errors=True)


def _run(verb: str, body: Callable[[], int], here: Path, whole: kills.Alone, words: str) -> tuple[str, str] | None:
    """What the command came to where the disk ran full, unless all is as it should be."""
    (here / "tmp").mkdir(parents=True, exist_ok=True)
    if verb == "score":
        from tenfold.train.score.files import FILES
        (here / "score").mkdir()
        for name in FILES:
            (here / "score" / name).write_text(_MARK)
    ended = run_child(body, here)
    words = f"{words}: {ended.err[-500:]}"
    if "Traceback" in ended.err:
        return TRACEBACK, words
    if ended.code not in (0, 2) or (ended.code == 2 and len(ended.err.strip().splitlines()) != 1):
        return LINES, f"exit code {ended.code}: {words}"
    if ended.left:
        return LEFT, f"{words} {ended.left}"
    if left := [str(path.relative_to(here)) for path in here.rglob(".part-*")]:
        return LEFT, f"{words} {left}"
    if verb == "score":
        marks = {path.read_bytes() == _MARK.encode() for path in (here / "score").iterdir()}
        wrong = "files of two runs" if len(marks) > 1 else ""
    else:
        wrong = (kills.check_set if verb == "build" else kills.check_run)(here, whole.content)
    if wrong:
        return SILENT, f"{words}: {wrong}"
    return (SAME, words) if ended.code == 0 else None


def known_runs(base: Path) -> dict[str, kills.Alone]:
    """Each command left alone."""
    return {verb: kills.alone(body(base, verb), base / "alone", partial(content, verb)) for verb in VERBS}


def content(verb: str, folder: Path) -> dict[str, Any]:
    """What a command left that does not depend on the clock."""
    if verb == "score":
        return {path.name: b"" if path.suffix == ".json" else path.read_bytes()
                for path in (folder / "score").iterdir()}
    return kills.set_content(folder) if verb == "build" else kills.run_content(folder)


def body(base: Path, verb: str) -> Callable[[], int]:
    """A command of VERBS, in the folder where it is called."""
    if verb == "build":
        return tiny.build_body(base, tiny.BUILDS[0])
    if verb == "training":
        return tiny.training_body(base, tiny.TRAININGS[0])

    def score() -> int:
        from tenfold.train.score.command import main
        return main([str(base / "runs" / "tiny" / "best.pth"), "--shards", str(base / "shards"), "--out", "score",
                     "--device", "cpu"])
    return score


def _limited(body: Callable[[], int], kilobytes: int) -> Callable[[], int]:
    def limited() -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes << 10, resource.RLIM_INFINITY))
        return body()
    return limited
