"""Let idle compute threads sleep, instead of spin, while other processes need the cores (Linux, libgomp).

torch's threads wait for each other some hundred times in a training step. By default they spin for milliseconds first:
the fastest way on an idle machine, and ruinous on a busy one, where the thread that all wait for is often not running.
The number of threads is not changed here, so results stay the same to the bit.
"""

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from tenfold.data.out_of_memory import has_started, is_out_of_memory
from tenfold.train.cpu_load import MARGIN, Load, LoadMeter
from tenfold.train.device import is_host

SECONDS = 0.5                # between two measurements of the load
FIRST = 0.1                  # seconds until the first measurement
CALM = 4                     # measurements of an idle machine until threads spin again
SPIN_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")        # environment variables of the user that are respected


class BarrierSleep:
    """Switch libgomp between spinning and sleeping at its barriers; does nothing if another OpenMP is loaded.

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
        """Return whether threads sleep at barriers at once."""
        return self._holder is not None

    def switch(self, on: bool) -> None:
        """Let threads sleep at once (on) or spin first, as is the default."""
        if on and not self.on and (gomp := _libgomp()):
            ready, self._end = threading.Event(), threading.Event()
            holder = threading.Thread(target=self._hold, args=(gomp, ready, self._end), daemon=True,
                                      name="barrier-sleep")
            if has_started(holder):
                self._holder = holder
                ready.wait()
        elif not on and self._holder:
            self._end.set()
            self._holder.join()
            self._holder = None

    @staticmethod
    def _hold(gomp: ctypes.CDLL, ready: threading.Event, end: threading.Event) -> None:
        members = gomp.omp_get_num_procs() + 1
        nothing = ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p)        # each thread runs this once: abs(0)
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


class LoadWatcher:
    """Measure the load twice a second, in a thread, and let compute threads sleep at barriers while it is high.

    threads: how many compute threads there are; whoever changes their number sets it. load: the last measurement.
    looks: how many measurements there were.
    """

    def __init__(self, threads: int, read: Callable[[], Load] | None = None, sleep: BarrierSleep | None = None):
        self.threads, self.looks, self.load = threads, 0, Load(0.0, 0.0, threads)
        self._read, self._sleep = read or LoadMeter().read, sleep or BarrierSleep()
        self._calm = 0
        self._end = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Begin to measure the load, unless that was done."""
        if not self._watcher:
            self._end.clear()
            watcher = threading.Thread(target=self._watch, daemon=True, name="load-watcher")
            self._watcher = watcher if has_started(watcher) else None

    def close(self) -> None:
        """Stop measuring, and let threads spin again."""
        if self._watcher:
            self._end.set()
            self._watcher.join()
            self._watcher = None
        self._sleep.switch(False)

    def look(self) -> None:
        """Measure the load, and switch between spinning and sleeping."""
        load = self._read()
        busy = self.threads > 1 and self.threads + load.others > load.cores + MARGIN
        self._calm = 0 if busy else self._calm + 1
        if busy or self._calm >= CALM:
            self._sleep.switch(busy)
        self.load, self.looks = load, self.looks + 1

    def _watch(self) -> None:
        seconds = FIRST
        while not self._end.wait(seconds):
            try:
                self.look()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            seconds = SECONDS


@contextlib.contextmanager
def sleep_when_busy(device: torch.device) -> Iterator[None]:
    """In this context, compute threads sleep at barriers while other processes need the cores; results are the same."""
    if not is_host(device) or torch.get_num_threads() == 1:
        yield
        return
    watcher = LoadWatcher(torch.get_num_threads())
    watcher.start()
    try:
        yield
    finally:
        watcher.close()
