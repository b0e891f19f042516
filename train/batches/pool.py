"""A small pool of threads, which starts a task in a third of the time that `concurrent.futures` needs.

To gather a group of batches of 28×28 takes a few hundred microseconds, so the start of a task matters: 12 to 17 µs of
a processor here, 24 to 59 in a ThreadPoolExecutor, whose futures and semaphores are written in Python.
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
        """Make the call, unless the task was dropped. The pool calls this once."""
        try:
            asked, self._call = self._call, None     # so that its values are freed when the call ends
            if asked:
                self._result = asked[0](*asked[1])
            else:
                self._fault = Dropped()
        except BaseException as fault:           # of any kind: `result` raises it
            self._fault = fault
        finally:
            self._running.release()

    def result(self) -> Any:
        """Wait for the call and return what it returned, or raise what it raised; may be called again."""
        self.wait()
        if self._fault:
            raise self._fault
        return self._result

    def wait(self) -> None:
        """Wait until the call has ended or was dropped."""
        with self._running:
            pass

    def drop(self) -> None:
        """Cancel the call if it has not begun."""
        self._call = None


class Pool:
    """Threads that run tasks in the order of `submit`; fewer if memory is short. RuntimeError: none can be started."""

    def __init__(self, threads: int, name: str):
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        # ends the threads also if `close` is never called
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
        """Let a thread make the call with these values; return its task."""
        task = Task(call, values)
        self._tasks.put(task)
        return task

    def close(self) -> None:
        """Drop the tasks that have not begun, and wait for the others and for the threads."""
        self._end()
        for thread in self._threads:
            thread.join()


def drop_all(tasks: Iterable[Task]) -> None:
    """Cancel the tasks that have not begun, and wait for the others, whether they succeed or fail."""
    tasks = list(tasks)
    for task in tasks:
        task.drop()
    for task in tasks:
        task.wait()


def _work(tasks: SimpleQueue) -> None:
    while task := tasks.get():
        task.run()
        del task                                 # so that its result is freed when the caller drops it


def _end(tasks: SimpleQueue, threads: int) -> None:
    with contextlib.suppress(Empty):
        while task := tasks.get_nowait():
            task.drop()
            task.run()                           # ends the wait of whoever waits for it
    for _ in range(threads):
        tasks.put(None)
