"""Stream from disk: threads read long runs and put each row where its batch wants it.

A window is shuffled by where its rows are written, not by a gather afterwards: a thread reads a run
through a buffer that stays in the cache of its core, or has the kernel scatter it, so every byte crosses
memory once, and a batch is a slice of the window. One window is handed out while the next is filled.
Reads and copies release the interpreter lock, so threads are enough, and no process boundary has to
be crossed: worker processes pay for a new shared-memory segment and its page faults with every batch
(README: 81 k against 1.35 M images/s). All buffers are made once.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event

import numpy as np
import torch

from tenfold.data.shard import Shard
from tenfold.data.tables import Train
from tenfold.train.batches.order import Order, Window
from tenfold.train.batches.reading import Reader


class Threads:
    """See `open_batches`."""

    name = "threads"

    def __init__(self, files: list[Shard], order: Order, row_shape, how: Train, device: torch.device):
        self.order, self._files, self._device = order, files, device
        pinned = how.pin_memory and device.type == "cuda"
        rows = sum(order.sizes[:order.window_batches])
        count = min(2, -(-len(order.sizes) // (order.window_batches or 1)))
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None      # of copies to the device
        self._buffers = [_Buffer(rows, row_shape, pinned, self._stream) for _ in range(count)]
        self._reader, self._workers = Reader(files), max(1, how.workers)
        self._pool = ThreadPoolExecutor(self._workers, "reader")
        self._stop = Event()

    def epoch(self, number: int, first: int = 0):
        windows, free, filling = self.order.windows(number, first), deque(self._buffers), deque()
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
                buffer.used()
                free.append(buffer)
                filling.popleft()
        finally:                                 # also when the caller stops in the middle
            stop.set()
            for _, buffer, futures in filling:
                buffer.used()
                wait([f for f in futures if not f.cancel()])     # a cancelled one would be waited for without end

    def _fill(self, window: Window, buffer: "_Buffer", stop: Event) -> list[Future]:
        """A future for each thread: all take their next run from one list."""
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

    def _batches(self, window: Window, buffer: "_Buffer", skip: int) -> Iterator[tuple]:
        at, sizes = sum(window.sizes[:skip]), window.sizes[skip:]
        for pair in zip(*(t[at:window.rows].split(sizes) for t in (buffer.image, buffer.label)), strict=True):
            yield pair if self._device.type == "cpu" else self._on_device(pair)

    def _on_device(self, pair) -> tuple:
        """Copied there while the device computes."""
        with torch.cuda.stream(self._stream):    # None: no other than ever
            there = tuple(t.to(self._device, non_blocking=True) for t in pair)
        if self._stream:
            computing = torch.cuda.current_stream(self._device)
            computing.wait_stream(self._stream)
            for t in there:
                t.record_stream(computing)       # its memory is used again only when the step is done with it
        elif self._device.type == "mps":
            torch.mps.synchronize()              # there are no events on copies to wait for
        return there

    def close(self):
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)
        self._reader.close()


class _Buffer:
    """A window's rows in the order of their batches: filled by threads, read by the device, used again."""

    def __init__(self, rows: int, row_shape, pinned: bool, stream):
        self.image = torch.empty((rows, *row_shape), dtype=torch.uint8, pin_memory=pinned)
        self.label = torch.empty(rows, dtype=torch.int64, pin_memory=pinned)
        self.image_view, self.label_view = self.image.numpy(), self.label.numpy()
        self._stream = stream
        self._copied = torch.cuda.Event() if stream else None

    def used(self) -> None:
        """The last copy from it to the device has been asked for."""
        if self._copied:
            self._copied.record(self._stream)

    def wait_until_free(self) -> None:
        """That copy is done; called by the threads, so that the loop need not wait for the device."""
        if self._copied:
            self._copied.synchronize()
