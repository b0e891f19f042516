"""Measure how many cores other processes keep busy, and how many a container is allowed (Linux)."""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

MARGIN = 0.25                # other processes may use so many cores before they count: a system is never quite idle


@dataclass(frozen=True)
class Load:
    """How many of the cores that this process may use are kept busy by other processes."""
    others: float            # cores
    foreign: float           # cores, without this process's children
    cores: int               # that this process may use


class LoadMeter:
    """Measure the load between two calls of `read`, from /proc; without /proc, as on macOS, the load is 0."""

    def __init__(self) -> None:
        self._before = self._seconds()

    def read(self) -> Load:
        """Return the load of the processor since the last call of this function."""
        before, self._before = self._before, self._seconds()
        wall, busy, own, children = (now - then for now, then in zip(self._before, before, strict=True))
        others = max(0.0, busy - own) / max(wall, 1e-9)
        return Load(others, max(0.0, others - max(0.0, children) / max(wall, 1e-9)), len(_own_cores()))

    def _seconds(self) -> tuple[float, float, float, float]:
        """(wall time, time all processes were running on our cores, of these our own, our children's), in seconds."""
        now, own = time.monotonic(), time.process_time()
        try:
            lines = [line.split() for line in Path("/proc/stat").read_text().splitlines() if line.startswith("cpu")]
            tick = os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError):
            return now, own, own, 0.0
        ours = {f"cpu{core}" for core in _own_cores()}
        # user, nice, system, [idle, waiting for disks,] interrupts, soft interrupts, stolen by other virtual machines
        busy = sum(int(line[field]) for line in lines if line[0] in ours for field in (1, 2, 3, 6, 7, 8))
        return now, busy / tick, own, sum(map(_ticks, _children())) / tick


def _own_cores() -> set[int]:
    try:
        return os.sched_getaffinity(0)
    except AttributeError:                       # macOS
        return set(range(os.cpu_count() or 1))


def core_limit(root: Path = Path("/")) -> int | None:
    """Return how many cores' time a container is allowed, rounded up (its cgroup's quota); None: there is no limit."""
    groups = root / "sys/fs/cgroup"
    for files in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):       # of version 2, of version 1
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
            quota, period = map(int, " ".join((groups / name).read_text() for name in files).split())
            return -(-quota // period) if quota > 0 else None
    return None


def _children() -> list[str]:
    """Return the ids of the processes that our main thread started, such as a DataLoader's workers."""
    try:
        return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    except OSError:
        return []


def _ticks(pid: str) -> int:
    """Return the clock ticks for which a process has been running; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])     # utime and stime, see proc(5)
