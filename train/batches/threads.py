"""An engine that streams from disk: threads read long runs of rows and write each to its place in a batch.

A window is shuffled while it is read: a thread reads a run of rows and writes each row to its shuffled place, through
a buffer that stays in the core's cache, or the kernel does. So every byte is written to memory once, and a batch is a
slice of the window. While one window is used, the next is filled; after the last of an epoch, the first of the next.
Reads and copies release Python's interpreter lock, so threads are enough. Worker processes would pay for a new
shared-memory segment and its page faults with every batch (docs/benchmarks.md: 81 k against 1.35 M images/s). All
buffers are made once.
"""

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import count
from threading import Event

import numpy as np
import torch

from tenfold.data.shard import Shard
from tenfold.data.tables import Train
from tenfold.train.batches.copying import Buffer, make_copier
from tenfold.train.batches.order import Order, Window
from tenfold.train.batches.pool import Pool, Task, drop_all
from tenfold.train.batches.reading import Reader
from tenfold.train.device import is_cuda


@dataclass
class _Filling:
    """A shuffle window (see `order`) that threads are reading into a buffer; complete when all tasks are done."""
    epoch: int
    window: Window
    buffer: Buffer
    tasks: list[Task]

    def holds(self, epoch: int, batch: int) -> bool:
        """Return whether it contains a batch of an epoch."""
        return self.epoch == epoch and 0 <= batch - self.window.first < len(self.window.sizes)


class Threads:
    """The engine that streams from disk; see `open_batches`."""

    name = "threads"

    def __init__(self, files: list[Shard], order: Order, row_shape: tuple[int, ...], config: Train,
                 device: torch.device):
        self.order, self._files, self._copier = order, files, make_copier(device)
        pinned = config.pin_memory and is_cuda(device)
        rows = sum(order.sizes[:order.window_batches])
        windows = -(-len(order.sizes) // (order.window_batches or 1))
        self._free = deque(Buffer(rows, row_shape, pinned) for _ in range(min(2, windows)))
        self._filling: deque[_Filling] = deque()
        self._windows: Iterator[tuple[int, Window, Task]] = iter(())
        self._reader, self._workers = Reader(files), max(1, config.workers)
        self._pool = Pool(self._workers, "reader")
        self._stop = Event()

    def epoch(self, number: int, first: int = 0) -> Generator[tuple[torch.Tensor, ...], None, None]:
        """Yield the batches of an epoch from `first` on.

        Windows that were read ahead are kept when this ends or is left early. To go on from there, or with the next
        epoch, needs no wait.
        """
        if not (self._filling and self._filling[0].holds(number, first)):
            self.leave()
            self._windows = self._from(number, first)
        try:
            while self._begin_filling() and self._filling[0].epoch == number:
                filled = self._filling[0]
                for task in filled.tasks:
                    task.result()
                for pair in filled.buffer.batches(filled.window.sizes, max(0, first - filled.window.first)):
                    yield self._copier.copy(pair)
                filled.buffer.used(self._copier.all_done())
                self._free.append(self._filling.popleft().buffer)
        except Exception:                        # the next call reads everything again
            self.leave()
            raise

    def _from(self, number: int, first: int) -> Iterator[tuple[int, Window, Task]]:
        """Yield (epoch, window, the task that computes its reads) from a batch on: of this epoch, or if rows are
        shuffled of all later epochs, too. The task of the next window is started before a window is yielded, so that
        one thread shuffles while the others read."""
        before = None
        for epoch in count(number) if self.order.shuffle and self.order.sizes else [number]:
            for window in self.order.windows(epoch, first if epoch == number else 0):
                now = epoch, window, self._pool.submit(list, window.reads())
                if before:
                    yield before
                before = now
        if before:
            yield before

    def _begin_filling(self) -> bool:
        """Let the threads fill all free buffers with the next windows; return whether any window is left."""
        while self._free and (following := next(self._windows, None)):
            self._filling.append(self._fill(*following, self._free.popleft()))
        return bool(self._filling)

    def leave(self) -> None:
        """Stop reading ahead and free all buffers."""
        self._stop.set()
        for filled in self._filling:
            filled.buffer.used(self._copier.all_done())
            drop_all(filled.tasks)
            self._free.append(filled.buffer)
        self._filling.clear()
        self._stop = Event()

    def _fill(self, epoch: int, window: Window, reads: Task, buffer: Buffer) -> _Filling:
        """Start reading a window: threads take runs of rows from a shared list until none is left."""
        stop, turn = self._stop, count()

        def work():
            buffer.wait_until_free()
            runs = reads.result()
            while (number := next(turn)) < len(runs):
                shard, start, end, where, repeats = runs[number]
                if stop.is_set():
                    return
                self._reader.scatter(shard, start, where, buffer.image_view, repeats)
                label = self._files[shard].labels[start:end]
                buffer.label_view[where] = label if repeats is None else np.repeat(label, repeats)
        return _Filling(epoch, window, buffer, [self._pool.submit(work) for _ in range(self._workers)])

    def close(self) -> None:
        """Close the files and end the threads."""
        self._stop.set()
        self._pool.close()
        self._reader.close()
