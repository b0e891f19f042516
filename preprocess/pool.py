"""Run tasks in worker processes, with a progress bar; ctrl-C or a killed worker gives one line, no traceback."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, TypeVar

import cv2
from tqdm.auto import tqdm

from tenfold.data.errors import MachineFault
from tenfold.preprocess.workers import Worker, WorkerEnded, hired

_CURE = "ask for fewer --workers"
T = TypeVar("T")
AHEAD = 3                    # tasks for each worker that `stream` has under way before it waits for the oldest


@dataclass(frozen=True)
class Progress:
    """The label, unit and total of a progress bar."""
    verb: str
    unit: str
    counts: list[int]        # how many units each task is


def run_tasks(function: Callable[[Any], T], tasks: Iterable[Any], workers: int, progress: Progress) -> list[T]:
    """Return function(task) for each task, in order, computed in `workers` processes, with a progress bar.

    MachineFault: the system ended a worker.
    """
    results: list[Any] = [None] * len(progress.counts)
    found = _finished(function, enumerate(tasks), min(workers, len(results)), f"{progress.verb}ing")
    with closing(found), tqdm(total=sum(progress.counts), desc=progress.verb, unit=progress.unit, disable=None,
                              unit_scale=True) as bar:
        for i, result in found:
            results[i] = result
            bar.update(progress.counts[i])
    return results


def _finished(function: Callable[[Any], T], tasks: Iterator[tuple[int, Any]], workers: int,
              work: str) -> Generator[tuple[int, T], None, None]:
    """Yield (number, result) of each task as they are finished; here, where there is one worker."""
    if workers <= 1:
        for i, task in tasks:
            with one_opencv_thread():
                result = function(task)
            yield i, result
        return
    with _named(work, f"{_CURE}, or lower shards.megabytes"), hired(workers) as idle:
        busy: dict[Any, Worker] = {}
        while True:
            while idle_now := [worker for worker in idle if worker.link not in busy]:
                pair = next(tasks, None)
                if pair is None:
                    break
                idle_now[0].send(pair[0], function, (pair[1],))
                busy[idle_now[0].link] = idle_now[0]
            if not busy:
                return
            for link in wait(list(busy)):
                yield busy[link].result()
                del busy[link]


@contextmanager
def _named(work: str, cure: str) -> Iterator[None]:
    """Say in one line that a worker was ended from outside."""
    try:
        yield
    except WorkerEnded as ended:
        raise MachineFault(work, str(ended), cure) from None


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV to one thread, so that workers do not compete for the cores; its setting is put back afterwards."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def stream(function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], workers: int) -> Generator[T, None, None]:
    """Yield function(*task) of each task in their order, computed ahead by worker processes.

    A few tasks are under way at a time, so that memory does not grow with their number. MachineFault: the system
    ended a worker.
    """
    with _named("reading", _CURE), hired(workers) as every:
        under_way: deque[Worker] = deque()
        for i, task in enumerate(tasks):
            worker = every[i % workers]
            worker.send(i, function, task)
            under_way.append(worker)
            if len(under_way) > AHEAD * workers:
                yield under_way.popleft().result()[1]
        while under_way:
            yield under_way.popleft().result()[1]
