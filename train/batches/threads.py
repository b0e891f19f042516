"""Stream from disk: threads read long runs into a window and gather shuffled batches from it.

Reads and gathers release the interpreter lock, so threads are enough, and there is no process
boundary to carry batches over: worker processes pay for a new shared-memory segment and its page
faults with every batch (DESIGN: 0.08 M against 1.27 M images/s). All buffers are made once.
"""

from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import torch

from data.recipe import Train
from data.shard import Shard
from train.batches.order import Order, Piece, Window
from train.batches.reading import Reader
from train.batches.slots import Slot, in_turn, make_slots


class Threads:
    """See `open_batches`."""

    name = "threads"

    def __init__(self, files: list[Shard], order: Order, row_shape, how: Train, device: torch.device):
        self.order, self._files, self._row_shape = order, files, row_shape
        pinned = how.pin_memory and device.type == "cuda"
        self._group, self._slots = make_slots(max(order.sizes, default=0), order.row_bytes, row_shape, pinned, device)
        self._buffers = [np.empty((0, *row_shape), np.uint8)] * 2       # sized by the first windows
        self._reader = Reader(files)
        self._pool = ThreadPoolExecutor(max(1, how.workers), "reader")

    def epoch(self, number: int, first: int = 0):
        loaded: dict[int, _Loaded] = {}
        try:
            yield from in_turn(self._slots, self._groups(self.order.windows(number), loaded, first))
        finally:                                 # also when the caller stops in the middle
            # a cancelled one would be waited for without end
            wait([f for window in loaded.values() for f in window.reads if not f.cancel()])

    def _groups(self, windows, loaded, first: int):
        """(sizes, begin) of each group, as `in_turn` wants them; windows are loaded on the way."""
        begun = deque()                          # (future, first window) of the gathers, in their order
        for sizes, pieces in _grouped(self.order.batches(windows, first), self._group):
            while begun and begun[0][0].done():
                begun.popleft()
            self._load_ahead(windows, loaded, begun, pieces)

            def begin(slot, pieces=pieces):
                begun.append((self._pool.submit(_gather, slot, [(loaded[w], p) for w, p in pieces]), pieces[0][0]))
                return begun[-1][0]
            yield sizes, begin

    def _load_ahead(self, windows, loaded, begun, pieces) -> None:
        """Two windows are in memory: the oldest that a gather still needs, and the one behind it."""
        if pieces[-1][0] not in loaded:          # this group cannot wait any longer
            wait([future for future, _ in begun])
        oldest = next((w for future, w in begun if not future.done()), pieces[0][0])
        for w in range(oldest, min(oldest + 2, len(windows))):
            if w not in loaded:
                loaded.pop(w - 2, None)
                loaded[w] = self._load(windows[w], w % 2)

    def _load(self, window: Window, place: int) -> "_Loaded":
        if len(self._buffers[place]) < window.rows:
            self._buffers[place] = np.empty((window.rows, *self._row_shape), np.uint8)
        pixels, reads, at = self._buffers[place], [], 0
        for shard, start, end in window.runs:
            reads.append(self._pool.submit(self._reader.read, shard, start, pixels[at:at + end - start]))
            at += end - start
        labels = np.concatenate([self._files[s].labels[a:b] for s, a, b in window.runs])
        return _Loaded(pixels, labels, reads)

    def close(self):
        self._pool.shutdown(cancel_futures=True)
        self._reader.close()


class _Loaded:
    """A window's pixels and labels, once its reads are done."""

    def __init__(self, pixels, labels, reads):
        self.pixels, self.labels, self.reads = pixels, labels, reads


def _grouped(batches, most: int):
    """(sizes, pieces) of up to `most` neighbouring batches; pieces of one window are put together, and
    no group lies in more than two windows."""
    sizes, pieces = [], []
    for batch in batches:
        if len(sizes) == most or (pieces and batch[-1][0] > pieces[0][0] + 1):
            yield sizes, _joined(pieces)
            sizes, pieces = [], []
        sizes.append(sum(len(places) for _, places in batch))
        pieces += batch
    if sizes:
        yield sizes, _joined(pieces)


def _joined(pieces: list[Piece]) -> list[Piece]:
    windows = dict.fromkeys(w for w, _ in pieces)
    return [(w, np.concatenate([places for v, places in pieces if v == w])) for w in windows]


def _gather(slot: Slot, pieces) -> None:
    """Fill a slot with the rows of a group of batches."""
    at = 0
    for loaded, places in pieces:
        for read in loaded.reads:                # queued before this gather, so never behind it
            read.result()
        end = at + len(places)
        # mode="clip": with the default, NumPy gathers into a buffer of its own and copies that
        np.take(loaded.pixels, places, axis=0, out=slot.image_view[at:end], mode="clip")
        np.take(loaded.labels, places, out=slot.label_view[at:end], mode="clip")
        at = end
