"""Run tasks in joblib's worker processes, with a progress bar; ctrl-C or a killed worker gives one line, no traceback.

The workers, and the trackers that remove their semaphores, end within a second after this process, however it ends.
"""

import atexit
import os
import queue
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, TypeVar

import cv2
import joblib
from joblib.externals.loky import ProcessPoolExecutor, reusable_executor
from joblib.externals.loky.backend import resource_tracker as loky_tracker
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm.auto import tqdm

from tenfold.data import memory
from tenfold.data.errors import MachineFault
from tenfold.data.memory import free_host_memory
from tenfold.data.process import STOPS, end_with

T = TypeVar("T")
AHEAD = 3                    # tasks for each worker that `stream` has under way before it waits for the oldest


@dataclass(frozen=True)
class Progress:
    """The label, unit and total of a progress bar."""
    verb: str
    unit: str
    counts: list[int]        # how many units each task is


def run_tasks(function: Callable[[Any], T], tasks: Iterable[Any], workers: int, progress: Progress,
              take: Callable[[int, T], None] | None = None) -> list[T]:
    """Return function(task) for each task, in order, computed in `workers` processes, with a progress bar.

    take: is given (number of the task, its result) of each as it is finished; none is kept then.
    MachineFault: the system ended a worker.
    """
    results: list[Any] = [None] * len(progress.counts)
    keep = take or results.__setitem__
    workers = max(1, min(workers, len(results)))
    share = free_host_memory() // workers if workers > 1 else 0
    calls = (joblib.delayed(_numbered)(i, function, task, os.getcwd(), share) for i, task in enumerate(tasks))
    # max_nbytes: small plans travel by pickle, no shared files in /dev/shm to be left behind
    pool = joblib.Parallel(n_jobs=workers, max_nbytes=None,
                           return_as="generator_unordered", initializer=_begin_worker, initargs=(os.getpid(),))
    with warnings.catch_warnings(), tqdm(total=sum(progress.counts), desc=progress.verb, unit=progress.unit,
                                         disable=None, unit_scale=True) as bar, _worker_fault(f"{progress.verb}ing"), \
            ExitStack() as stack:
        # joblib's message on an interrupted build, when the pool is closed; ours is one line
        warnings.filterwarnings("ignore", r"\d+ tasks which were still being processed", UserWarning)
        with _starting_workers():                # ctrl-C is heard as this ends: what closes the pool stands by then
            finished = stack.enter_context(closing(pool(calls)))
        for i, result in finished:
            keep(i, result)
            bar.update(progress.counts[i])
    return results


def stream(function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], workers: int) -> Generator[T, None, None]:
    """Yield function(*task) of each task in their order, computed ahead by worker processes.

    A few tasks are under way at a time, so that memory does not grow with their number. MachineFault: the system
    ended a worker.
    """
    # workers started here: joblib.Parallel, which may be called next, can reuse none but joblib's
    pool = ProcessPoolExecutor(max_workers=workers, initializer=_begin_worker,
                               initargs=(os.getpid(), free_host_memory() // workers))
    under_way: deque[Any] = deque()
    with _worker_fault("reading"):
        try:
            for task in tasks:
                with _starting_workers():
                    under_way.append(pool.submit(function, *task))
                if len(under_way) > AHEAD * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
            pool.shutdown(wait=True)
        except BaseException:                    # interrupted, or nobody asks for the rest
            _kill(pool)
            raise


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV to one thread, so that workers do not compete for the cores; its setting is put back afterwards."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _begin_worker(parent: int, share: int = 0) -> None:
    """Begin a worker: one thread of OpenCV, nothing printed by libraries; it ends with the process `parent`.

    share: bytes of memory that it may take.
    """
    memory.share = share
    cv2.setNumThreads(1)
    if "OPENCV_LOG_LEVEL" not in os.environ:     # what the user has set, stands
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    if "PYTHONWARNINGS" not in os.environ:
        warnings.simplefilter("ignore")
    end_with(parent)


def _numbered(i: int, function: Callable[[Any], T], task: Any, folder: str, share: int) -> tuple[int, T]:
    memory.share = share
    os.chdir(folder)                             # a worker may live since before the user went to another folder
    with one_opencv_thread():                    # one worker is this process itself
        return i, function(task)


@contextmanager
def _worker_fault(work: str) -> Iterator[None]:
    """Raise a MachineFault if the system ends a worker. work: what the workers do, such as "cleaning"."""
    try:
        yield
    except TerminatedWorkerError:
        raise MachineFault(work, "the system ended a worker, most likely for lack of memory",
                           "ask for fewer --workers, or lower shards.megabytes") from None


@contextmanager
def _starting_workers() -> Iterator[None]:
    """Block signals while workers are started, so that they never see one, and would not each print a traceback: this
    process sees it and ends them. (A blocked signal stays blocked in the processes that are started.)"""
    _start_trackers()                            # else one is started on the way, and unblocks ctrl-C for all
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_trackers() -> None:
    """Start the two processes that outlive this one to remove semaphores that an interrupt left, with their warnings
    off: they would print one for each."""
    sys.warnoptions.append(quiet := "ignore:resource_tracker:UserWarning")     # handed on to what is started
    try:
        resource_tracker.ensure_running()
        loky_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(quiet)


def _kill(pool: ProcessPoolExecutor) -> None:
    """End the workers at once. Tasks that still wait are dropped first: loky would forget them, look them up, and end
    its thread with a traceback."""
    with suppress(queue.Empty):
        while True:
            pool._work_ids.get(block=False)
    pool.shutdown(wait=True, kill_workers=True)


@atexit.register                                 # before multiprocessing, which would wait for them
def _end_kept_workers() -> None:
    """End the workers that joblib keeps for its next call."""
    if (kept := reusable_executor._executor) is not None:
        _kill(kept)
