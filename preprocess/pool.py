"""Run tasks in joblib's worker processes, with a progress bar; ctrl-C or a killed worker gives one line, no traceback.

If this process ends in whatever way, its workers, and the trackers that remove their semaphores, end within a second.
"""

import atexit
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import resource_tracker
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from joblib.externals.loky import Future, ProcessPoolExecutor, get_reusable_executor, reusable_executor
from joblib.externals.loky.backend import resource_tracker as loky_tracker
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm.auto import tqdm

from tenfold.data.errors import MachineFault
from tenfold.data.memory import free_host_memory
from tenfold.data.process import STOPS, undisturbed
from tenfold.preprocess.worker import as_here, begin_worker, in_one_thread, one_thread_environment

T = TypeVar("T")
AHEAD = 3                    # tasks for each worker that are started before it waits for one
_IDLE = 300                  # seconds that workers without a task are kept for the next call


@dataclass(frozen=True)
class Progress:
    """The label, unit and total of a progress bar."""
    verb: str
    unit: str
    counts: list[int]        # units in each task


def run_tasks(function: Callable[[Any], T], tasks: Iterable[Any], workers: int, progress: Progress,
              take: Callable[[int, T], None] | None = None) -> list[T]:
    """Return function(task) for each task, in order, computed in `workers` processes, with a progress bar.

    take: called with (number of the task, its result) when a task is finished; results are then not kept.
    MachineFault: the system ended a worker.
    """
    results: list[Any] = [None] * len(progress.counts)
    keep = take or results.__setitem__
    workers = max(1, min(workers, len(results)))
    with tqdm(total=sum(progress.counts), desc=progress.verb, unit=progress.unit, disable=None,
              unit_scale=True) as bar, _worker_fault(f"{progress.verb}ing"), \
            closing(_finished(function, tasks, workers)) as finished:
        for i, result in finished:
            keep(i, result)
            bar.update(progress.counts[i])
    return results


def stream(function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], workers: int) -> Generator[T, None, None]:
    """Yield function(*task) for each task, in order, computed ahead by worker processes.

    Only a few tasks are started at a time, so that memory does not grow with their number. MachineFault: the system
    ended a worker.
    """
    # a separate pool: the caller may call run_tasks between two results
    pool = ProcessPoolExecutor(max_workers=workers, initializer=begin_worker,
                               initargs=(os.getpid(), free_host_memory() // workers), env=one_thread_environment())
    under_way: deque[SimpleQueue[Future[T]]] = deque()           # a finished task puts its future into its queue
    with _worker_fault("reading"):
        try:
            for task in tasks:
                under_way.append(SimpleQueue())
                _submit(pool, under_way[-1], function, *task)
                if len(under_way) > AHEAD * workers:
                    yield under_way.popleft().get().result()
            while under_way:
                yield under_way.popleft().get().result()
            pool.shutdown(wait=True)
        except BaseException:                    # interrupted, or the caller does not want the rest
            _kill(pool)
            raise


def _finished(function: Callable[[Any], T], tasks: Iterable[Any], workers: int) -> Generator[tuple[int, T]]:
    """Yield (number of the task, its result) when a task is finished. One worker is this process itself.

    Not joblib.Parallel: it submits tasks from a thread of its own, even while an interrupt ends its workers.
    """
    if workers == 1:
        yield from ((i, in_one_thread(function, task)) for i, task in enumerate(tasks))
        return
    job = partial(as_here, function, _current_folder(), free_host_memory() // workers)
    with _signals_blocked():
        pool = get_reusable_executor(workers, timeout=_IDLE, initializer=begin_worker, initargs=(os.getpid(),),
                                     env=one_thread_environment())
    numbered, under_way, done = enumerate(tasks), dict[Future[T], int](), SimpleQueue[Future[T]]()
    try:
        while True:
            for i, task in islice(numbered, AHEAD * workers - len(under_way)):
                under_way[_submit(pool, done, job, task)] = i
            if not under_way:
                return
            future = done.get()
            yield under_way.pop(future), future.result()
    except BaseException:                        # interrupted, or a task failed
        _kill(pool)
        raise


def _current_folder() -> str:
    """Return the current folder, "" if it was deleted, which stops nothing that lies elsewhere."""
    with suppress(OSError):
        return os.getcwd()
    return ""


@contextmanager
def _worker_fault(work: str) -> Iterator[None]:
    """Raise a MachineFault if the system ends a worker. work: what the workers do, such as "cleaning"."""
    try:
        yield
    except TerminatedWorkerError:
        raise MachineFault(work, "the system ended a worker, most likely for lack of memory",
                           "ask for fewer --workers, or lower shards.megabytes") from None


def _submit(pool: ProcessPoolExecutor, done: SimpleQueue[Future[T]], function: Callable[..., T], *args: Any
            ) -> Future[T]:
    """Have a worker compute function(*args); the future that is returned is put into `done` when it is finished.

    Waiting for a SimpleQueue may be interrupted. `concurrent.futures.wait` may not: it locks one future after another,
    and those that were locked when an interrupt came stay locked, so that the workers can never be ended.
    """
    with _signals_blocked():
        future = pool.submit(function, *args)
        future.add_done_callback(done.put)
    return future


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block signals while workers are started and given tasks; in the workers they stay blocked.

    So only this process sees a signal and ends the workers, they do not each print a traceback, and no lock of the pool
    stays locked. KeyboardInterrupt: a signal came.
    """
    with undisturbed():                          # another thread may receive the signal, and this one handles it
        _start_trackers()                        # otherwise a tracker is started meanwhile, and unblocks ctrl-C for all
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_trackers() -> None:
    """Start the two processes that remove semaphores after this process has ended, with their warnings turned off.

    Otherwise they would print a warning for each semaphore that an interrupt left.
    """
    sys.warnoptions.append(quiet := "ignore:resource_tracker:UserWarning")     # inherited by the processes
    try:
        resource_tracker.ensure_running()
        loky_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(quiet)


def _kill(pool: ProcessPoolExecutor) -> None:
    """End the workers at once. Waiting tasks are dropped first, or a thread of loky would end with a traceback.

    No other thread may be submitting tasks.
    """
    with suppress(Empty), undisturbed():
        while True:
            pool._work_ids.get(block=False)
    pool.shutdown(wait=True, kill_workers=True)


@atexit.register                                 # runs before multiprocessing's clean-up, which would wait for them
def _end_kept_workers() -> None:
    """End the workers that are kept for the next call."""
    if (kept := reusable_executor._executor) is not None:
        _kill(kept)
