"""Let idle compute threads sleep, instead of spin, while other processes need the cores (Linux, libgomp).

torch's threads wait for each other some hundred times in a training step. By default they spin for milliseconds first:
the fastest way on an idle machine, and ruinous on a busy one, where the thread that all wait for is often not running.
The number of threads is not changed here, so results stay the same to the bit.
"""

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from tenfold.train.device import is_host

SECONDS = 0.5                # between two looks at the load
FIRST = 0.1                  # until the first look
ROOM = 0.25                  # cores that other processes may use before they count: a system is never quite idle
CALM = 4                     # looks at an idle machine until threads spin again
SPIN_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")        # of the user's environment, which stand


@dataclass(frozen=True)
class Load:
    """How many cores other processes keep busy, of those that this one may use; foreign: its children left out."""
    others: float
    foreign: float
    cores: int


class LoadMeter:
    """Measure the load between two calls of `read`, by /proc; no load where there is none, as on macOS."""

    def __init__(self) -> None:
        self._before = self._seconds()

    def read(self) -> Load:
        """Return the load since the last call."""
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
    """The numbers of the processes that our main thread started, such as a DataLoader's workers."""
    try:
        return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    except OSError:
        return []


def _ticks(pid: str) -> int:
    """Clock ticks that a process has been running; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])     # utime and stime, see proc(5)


class BarrierSleep:
    """Switch libgomp between spinning and sleeping at its barriers; does nothing where another OpenMP is loaded.

    libgomp reads GOMP_SPINCOUNT once, when torch is imported, and no fixed count suits both an idle and a busy
    machine (benchmarks/log.md). But it spins only for about a microsecond while it manages more threads than there
    are cores. So a thread of ours holds a second team of OpenMP threads, asleep all the time, for as long as that is
    wanted; when the thread ends, libgomp lets go of its team.
    """

    def __init__(self) -> None:
        self._holder: threading.Thread | None = None
        self._end = threading.Event()

    @property
    def on(self) -> bool:
        """Whether threads sleep at barriers at once."""
        return self._holder is not None

    def switch(self, on: bool) -> None:
        """Let threads sleep at once (on) or spin first, as is the default."""
        if on and not self.on and (gomp := _libgomp()):
            ready, self._end = threading.Event(), threading.Event()
            self._holder = threading.Thread(target=self._hold, args=(gomp, ready, self._end), daemon=True,
                                            name="barrier-sleep")
            self._holder.start()
            ready.wait()
        elif not on and self._holder:
            self._end.set()
            self._holder.join()
            self._holder = None

    @staticmethod
    def _hold(gomp: ctypes.CDLL, ready: threading.Event, end: threading.Event) -> None:
        members = gomp.omp_get_num_procs() + 1
        nothing = ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p)        # what they are to run, once: abs(0)
        gomp.GOMP_parallel(nothing, None, ctypes.c_uint(members), ctypes.c_uint(0))
        ready.set()
        end.wait()


def _libgomp() -> ctypes.CDLL | None:
    """Return the OpenMP of torch if it is libgomp and the user's environment does not say how it waits."""
    if any(name in os.environ for name in SPIN_SETTINGS):
        return None
    try:                                         # symbols are looked up in what libtorch_cpu.so was linked to
        gomp = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"), mode=os.RTLD_NOLOAD)
        # Intel's and LLVM's OpenMP also know GOMP_parallel, and wait in other ways
        return gomp if gomp.GOMP_parallel and not hasattr(gomp, "kmp_set_blocktime") else None
    except (OSError, AttributeError):
        return None


class Crowd:
    """Look at the load twice a second, in a thread, and let compute threads sleep at barriers while it is high.

    threads: how many compute threads there are; whoever changes their number sets it. load: as last seen. looks: how
    often it was seen.
    """

    def __init__(self, threads: int, read: Callable[[], Load] | None = None, sleep: BarrierSleep | None = None):
        self.threads, self.looks, self.load = threads, 0, Load(0.0, 0.0, threads)
        self._read, self._sleep = read or LoadMeter().read, sleep or BarrierSleep()
        self._calm = 0
        self._end = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look, unless that was done."""
        if not self._watcher:
            self._end.clear()
            self._watcher = threading.Thread(target=self._watch, daemon=True, name="crowd")
            self._watcher.start()

    def close(self) -> None:
        """Look no more, and let threads spin again."""
        if self._watcher:
            self._end.set()
            self._watcher.join()
            self._watcher = None
        self._sleep.switch(False)

    def look(self) -> None:
        """Measure the load, and switch."""
        load = self._read()
        crowded = self.threads > 1 and self.threads + load.others > load.cores + ROOM
        self._calm = 0 if crowded else self._calm + 1
        if crowded or self._calm >= CALM:
            self._sleep.switch(crowded)
        self.load, self.looks = load, self.looks + 1

    def _watch(self) -> None:
        seconds = FIRST
        while not self._end.wait(seconds):
            self.look()
            seconds = SECONDS


@contextlib.contextmanager
def sleep_when_crowded(device: torch.device) -> Iterator[None]:
    """Let compute threads sleep at barriers inside, while other processes need the cores; results stay the same."""
    if not is_host(device) or torch.get_num_threads() == 1:
        yield
        return
    crowd = Crowd(torch.get_num_threads())
    crowd.start()
    try:
        yield
    finally:
        crowd.close()
