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

Piece = tuple[int, np.ndarray]                   # window number, int64 places of rows in that window


@dataclass(frozen=True)
class Window:
    """Rows that are in memory together."""
    runs: tuple[tuple[int, int, int], ...]       # (shard, first row, end), in the order of their places
    rows: int
    key: tuple[int, ...] | None                  # of its generator; None: as read

    def places(self) -> np.ndarray:
        """int64 (rows,): which row of the window comes first, second, …"""
        if self.key is None:
            return np.arange(self.rows)
        return np.random.default_rng(self.key).permutation(self.rows)


@dataclass(frozen=True)
class Order:
    """The order of one split's rows in every epoch."""
    shard_rows: tuple[int, ...]
    row_bytes: int
    window_bytes: int                            # what is shuffled together, about
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

    def windows(self, epoch: int) -> list[Window]:
        """Every row of every shard is in exactly one of them, and each but the last holds a batch
        at least, so that a batch never lies in more than two."""
        size = self.chunk
        chunks = [(shard, start, min(start + size, rows))
                  for shard, rows in enumerate(self.shard_rows) for start in range(0, rows, size)]
        if self.shuffle:
            by_chance = np.random.default_rng([self.seed, _STREAM, epoch]).permutation(len(chunks))
            chunks = [chunks[i] for i in by_chance]
        full = max(self.batch, self.window_bytes // self.row_bytes)
        planned, runs, rows = [], [], 0
        for chunk in chunks:
            if rows >= self.batch and rows + size > full:
                planned.append((tuple(runs), rows))
                runs, rows = [], 0
            runs.append(chunk)
            rows += chunk[2] - chunk[1]
        if runs:
            planned.append((tuple(runs), rows))
        return [Window(runs, rows, (self.seed, _STREAM, epoch, number) if self.shuffle else None)
                for number, (runs, rows) in enumerate(planned)]

    def batches(self, windows: list[Window], first: int = 0) -> Iterator[list[Piece]]:
        """The windows' rows cut into batches, from batch `first` on: the pieces that are the batch."""
        skip = sum(self.sizes[:first])
        number, places = -1, np.empty(0, np.int64)
        for size in self.sizes[first:]:
            batch = []
            while size:
                while not len(places):
                    number += 1
                    rows = windows[number].rows
                    if skip >= rows:             # a window before the first batch is never read
                        skip -= rows
                        continue
                    places, skip = windows[number].places()[skip:], 0
                batch.append((number, places[:size]))
                places = places[size:]
                size -= len(batch[-1][1])
            yield batch

    def rows(self, epoch: int, first: int = 0) -> Iterator[np.ndarray]:
        """int64 (rows,) of each batch from `first` on: its rows, numbered through all shards of the split."""
        windows, known = self.windows(epoch), {}
        for batch in self.batches(windows, first):
            for w, _ in batch:
                if w not in known:               # a batch lies in two windows at most
                    known = {k: v for k, v in known.items() if k == w - 1}
                    known[w] = np.concatenate([np.arange(a, b) + self.starts[s] for s, a, b in windows[w].runs])
            yield np.concatenate([known[w][places] for w, places in batch])
