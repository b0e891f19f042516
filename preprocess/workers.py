"""Hire worker processes, which are kept for the next task for a while; killed with all they do where a task fails."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import tenfold
from tenfold.data.process import STOPS
from tenfold.preprocess.worker import IDLE

_KEPT = IDLE - 30            # seconds: one that was idle for longer may be about to end, and is not hired again
# of libraries that would start a thread for each core in each worker; what the user has set, stands
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_CODE = "import sys; sys.path[:] = {path!r}; from tenfold.preprocess.worker import main; main({fd}, {parent})"


class WorkerEnded(Exception):
    """A worker was ended from outside; `str()` says how."""


class _Remote(Exception):
    """The traceback in a worker, as the cause of the error that came from there."""

    def __str__(self) -> str:
        return f"\n\n{self.args[0]}"


class Worker:
    """A worker process and the pipe to it."""

    def __init__(self) -> None:
        self.link, there = Pipe()
        self.idle_since = 0.0
        root = str(Path(tenfold.__file__).resolve().parents[1])
        path = [os.path.abspath(place) for place in sys.path]
        code = _CODE.format(path=[*path, *([] if root in path else [root])], fd=there.fileno(), parent=os.getpid())
        # signals are for this process, which then ends its workers: one that is blocked stays blocked in the worker
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            self.process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL,
                                            pass_fds=(there.fileno(),), env=dict.fromkeys(_THREADS, "1") | os.environ)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            there.close()

    def send(self, number: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        """Hand over a task, which is computed after those that were sent before."""
        with suppress(BrokenPipeError):          # `result` says that the worker has ended
            self.link.send_bytes(pickle.dumps((number, function, arguments, os.getcwd()), pickle.HIGHEST_PROTOCOL))

    def result(self) -> tuple[int, Any]:
        """Wait for the oldest task's (number, result); raise what the task raised. WorkerEnded: there is no worker."""
        try:
            number, result, error, found = pickle.loads(self.link.recv_bytes())
        except (EOFError, OSError):
            self.process.kill()
            raise WorkerEnded(_how(self.process.wait())) from None
        if error is not None:
            raise error from _Remote(found)
        return number, result

    def end(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.wait()
        self.link.close()


def _how(code: int) -> str:
    """How a worker ended, by its exit code."""
    if code == -signal.SIGKILL:
        return "the system ended a worker, most likely for lack of memory"
    return f"a worker was ended by {signal.Signals(-code).name}" if code < 0 else f"a worker ended with code {code}"


_idle: list[Worker] = []
_lock = threading.Lock()


@contextmanager
def hired(count: int) -> Iterator[list[Worker]]:
    """Yield so many workers, which must have no task left on exit; they are ended where something is raised."""
    workers: list[Worker] = []
    try:
        with _lock:
            while _idle and len(workers) < count:
                worker = _idle.pop()
                if time.monotonic() - worker.idle_since < _KEPT and worker.process.poll() is None:
                    workers.append(worker)
                else:
                    worker.end()
        while len(workers) < count:
            workers.append(Worker())
        yield workers
    except BaseException:
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.end()
        raise
    for worker in workers:
        worker.idle_since = time.monotonic()
    with _lock:
        _idle.extend(workers)


def end_idle() -> None:
    """End the workers that wait for tasks."""
    with _lock:
        while _idle:
            _idle.pop().end()


def _forget() -> None:
    """In a process that was forked: these workers are another's."""
    for worker in _idle:
        worker.process.returncode = 0            # or it would be waited for
        worker.link.close()
    _idle.clear()


os.register_at_fork(after_in_child=_forget)
