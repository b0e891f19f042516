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
from train.batches.order import Order, Window
from train.batches.reading import Reader

AHEAD = 3                    # batches that are gathered before they are asked for


class Threads:
    """See `open_batches`."""

    name = "threads"

    def __init__(self, files: list[Shard], order: Order, row_shape, how: Train, device: torch.device):
        self.order, self._files, self._row_shape = order, files, row_shape
        pinned = how.pin_memory and device.type == "cuda"
        self._slots = deque(_Slot(max(order.sizes, default=0), row_shape, pinned, device) for _ in range(AHEAD + 2))
        self._buffers = [np.empty((0, *row_shape), np.uint8)] * 2       # sized by the first windows
        self._reader = Reader(files)
        self._pool = ThreadPoolExecutor(max(1, how.workers), "reader")

    def epoch(self, number: int, first: int = 0):
        windows = self.order.windows(number)
        loaded: dict[int, _Loaded] = {}
        pending = deque()                        # (slot, future, first window), in the order of batches
        lent = None                              # the slot whose batch the caller is using
        try:
            for batch in self.order.batches(windows, first):
                self._load_ahead(windows, loaded, pending, batch)
                slot = self._slots.popleft()
                slot.wait_until_free()
                pieces = [(loaded[w], places) for w, places in batch]
                pending.append((slot, self._pool.submit(_gather, slot, pieces), batch[0][0]))
                if len(pending) > AHEAD:
                    lent = self._give_back(lent)
                    lent, pair = self._take(pending)
                    yield pair
            while pending:
                lent = self._give_back(lent)
                lent, pair = self._take(pending)
                yield pair
        finally:                                 # also when the caller stops in the middle
            begun = [f for f in [future for _, future, _ in pending]
                     + [f for window in loaded.values() for f in window.reads] if not f.cancel()]
            wait(begun)                          # a cancelled one would be waited for without end
            self._slots.extend([slot for slot, _, _ in pending] + ([lent] if lent else []))

    def _load_ahead(self, windows, loaded, pending, batch) -> None:
        """Two windows are in memory: the oldest that a gather still needs, and the one behind it."""
        if batch[-1][0] not in loaded:           # this batch cannot wait any longer
            wait([future for _, future, _ in pending])
        oldest = next((w for _, future, w in pending if not future.done()), batch[0][0])
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

    def _take(self, pending):
        slot, future, _ = pending.popleft()
        return slot, slot.on_device(future.result())

    def _give_back(self, lent) -> None:
        if lent:
            self._slots.append(lent)

    def close(self):
        self._pool.shutdown(cancel_futures=True)
        self._reader.close()


class _Loaded:
    """A window's pixels and labels, once its reads are done."""

    def __init__(self, pixels, labels, reads):
        self.pixels, self.labels, self.reads = pixels, labels, reads


def _gather(slot: "_Slot", pieces) -> int:
    """Fill a slot with the rows of one batch; returns how many there are."""
    at = 0
    for loaded, places in pieces:
        for read in loaded.reads:                # queued before this gather, so never behind it
            read.result()
        end = at + len(places)
        # mode="clip": with the default, NumPy gathers into a buffer of its own and copies that
        np.take(loaded.pixels, places, axis=0, out=slot.image_view[at:end], mode="clip")
        np.take(loaded.labels, places, out=slot.label_view[at:end], mode="clip")
        at = end
    return at


class _Slot:
    """A batch's buffers: filled by a thread, read by the device, used again."""

    def __init__(self, batch: int, row_shape, pinned: bool, device: torch.device):
        self.image = torch.empty((batch, *row_shape), dtype=torch.uint8, pin_memory=pinned)
        self.label = torch.empty(batch, dtype=torch.int64, pin_memory=pinned)
        self.image_view, self.label_view = self.image.numpy(), self.label.numpy()
        self._device = device
        self._copied = torch.cuda.Event() if device.type == "cuda" else None

    def on_device(self, rows: int):
        image, label = self.image[:rows], self.label[:rows]
        if self._device.type == "cpu":
            return image, label
        pair = tuple(t.to(self._device, non_blocking=True) for t in (image, label))
        if self._copied:
            self._copied.record()
        elif self._device.type == "mps":
            torch.mps.synchronize()              # there are no events on copies to wait for
        return pair

    def wait_until_free(self) -> None:
        """The device has read what was in it."""
        if self._copied:
            self._copied.synchronize()
