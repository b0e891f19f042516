"""Run a build, a training or a score in a cgroup with too little memory, then without, and compare as `kills` does.

The command must end with exit code 2 and one line, or be ended by the kernel, or end as one that was left alone; with
room it must end as that one. It needs a machine on which this process may make a cgroup: root, with the memory
controller of cgroups 1 or 2.
"""

import contextlib
import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.torture import disks, kills, tiny
from benchmarks.torture.children import run_child
from benchmarks.torture.outcomes import HANG, KERNEL, LEFT, LINES, REFUSED, SAME, SILENT, TRACEBACK

_LIMITS = {1: "memory.limit_in_bytes", 2: "memory.max"}
_MEGABYTES = (30, 500)       # of a limit; a process is forked from one that has imported all, which is not counted


@dataclass(frozen=True)
class Groups:
    """The cgroup below which others are made, and the version of its kind."""
    folder: Path
    version: int


def own_groups() -> Groups | None:
    """Where a cgroup with a limit of memory can be made; None: nowhere."""
    for line in Path("/proc/self/cgroup").read_text().splitlines() if Path("/proc/self/cgroup").exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers in ("memory", ""):
            version = 1 if controllers else 2
            top = Path("/sys/fs/cgroup/memory" if controllers else "/sys/fs/cgroup")
            groups = Groups(top / path.lstrip("/"), version)
            with contextlib.suppress(OSError), _group(groups, 64):
                return groups
    return None


@contextlib.contextmanager
def _group(groups: Groups, megabytes: int) -> Iterator[Path]:
    """Make a cgroup with a limit, and remove it when its processes have ended."""
    folder = groups.folder / f"tenfold-torture-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / _LIMITS[groups.version]).write_text(str(megabytes << 20))
        yield folder
    finally:
        for _ in range(250):
            with contextlib.suppress(OSError):
                folder.rmdir()
                break
            time.sleep(0.02)


def run_short(base: Path, known: dict[str, kills.Alone], seed: int, groups: Groups, number: int) -> tuple[str, str]:
    """One command with too little memory, and again with room: (outcome, words)."""
    rng, verb = random.Random(f"{seed}/memory/{number}"), disks.VERBS[number % len(disks.VERBS)]
    limit, here, whole = rng.randint(*_MEGABYTES), base / f"memory {os.getpid()}", known[verb]
    several = verb == "build" and rng.random() < 0.3
    body = tiny.build_body(base, tiny.BUILDS[0], 2) if several else disks.body(base, verb)
    words = f"{verb}{', 2 workers' if several else ''} in {limit} MB"
    try:
        with _group(groups, limit) as group:
            ended = run_child(body, here, before=partial((group / "cgroup.procs").write_text, "0"))
        words = f"{words}: exit code {ended.code}: {ended.err[-500:]}"
        if "Traceback" in ended.err:
            return TRACEBACK, words
        if ended.code == -14:
            return HANG, words
        if ended.code not in (0, 2, -9) or (ended.code == 2 and len(ended.err.strip().splitlines()) != 1):
            return LINES, words
        if ended.left:
            return LEFT, f"{words} {ended.left}"
        if ended.code:
            again = run_child(disks.body(base, verb), here)
            if again.code:
                return LINES, f"{words}; with room: {again.code} {again.err[-500:]}"
        if disks.content(verb, here) != whole.content:
            return SILENT, f"{words}; other content in the end"
        return {0: SAME, 2: REFUSED, -9: KERNEL}[ended.code], words
    finally:
        shutil.rmtree(here, ignore_errors=True)
