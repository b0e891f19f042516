"""Which rows come when: a pure function of the shards' sizes, the seed and the epoch.

Rows already lie in random order on disk. An epoch visits chunks (long reads) in a new random order,
gathers some of them into a window, and shuffles the rows within it: a split that fits into one
window is shuffled truly, a larger one nearly so, at the price of long sequential reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.schema import CHUNK_BYTES

_STREAM = 3                  # keeps these generators apart from those of split (1) and plan (2)


@dataclass(frozen=True)
class Window:
    """Rows that are in memory together: whole batches, the last of an epoch perhaps short."""
    first: int                                   # number of its first batch in the epoch
    sizes: tuple[int, ...]                       # rows of each of its batches
    runs: tuple[tuple[int, int, int], ...]       # (shard, first row, end), as they are read
    key: tuple[int, ...] | None                  # of its generator; None: as read

    @property
    def rows(self) -> int:
        return sum(self.sizes)

    def places(self) -> np.ndarray:
        """int64 (rows,): where each row comes, in the order in which they are read."""
        if self.key is None:
            return np.arange(self.rows)
        return np.random.default_rng(self.key).permutation(self.rows)


@dataclass(frozen=True)
class Order:
    """The order of one split's rows in every epoch."""
    shard_rows: tuple[int, ...]
    row_bytes: int
    window_bytes: int                            # what is shuffled together, at most, but a batch at least
    batch: int                                   # rows
    seed: int
    shuffle: bool                                # False: as on disk

    @property
    def chunk(self) -> int:
        """Rows that are read together: a chunk of a compressed shard, the same number of an uncompressed one."""
        return max(1, CHUNK_BYTES // self.row_bytes)

    @cached_property
    def starts(self) -> np.ndarray:
        """int64 (shards + 1,): the number of each shard's first row, and that of the row after the last."""
        return np.cumsum([0, *self.shard_rows])

    @cached_property
    def sizes(self) -> list[int]:
        """Rows of each batch of an epoch. Shuffled: all equal, and the rest is left for another epoch (a
        split smaller than a batch is one batch); else every row, the last batch may be short."""
        rows = sum(self.shard_rows)
        if self.shuffle:
            batch = min(self.batch, rows)
            return [batch] * (rows // batch) if rows else []
        return [min(self.batch, rows - start) for start in range(0, rows, self.batch)]

    @cached_property
    def window_batches(self) -> int:
        """Batches in a window, the last one of an epoch may hold fewer: as many windows as it takes, all alike."""
        most = max(1, self.window_bytes // (self.row_bytes * self.batch))
        windows = -(-len(self.sizes) // most)
        return -(-len(self.sizes) // max(1, windows))

    def windows(self, epoch: int, first: int = 0) -> Iterator[Window]:
        """Those that hold the batches from `first` on. No row is in two of them; a chunk may be, cut in two."""
        step = self.chunk
        chunks = [(shard, start, min(start + step, rows))
                  for shard, rows in enumerate(self.shard_rows) for start in range(0, rows, step)]
        if self.shuffle:
            by_chance = np.random.default_rng([self.seed, _STREAM, epoch]).permutation(len(chunks))
            chunks = [chunks[i] for i in by_chance]
        chunks.reverse()                         # so that the next one is taken from the end
        for number, at in enumerate(range(0, len(self.sizes), self.window_batches or 1)):
            sizes = tuple(self.sizes[at:at + self.window_batches])
            runs = tuple(_taken(chunks, sum(sizes)))
            if at + len(sizes) > first:          # a window before the first batch is never read
                yield Window(at, sizes, runs, (self.seed, _STREAM, epoch, number) if self.shuffle else None)

    def rows(self, epoch: int, first: int = 0) -> Iterator[np.ndarray]:
        """int64 (rows,) of each batch from `first` on: its rows, numbered through all shards of the split."""
        for window in self.windows(epoch, first):
            rows = np.empty(window.rows, np.int64)
            rows[window.places()] = np.concatenate([np.arange(a, b) + self.starts[s] for s, a, b in window.runs])
            at = 0
            for number, size in enumerate(window.sizes, window.first):
                if number >= first:
                    yield rows[at:at + size]
                at += size


def _taken(chunks: list, rows: int) -> Iterator[tuple[int, int, int]]:
    """So many rows off the end of the list; what is left of the last chunk stays there."""
    while rows:
        shard, start, end = chunks.pop()
        if end - start > rows:
            chunks.append((shard, start + rows, end))
            end = start + rows
        yield shard, start, end
        rows -= end - start
