"""Load shards as uint8 batches on the device, in an order that depends on seed and epoch only.

`open_batches` chooses one of three engines, which all hand out the same batches: `threads` streams them from disk
through a window, `memory` keeps the whole split, `dataloader` is PyTorch's own.

Read in this order: `engine` (what the three have in common), `order` (the order of the rows, a pure function) and
`sampling` (how often each row comes), `files`
and `reading` (rows from disk into buffers), `copying` (buffers to the device), `pool` (threads that take tasks) and
`threads`, `slots` and `memory`, `dataloader`.
"""

import math
from collections.abc import Callable

import numpy as np
import torch

from tenfold.data.shardset import ShardSet
from tenfold.data.tables import Train
from tenfold.train.batches.dataloader import Loader
from tenfold.train.batches.engine import Engine
from tenfold.train.batches.memory import Memory
from tenfold.train.batches.order import Order
from tenfold.train.batches.sampling import Sampling
from tenfold.train.batches.threads import Threads
from tenfold.train.device import free_memory

_ENGINES: dict[str, Callable[..., Engine]] = {engine.name: engine for engine in (Memory, Threads, Loader)}


def open_batches(shards: ShardSet, split: str, config: Train, seed: int, device: torch.device,
                 shuffle: bool) -> Engine:
    """Return the engine for one split. All engines yield the same batches in the same order."""
    files, row_shape = shards.shards(split), shards.row_shape
    weighted = shuffle and config.sampling
    sampling = Sampling(np.concatenate([f.labels for f in files]), config.sampling) if weighted else None
    order = Order(tuple(f.rows for f in files), math.prod(row_shape), config.window << 20, config.batch_rows, seed,
                  shuffle, sampling)
    return _ENGINES[engine_for(config, shards, split, device)](files, order, row_shape, config, device)


def engine_for(config: Train, shards: ShardSet, split: str, device: torch.device) -> str:
    """Return the engine's name. "auto" is "memory" if the split fits into a third of free memory, else "threads"."""
    if config.engine != "auto":
        return config.engine
    return "memory" if 3 * shards.rows(split) * math.prod(shards.row_shape) <= free_memory(device) else "threads"
