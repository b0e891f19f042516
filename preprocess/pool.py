"""Run tasks in worker processes, with a progress bar; ctrl-C or a killed worker gives one line, no traceback."""

import os
import queue
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, TypeVar

import cv2
import joblib
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.backend import resource_tracker as loky_tracker
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm.auto import tqdm

from tenfold.data.errors import MachineFault


@dataclass(frozen=True)
class Progress:
    """The label, unit and total of a progress bar."""
    verb: str
    unit: str
    counts: list[int]        # how many units each task is


def run_tasks(function: Callable[[Any], Any], tasks: Iterable, workers: int, progress: Progress) -> list:
    """Return function(task) for each task, in order, computed in `workers` processes, with a progress bar."""
    results = [None] * len(progress.counts)
    with warnings.catch_warnings(), tqdm(total=sum(progress.counts), desc=progress.verb, unit=progress.unit,
                                         disable=None, unit_scale=True) as bar:
        # joblib's message on an interrupted build, when the pool is closed; ours is one line
        warnings.filterwarnings("ignore", r"\d+ tasks which were still being processed", UserWarning)
        calls = (joblib.delayed(_numbered)(i, function, task, os.getcwd()) for i, task in enumerate(tasks))
        # max_nbytes: small plans travel by pickle, no shared files in /dev/shm to be left behind
        pool = joblib.Parallel(n_jobs=max(1, min(workers, len(results))), max_nbytes=None,
                               return_as="generator_unordered")
        try:
            with closing(_without_interrupts(pool, calls)) as finished:
                for i, result in finished:
                    results[i] = result
                    bar.update(progress.counts[i])
        except TerminatedWorkerError:
            raise MachineFault(f"{progress.verb}ing", "the system ended a worker, most likely for lack of memory",
                               "ask for fewer --workers, or lower shards.megabytes") from None
    return results


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV to one thread, so that workers do not compete for the cores; its setting is put back afterwards."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _numbered(i: int, function: Callable[[Any], Any], task: Any, folder: str) -> tuple[int, Any]:
    os.chdir(folder)                             # a worker may live since before the user went to another folder
    with one_opencv_thread():
        return i, function(task)


def _without_interrupts(pool: joblib.Parallel, calls: Iterable) -> Any:
    """The pool's results. Its workers never hear ctrl-C, which each would answer with a traceback: this
    process hears it and ends them. (A blocked signal stays blocked in the processes that are started.)"""
    _start_trackers()                        # else one is started on the way, and unblocks the signal for all
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool(calls)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_trackers() -> None:
    """Start the two processes that outlive this one and remove the semaphores that an interrupt left behind.
    They would warn about each on standard error, where our one line stands."""
    sys.warnoptions.append(quiet := "ignore:resource_tracker:UserWarning")     # handed on to what is started
    try:
        resource_tracker.ensure_running()
        loky_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(quiet)


T = TypeVar("T")
AHEAD = 3                    # tasks for each worker that `stream` has under way before it waits for the oldest


def stream(function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], workers: int) -> Iterator[T]:
    """Yield function(*task) of each task in their order, computed ahead by worker processes.

    A few tasks are under way at a time, so that memory does not grow with their number. MachineFault: the system
    ended a worker.
    """
    # workers started here: joblib.Parallel, which may be called next, can reuse none but joblib's
    pool = ProcessPoolExecutor(max_workers=workers, initializer=cv2.setNumThreads, initargs=(1,))
    under_way: deque[Any] = deque()
    try:
        for task in tasks:
            under_way.append(_submit(pool, function, task))
            if len(under_way) > AHEAD * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
        pool.shutdown(wait=True)
    except TerminatedWorkerError:
        raise MachineFault("reading", "the system ended a worker, most likely for lack of memory",
                           "ask for fewer --workers") from None
    except BaseException:                        # interrupted, or nobody asks for the rest
        _kill(pool)
        raise


def _kill(pool: ProcessPoolExecutor) -> None:
    """End the workers at once. What still waits in line goes first: loky forgets those tasks, then looks them up, and
    its thread would end with a traceback."""
    with suppress(queue.Empty):
        while True:
            pool._work_ids.get(block=False)
    pool.shutdown(wait=True, kill_workers=True)


def _submit(pool: ProcessPoolExecutor, function: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    """Submit a task; a worker that is started for it never hears ctrl-C, see `_without_interrupts`."""
    _start_trackers()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(function, *task)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
