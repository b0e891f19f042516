"""Keep the memory for the pixels of a shard for the next one, so that the system need not clear it again."""

import math
import mmap
import threading
from contextlib import suppress

import numpy as np

_LARGE = 4 << 20             # bytes from which clearing is felt: 0.02 ms a copy of 224×224×3
_kept = threading.local()    # each thread draws into memory of its own
_LAZILY = all(hasattr(mmap, name) for name in ("MAP_PRIVATE", "MAP_ANONYMOUS", "MADV_FREE"))


def borrow(shape: tuple[int, ...]) -> np.ndarray:
    """Return an array uint8 of any contents, for use until `give_back` or until this thread borrows again."""
    size = math.prod(shape)
    if size < _LARGE or not _LAZILY:
        return np.empty(shape, np.uint8)
    held = getattr(_kept, "memory", None)
    if held is None or len(held) < size:
        _kept.memory = held = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with suppress(OSError):          # a system without large pages
                held.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(held, np.uint8, size).reshape(shape)


def give_back() -> None:
    """Let the system take what this thread borrowed if others need memory; until then it is there for the next."""
    if held := getattr(_kept, "memory", None):
        with suppress(OSError):              # an old system keeps it until the process ends
            held.madvise(mmap.MADV_FREE)
