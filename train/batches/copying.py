"""Copy batches to the device asynchronously, and track when a buffer may be filled again."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch

from tenfold.train.device import is_cuda, is_host

KEPT = 4096                  # batches of a buffer whose tensors are made once and kept: to make two tensors for each
                             # batch costs as much as to copy fifty rows of 28×28


class Done(Protocol):
    """An event that can be waited for, such as torch.cuda.Event."""

    def synchronize(self) -> None:
        """Wait until it has happened."""


class Copier:
    """Copies batches to a device. This base class is for the CPU, where nothing needs to be copied."""

    def copy(self, tensors: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Return the tensors on the device. The copies may still be running; the device's next work waits for them."""
        return tensors

    def all_done(self) -> Done | None:
        """Return an event for the end of every copy started so far; None: all are done."""
        return None


class WaitingCopier(Copier):
    """Copies to a device without streams, such as MPS: each copy is done when `copy` returns."""

    def __init__(self, device: torch.device):
        self._device = device

    def copy(self, tensors: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Return the tensors on the device."""
        return tuple(t.to(self._device) for t in tensors)


class StreamCopier(Copier):
    """Copies to a CUDA device in a separate stream, while the device computes."""

    def __init__(self, device: torch.device):
        self._device, self._stream = device, torch.cuda.Stream(device)

    def copy(self, tensors: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Return the tensors on the device, perhaps before they are filled; the device's next work waits for that."""
        with torch.cuda.stream(self._stream):
            copies = tuple(t.to(self._device, non_blocking=True) for t in tensors)
        computing = torch.cuda.current_stream(self._device)
        computing.wait_stream(self._stream)
        for tensor in copies:
            tensor.record_stream(computing)      # its memory is only reused after the step that uses it
        return copies

    def all_done(self) -> Done:
        """Return an event for the end of every copy started so far."""
        event = torch.cuda.Event()
        event.record(self._stream)
        return event


def make_copier(device: torch.device) -> Copier:
    """Return the copier for a device. Only here is a CUDA stream made for loading."""
    if is_host(device):
        return Copier()
    return StreamCopier(device) if is_cuda(device) else WaitingCopier(device)


class Buffer:
    """Memory for the rows of several batches, in order: threads fill it, it is read batch by batch, then refilled."""

    def __init__(self, rows: int, row_shape: tuple[int, ...], pinned: bool = False):
        self.image, self.label = _empty((rows, *row_shape), "uint8", pinned), _empty((rows,), "int64", pinned)
        self.image_view, self.label_view = self.image.numpy(), self.label.numpy()
        self._sizes: Sequence[int] = ()
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []     # tensors of its first batches, of these sizes
        self._copied: Done | None = None

    def batches(self, sizes: Sequence[int], skip: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield (image, label) of each batch after the first `skip`. Only the last of `sizes` may be smaller."""
        kept = min(len(sizes), KEPT)
        if self._sizes != sizes[:kept]:
            self._sizes = sizes[:kept]
            self._kept = [self._batch(sizes, number) for number in range(kept)]
        yield from self._kept[skip:]
        for number in range(max(skip, kept), len(sizes)):
            yield self._batch(sizes, number)

    def _batch(self, sizes: Sequence[int], number: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows = slice(number * sizes[0], number * sizes[0] + sizes[number])
        return self.image[rows], self.label[rows]

    def used(self, copied: Done | None) -> None:
        """Record the event of the last copy from this buffer."""
        self._copied = copied

    def wait_until_free(self) -> None:
        """Wait until that copy is done. The threads that fill the buffer call this, so the loop does not wait."""
        if self._copied:
            self._copied.synchronize()


def _empty(shape: tuple[int, ...], kind: str, pinned: bool) -> torch.Tensor:
    if pinned:
        return torch.empty(shape, dtype=getattr(torch, kind), pin_memory=True)
    # NumPy asks Linux for large memory pages, torch does not: with them, rows are written to random places in three
    # quarters of the time
    return torch.from_numpy(np.empty(shape, kind))
