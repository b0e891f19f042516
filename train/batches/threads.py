"""An engine that streams from disk: threads read long runs of rows and write each to its place in a batch.

A window is shuffled by where its rows are written, not by a gather afterwards: a thread reads a run
through a buffer that stays in the cache of its core, or has the kernel scatter it, so every byte crosses
memory once, and a batch is a slice of the window. One window is handed out while the next is filled.
Reads and copies release the interpreter lock, so threads are enough, and no process boundary has to
be crossed: worker processes pay for a new shared-memory segment and its page faults with every batch
(docs/benchmarks.md: 81 k against 1.35 M images/s). All buffers are made once.
"""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event

import numpy as np
import torch

from tenfold.data.shard import Shard
from tenfold.data.tables import Train
from tenfold.train.batches.copying import Buffer, make_copier
from tenfold.train.batches.order import Order, Window
from tenfold.train.batches.reading import Reader
from tenfold.train.device import is_cuda


class Threads:
    """The engine that streams from disk; see `open_batches`."""

    name = "threads"

    def __init__(self, files: list[Shard], order: Order, row_shape: tuple[int, ...], config: Train,
                 device: torch.device):
        self.order, self._files, self._copier = order, files, make_copier(device)
        pinned = config.pin_memory and is_cuda(device)
        rows = sum(order.sizes[:order.window_batches])
        count = min(2, -(-len(order.sizes) // (order.window_batches or 1)))
        self._buffers = [Buffer(rows, row_shape, pinned) for _ in range(count)]
        self._reader, self._workers = Reader(files), max(1, config.workers)
        self._pool = ThreadPoolExecutor(self._workers, "reader")
        self._stop = Event()

    def epoch(self, number: int, first: int = 0) -> Generator[tuple[torch.Tensor, ...], None, None]:
        """Yield the batches of an epoch from `first` on."""
        windows, free = self.order.windows(number, first), deque(self._buffers)
        filling: deque[tuple[Window, Buffer, list[Future]]] = deque()
        stop = self._stop = Event()
        try:
            while True:
                while free and (window := next(windows, None)):
                    filling.append((window, free[0], self._fill(window, free.popleft(), stop)))
                if not filling:
                    return
                window, buffer, futures = filling[0]
                for future in futures:
                    future.result()
                yield from self._batches(window, buffer, max(0, first - window.first))
                buffer.used(self._copier.all_done())
                free.append(buffer)
                filling.popleft()
        finally:                                 # also when the caller stops in the middle
            stop.set()
            for _, buffer, futures in filling:
                buffer.used(self._copier.all_done())
                wait([f for f in futures if not f.cancel()])     # a cancelled one would be waited for without end

    def _fill(self, window: Window, buffer: Buffer, stop: Event) -> list[Future]:
        """Return a future for each thread; all take their next run from one list."""
        runs = list(window.reads())
        left = iter(runs)                        # `next` of a list's iterator is one step for the interpreter

        def work():
            buffer.wait_until_free()
            for shard, start, end, where, repeats in left:
                if stop.is_set():
                    return
                self._reader.scatter(shard, start, where, buffer.image_view, repeats)
                label = self._files[shard].labels[start:end]
                buffer.label_view[where] = label if repeats is None else np.repeat(label, repeats)
        return [self._pool.submit(work) for _ in range(self._workers)]

    def _batches(self, window: Window, buffer: Buffer, skip: int) -> Iterator[tuple[torch.Tensor, ...]]:
        start, sizes = sum(window.sizes[:skip]), window.sizes[skip:]
        for pair in zip(*(t[start:window.rows].split(sizes) for t in (buffer.image, buffer.label)), strict=True):
            yield self._copier.copy(pair)

    def close(self) -> None:
        """Let go of files and threads."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)
        self._reader.close()
