"""The whole split in memory, or in the device's memory: read once, then only gathered from."""

import numpy as np
import torch

from data.recipe import Train
from data.shard import Shard
from train.batches.order import Order
from train.batches.reading import Reader


class Memory:
    """See `open_batches`."""

    name = "memory"

    def __init__(self, files: list[Shard], order: Order, row_shape, how: Train, device: torch.device):
        self.order = order
        pixels = np.empty((order.starts[-1], *row_shape), np.uint8)
        reader = Reader(files)
        for shard, start in enumerate(order.starts[:-1]):
            reader.read(shard, 0, pixels[start:order.starts[shard + 1]])
        reader.close()
        labels = np.concatenate([np.empty(0, np.int64), *(s.labels for s in files)])
        self._pixels, self._labels = torch.from_numpy(pixels).to(device), torch.from_numpy(labels).to(device)

    def epoch(self, number: int, first: int = 0):
        for rows in self.order.rows(number, first):
            index = torch.from_numpy(rows)
            index = index.to(self._pixels.device, non_blocking=True)
            yield self._pixels.index_select(0, index), self._labels.index_select(0, index)

    def close(self):
        """Nothing is held open."""
