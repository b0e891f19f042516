"""Reused buffers that threads fill ahead of the loop and the device reads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait

import torch

AHEAD = 3                    # groups of batches that are gathered before they are asked for
GROUP_BYTES = 1 << 20        # small batches are gathered several at once: handing over to a thread costs
                             # as much as gathering 100 kB


class Slot:
    """A group's buffers: filled by a thread, read by the device, used again."""

    def __init__(self, rows: int, row_shape, pinned: bool, device: torch.device, stream=None):
        self.image = torch.empty((rows, *row_shape), dtype=torch.uint8, pin_memory=pinned)
        self.label = torch.empty(rows, dtype=torch.int64, pin_memory=pinned)
        self.image_view, self.label_view = self.image.numpy(), self.label.numpy()
        self._device = device
        self._stream = stream                    # of copies: they pass while the device computes
        self._copied = torch.cuda.Event() if stream else None

    def on_device(self, rows: int):
        image, label = self.image[:rows], self.label[:rows]
        if self._device.type == "cpu":
            return image, label
        with torch.cuda.stream(self._stream):    # None: no other than ever
            pair = tuple(t.to(self._device, non_blocking=True) for t in (image, label))
        if self._stream:
            self._copied.record(self._stream)
            computing = torch.cuda.current_stream(self._device)
            computing.wait_event(self._copied)
            for t in pair:
                t.record_stream(computing)       # its memory is used again only when the step is done with it
        elif self._device.type == "mps":
            torch.mps.synchronize()              # there are no events on copies to wait for
        return pair

    def wait_until_free(self) -> None:
        """The device has read what was in it."""
        if self._copied:
            self._copied.synchronize()


def make_slots(batch: int, row_bytes: int, row_shape, pinned: bool, device: torch.device) -> tuple[int, deque]:
    """(batches in a group, slots for as many groups as are ever under way)."""
    group = max(1, GROUP_BYTES // max(1, batch * row_bytes))
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None
    return group, deque(Slot(group * batch, row_shape, pinned, device, stream) for _ in range(AHEAD + 2))


def in_turn(slots: deque, jobs: Iterable[tuple[list[int], Callable[[Slot], Future]]]) -> Iterator[tuple]:
    """The batches of each group in order, AHEAD groups under way; a group is (sizes, begin), and
    `begin(slot)` has a thread fill the slot. All slots are back when this ends, wherever it stops."""
    pending = deque()                            # (slot, sizes, future)
    lent = deque()                               # the slot whose batches the caller is using
    try:
        for sizes, begin in jobs:
            slot = slots.popleft()
            pending.append((slot, sizes, None))
            slot.wait_until_free()
            pending[-1] = slot, sizes, begin(slot)
            if len(pending) > AHEAD:
                yield from _hand_out(slots, pending, lent)
        while pending:
            yield from _hand_out(slots, pending, lent)
    finally:                                     # also when the caller stops in the middle
        wait([f for _, _, f in pending if f and not f.cancel()])     # a cancelled one would be waited for without end
        slots.extend([*lent, *(slot for slot, _, _ in pending)])


def _hand_out(slots: deque, pending: deque, lent: deque) -> Iterator[tuple]:
    slots.extend(lent)                           # only now has the caller asked for what follows
    lent.clear()
    slot, sizes, future = pending.popleft()
    lent.append(slot)
    future.result()
    image, label = slot.on_device(sum(sizes))
    at = 0
    for size in sizes:
        yield image[at:at + size], label[at:at + size]
        at += size
