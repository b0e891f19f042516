"""The whole split in memory, or in the device's memory: read once, then only gathered from."""

import numpy as np
import torch

from train.batches.order import batch_sizes, cut_batches, plan_windows
from train.batches.reading import Reader


class Memory:
    """See `open_batches`."""

    name = "memory"

    def __init__(self, shards, split, how, seed, device, shuffle):
        self.sizes = batch_sizes(shards.rows(split), how.batch, shuffle)
        files = shards.shards(split)
        self._ends = np.cumsum([0] + [s.rows for s in files])
        pixels = np.empty((shards.rows(split), *shards.row_shape), np.uint8)
        reader = Reader(files)
        for shard, start in enumerate(self._ends[:-1]):
            reader.read(shard, 0, pixels[start:self._ends[shard + 1]])
        reader.close()
        labels = np.concatenate([np.empty(0, np.int64)] + [s.labels for s in files])
        self._pixels, self._labels = torch.from_numpy(pixels).to(device), torch.from_numpy(labels).to(device)
        self._plan = dict(shard_rows=[s.rows for s in files], row_bytes=int(np.prod(shards.row_shape)),
                          window_bytes=how.window << 20, batch=max(self.sizes, default=0), seed=seed,
                          shuffle=shuffle)

    def __len__(self):
        """Batches in an epoch."""
        return len(self.sizes)

    def epoch(self, number: int, first: int = 0):
        windows = plan_windows(**self._plan, epoch=number)
        rows = {}                                # window → place in it → row of the split
        for batch in cut_batches(windows, self.sizes, first):
            for w, _ in batch:
                if w not in rows:
                    rows = {k: v for k, v in rows.items() if k == w - 1}
                    rows[w] = np.concatenate([np.arange(a, b) + self._ends[s] for s, a, b in windows[w].runs])
            index = torch.from_numpy(np.concatenate([rows[w][places] for w, places in batch]))
            index = index.to(self._pixels.device, non_blocking=True)
            yield self._pixels.index_select(0, index), self._labels.index_select(0, index)

    def close(self):
        """Nothing is held open."""
