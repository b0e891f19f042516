"""An engine that reads the whole split once and keeps it in memory, or in the device's memory.

On the CPU, threads copy the rows of the next batches into reused buffers; on a device, its own kernels do.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial

import numpy as np
import torch

from tenfold.data.shard import Shard
from tenfold.data.tables import Train
from tenfold.train.batches.copying import Buffer, make_copier
from tenfold.train.batches.order import Order, Window
from tenfold.train.batches.pool import Pool, Task
from tenfold.train.batches.reading import Reader
from tenfold.train.batches.slots import in_turn, make_slots
from tenfold.train.device import is_host

LABEL = 40                   # one integer holds a row's number and its label, which begins at this bit ("coded")


class Memory:
    """The engine that keeps the whole split; see `open_batches`."""

    name = "memory"

    def __init__(self, files: list[Shard], order: Order, row_shape: tuple[int, ...], config: Train,
                 device: torch.device):
        self.order = order
        self._image = np.empty((order.starts[-1], *row_shape), np.uint8)
        label = np.concatenate([np.empty(0, np.int64), *(s.labels for s in files)])
        # number and label are shuffled together, which saves looking up the label of each row
        self._coded = np.arange(len(label)) | label << LABEL
        self._pool = Pool(max(1, config.workers), "memory")
        self._ahead: tuple[tuple[int, int], Task] | None = None
        self._read(Reader(files))
        self._copier, self._on_device = make_copier(device), None
        if is_host(device):
            batch = max(order.sizes, default=0)
            self._make_slots = partial(make_slots, batch, order.row_bytes, row_shape, max(1, config.workers))
            self._group, self._slots = self._make_slots()
            self._complete = len(self._slots)
        else:
            self._on_device = torch.from_numpy(self._image).to(device), torch.from_numpy(label).to(device)
            del self._image

    def _read(self, reader: Reader) -> None:
        """Read all rows with all threads, a run of chunks at a time."""
        def read(run):
            shard, start, end = run
            row = self.order.starts[shard] + start
            reader.read(shard, start, self._image[row:row + end - start])
        step = 16 * self.order.chunk
        runs = [(shard, start, min(start + step, rows)) for shard, rows in enumerate(self.order.shard_rows)
                for start in range(0, rows, step)]
        try:
            for task in [self._pool.submit(read, run) for run in runs]:
                task.result()
        except BaseException:
            self.close()                         # waits for the threads before the files are closed
            raise
        finally:
            reader.close()

    def epoch(self, number: int, first: int = 0) -> Generator[tuple[torch.Tensor, ...], None, None]:
        """Yield the batches of an epoch from `first` on."""
        if self._on_device is None:
            # a second pass at the same time needs buffers of its own
            slots = self._slots if len(self._slots) == self._complete else self._make_slots()[1]
            yield from in_turn(slots, self._groups(number, first))
            return
        image, label = self._on_device
        for sizes, coded in self._windows(number, first):
            # row numbers are copied once a window: a copy for each step would wait for the steps before it
            index, = self._copier.copy((torch.from_numpy(_rows(coded)),))
            for some in index.split(sizes):
                yield image.index_select(0, some), label.index_select(0, some)

    def _groups(self, number: int, first: int) -> Iterator[tuple[Sequence[int], Callable[[Buffer], Task]]]:
        for sizes, coded in self._windows(number, first):
            for at in range(0, len(sizes), self._group):
                group = coded[at * sizes[0]:(at + self._group) * sizes[0]]
                yield sizes[at:at + self._group], partial(self._begin, group)

    def _windows(self, number: int, first: int) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
        """Yield (sizes of its batches, their coded rows, int64 (rows,)) of each window, from batch `first` on.

        A thread computes the rows one window ahead, also across the end of an epoch.
        """
        windows = self.order.windows(number, first)
        window = next(windows, None)
        while window:
            coded = self._numbers(number, window)
            if not (after := next(windows, None)) and self.order.shuffle:
                self._numbers(number + 1, next(self.order.windows(number + 1)))
            elif after:
                self._numbers(number, after)
            skip = max(0, first - window.first)
            yield window.sizes[skip:], coded.result()[sum(window.sizes[:skip]):]
            window = after

    def _numbers(self, number: int, window: Window) -> Task:
        """Return the task that computes the coded rows of a window; the latest task is kept for a second call."""
        if not self._ahead or self._ahead[0] != (number, window.first):
            self._ahead = (number, window.first), self._pool.submit(self.order.numbers, window, self._coded)
        return self._ahead[1]

    def _begin(self, coded: np.ndarray, slot: Buffer) -> Task:
        return self._pool.submit(self._gather, coded, slot)

    def _gather(self, coded: np.ndarray, slot: Buffer) -> None:
        # mode="clip": with the default, NumPy gathers into a new buffer and copies that
        np.take(self._image, _rows(coded), axis=0, out=slot.image_view[:len(coded)], mode="clip")
        np.right_shift(coded, LABEL, out=slot.label_view[:len(coded)])

    def close(self) -> None:
        """End the threads."""
        self._pool.close()


def _rows(coded: np.ndarray) -> np.ndarray:
    return coded & (1 << LABEL) - 1
