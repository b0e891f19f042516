"""Shards → uint8 batches on the device, in an order that only seed and epoch decide.

`order` says which rows come when (pure); `threads` streams them from disk through a window, `memory`
keeps the whole split, `dataloader` is PyTorch's own; all hand out the same batches. `open_batches` chooses.
"""

import math
import os

import numpy as np
import torch

from tenfold.data.shardset import ShardSet
from tenfold.data.tables import Train
from tenfold.train.batches.dataloader import Loader
from tenfold.train.batches.memory import Memory
from tenfold.train.batches.order import Order
from tenfold.train.batches.sampling import Sampling
from tenfold.train.batches.threads import Threads

_ENGINES = {engine.name: engine for engine in (Memory, Threads, Loader)}


def open_batches(shards: ShardSet, split: str, how: Train, seed: int, device: torch.device,
                 shuffle: bool) -> Memory | Threads | Loader:
    """The engine for one split, its `order` decided by the recipe alone.

    Its `epoch(n, first=0)` yields (image uint8 (B, H, W, C), label int64 (B,)) on `device`, from
    batch `first` on; a yielded pair is valid until the next one is asked for. `order.sizes` are the
    batches' rows. `close()` lets go of files and threads.
    """
    files, row_shape = shards.shards(split), shards.row_shape
    sampling = Sampling(np.concatenate([f.labels for f in files]), how.sampling) if shuffle and how.sampling else None
    order = Order(tuple(f.rows for f in files), math.prod(row_shape), how.window << 20, how.batch, seed, shuffle,
                  sampling)
    return _ENGINES[engine_for(how, shards, split, device)](files, order, row_shape, how, device)


def engine_for(how: Train, shards: ShardSet, split: str, device: torch.device) -> str:
    """The engine's name; "auto" is memory for what fits there, else threads."""
    if how.engine != "auto":
        return how.engine
    return "memory" if shards.rows(split) * math.prod(shards.row_shape) <= _room(device) else "threads"


def _room(device: torch.device) -> int:
    """Bytes that a set may take: a third of what is free, where it would lie."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 3
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 3
    except (ValueError, OSError):     # macOS has no count of free pages
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 6
