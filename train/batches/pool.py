"""A small pool of threads: handing over a task costs a third of what `concurrent.futures` takes.

At 28×28 a group of batches is gathered in a few hundred microseconds, so the hand-over counts: 12 to 17 µs of a
processor here, 24 to 59 by a ThreadPoolExecutor, whose futures and semaphores are written in Python.
"""

import contextlib
import weakref
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

from tenfold.data.out_of_memory import has_started


class Dropped(Exception):
    """The result of a task was asked for, but the task was dropped."""


class Task:
    """One call that a thread of a pool makes."""

    def __init__(self, call: Callable[..., Any], values: tuple[Any, ...]):
        self._call: tuple[Callable[..., Any], tuple[Any, ...]] | None = (call, values)
        self._result: Any = None
        self._fault: BaseException | None = None
        self._running = Lock()
        self._running.acquire()                  # until it is done

    def run(self) -> None:
        """Make the call, unless the task was dropped; called by the pool, once."""
        try:
            asked, self._call = self._call, None     # what it holds is let go of when the call ends
            if asked:
                self._result = asked[0](*asked[1])
            else:
                self._fault = Dropped()
        except BaseException as fault:           # whatever it is, who asks for the result gets it
            self._fault = fault
        finally:
            self._running.release()

    def result(self) -> Any:
        """Wait for the call and return what it returned, or raise what it raised; may be asked again."""
        self.wait()
        if self._fault:
            raise self._fault
        return self._result

    def wait(self) -> None:
        """Wait until the call is over, or was left out."""
        with self._running:
            pass

    def drop(self) -> None:
        """Leave the call out if it has not begun."""
        self._call = None


class Pool:
    """Threads that run tasks in the order in which they come; fewer where memory is short, RuntimeError if none."""

    def __init__(self, threads: int, name: str):
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        # an engine that is never closed leaves no thread behind
        self._end = weakref.finalize(self, _end, self._tasks, threads)
        self._threads: list[Thread] = []
        for number in range(threads):
            thread = Thread(target=_work, args=(self._tasks,), name=f"{name}_{number}", daemon=True)
            if not self._threads:
                thread.start()
            elif not has_started(thread):
                break
            self._threads.append(thread)

    def submit(self, call: Callable[..., Any], *values: Any) -> Task:
        """Have a thread call it with these values."""
        task = Task(call, values)
        self._tasks.put(task)
        return task

    def close(self) -> None:
        """Drop the tasks that have not begun, and wait for the others and for the threads."""
        self._end()
        for thread in self._threads:
            thread.join()


def drop_all(tasks: Iterable[Task]) -> None:
    """Leave out the tasks that have not begun, and wait for the others, whatever becomes of them."""
    tasks = list(tasks)
    for task in tasks:
        task.drop()
    for task in tasks:
        task.wait()


def _work(tasks: SimpleQueue) -> None:
    while task := tasks.get():
        task.run()
        del task                                 # its result belongs to who asked


def _end(tasks: SimpleQueue, threads: int) -> None:
    with contextlib.suppress(Empty):
        while task := tasks.get_nowait():
            task.drop()
            task.run()                           # who waits for it goes on
    for _ in range(threads):
        tasks.put(None)
