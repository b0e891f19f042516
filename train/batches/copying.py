"""Copy batches to the device asynchronously, and track when a buffer may be filled again."""

from typing import Protocol

import torch

from tenfold.train.device import is_cuda, is_host, synchronise


class Done(Protocol):
    """An event that can be waited for, such as torch.cuda.Event."""

    def synchronize(self) -> None:
        """Wait until it has happened."""


class Copier:
    """Copies batches to a device while it computes; on the CPU nothing is copied."""

    def __init__(self, device: torch.device):
        self._device = device
        self._stream = torch.cuda.Stream(device) if is_cuda(device) else None

    def copy(self, tensors: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Return the tensors on the device; the copies may still be under way, and its next work waits for them."""
        if is_host(self._device):
            return tensors
        with torch.cuda.stream(self._stream):    # None: the present one
            copies = tuple(t.to(self._device, non_blocking=True) for t in tensors)
        if self._stream is None:
            synchronise(self._device)            # MPS has no events on copies to wait for
            return copies
        computing = torch.cuda.current_stream(self._device)
        computing.wait_stream(self._stream)
        for tensor in copies:
            tensor.record_stream(computing)      # its memory is used again only when the step is done with it
        return copies

    def all_done(self) -> Done | None:
        """Return an event for the end of every copy started so far; None: all are done."""
        if self._stream is None:
            return None
        event = torch.cuda.Event()
        event.record(self._stream)
        return event


class Buffer:
    """A window's rows in the order of their batches: filled by threads, copied to the device, used again."""

    def __init__(self, rows: int, row_shape: tuple[int, ...], pinned: bool):
        self.image = torch.empty((rows, *row_shape), dtype=torch.uint8, pin_memory=pinned)
        self.label = torch.empty(rows, dtype=torch.int64, pin_memory=pinned)
        self.image_view, self.label_view = self.image.numpy(), self.label.numpy()
        self._copied: Done | None = None

    def used(self, copied: Done | None) -> None:
        """Record the event of the last copy from this buffer."""
        self._copied = copied

    def wait_until_free(self) -> None:
        """Wait until that copy is done; called by the threads that fill the buffer, so that the loop does not wait."""
        if self._copied:
            self._copied.synchronize()
