"""Which rows come when: a pure function of the shards' sizes, the seed and the epoch.

Rows already lie in random order on disk. An epoch visits chunks (long reads) in a new random order,
gathers some of them into a window, and shuffles the rows within it: a split that fits into one
window is shuffled truly, a larger one nearly so, at the price of long sequential reads. Where classes
are to come more or less often, a row is read once and has several places in its window, or none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tenfold.data.schema import CHUNK_BYTES
from tenfold.train.batches.sampling import Sampling

_STREAM = 3                  # keeps these generators apart from those of split (1) and plan (2)


@dataclass(frozen=True)
class Window:
    """Rows that are in memory together: whole batches, the last of an epoch perhaps short."""
    first: int                                   # number of its first batch in the epoch
    sizes: tuple[int, ...]                       # rows of each of its batches
    runs: tuple[tuple[int, int, int], ...]       # (shard, first row, end), as they are read
    key: tuple[int, ...] | None                  # of its generator; None: as read
    repeats: tuple[np.ndarray, ...] | None = None    # of each run, int64 (end - first row,): how often each of
                                                 # its rows comes; None: once

    @property
    def rows(self) -> int:
        return sum(self.sizes)

    def places(self) -> np.ndarray:
        """int64 (rows,): where each row comes, in the order in which they are read."""
        if self.key is None:
            return np.arange(self.rows)
        return np.random.default_rng(self.key).permutation(self.rows)

    def reads(self) -> Iterator[tuple[int, int, int, np.ndarray, np.ndarray | None]]:
        """(shard, first row, end, places of its rows, how often each has one) of each run."""
        places, at = self.places(), 0
        for run, repeats in zip(self.runs, self.repeats or [None] * len(self.runs), strict=True):
            rows = run[2] - run[1] if repeats is None else int(repeats.sum())
            yield *run, places[at:at + rows], repeats
            at += rows


@dataclass(frozen=True)
class Order:
    """The order of one split's rows in every epoch."""
    shard_rows: tuple[int, ...]
    row_bytes: int
    window_bytes: int                            # what is shuffled together, at most, but a batch at least
    batch: int                                   # rows
    seed: int
    shuffle: bool                                # False: as on disk
    sampling: Sampling | None = None             # None: each row once

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
        """Those that hold the batches from `first` on. No row is in two of them unless it comes more than
        once; a chunk may be, cut in two."""
        step = self.chunk
        chunks = [(shard, start, min(start + step, rows))
                  for shard, rows in enumerate(self.shard_rows) for start in range(0, rows, step)]
        if self.shuffle:
            by_chance = np.random.default_rng([self.seed, _STREAM, epoch]).permutation(len(chunks))
            chunks = [chunks[i] for i in by_chance]
        chunks.reverse()                         # so that the next one is taken from the end
        left = self.sampling.repeats(sum(self.sizes), self.seed, epoch) if self.sampling else None
        for number, at in enumerate(range(0, len(self.sizes), self.window_batches or 1)):
            sizes = tuple(self.sizes[at:at + self.window_batches])
            if left is None:
                runs, repeats = tuple(_taken(chunks, sum(sizes))), None
            else:
                runs, repeats = zip(*_repeated(chunks, sum(sizes), left, self.starts), strict=True)
            if at + len(sizes) > first:          # a window before the first batch is never read
                key = (self.seed, _STREAM, epoch, number) if self.shuffle else None
                yield Window(at, sizes, runs, key, repeats)

    def rows(self, epoch: int, first: int = 0) -> Iterator[np.ndarray]:
        """int64 (rows,) of each batch from `first` on: its rows, numbered through all shards of the split."""
        for window in self.windows(epoch, first):
            rows, at = np.empty(window.rows, np.int64), 0
            for shard, start, end, places, repeats in window.reads():
                run = np.arange(start, end) + self.starts[shard]
                rows[places] = run if repeats is None else np.repeat(run, repeats)
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


def _repeated(chunks: list, rows: int, left: np.ndarray, starts: np.ndarray) -> Iterator[tuple[tuple, np.ndarray]]:
    """The same where each row comes as often as `left` says: (run, how often each of its rows comes). What is
    cut off, of a row too, stays in the list and in `left`."""
    while rows:
        shard, start, end = chunks.pop()
        repeats = left[starts[shard] + start:starts[shard] + end]
        upto = np.cumsum(repeats)
        if upto[-1] > rows:
            last = int(np.searchsorted(upto, rows))          # the first row with which there are enough
            chunks.append((shard, start + last, end))
            end = start + last + 1
            here = repeats[:last + 1].copy()
            here[last] -= upto[last] - rows
            repeats[:last + 1] -= here
            repeats, upto = here, np.cumsum(here)
        if upto[-1]:                             # else none of the chunk's rows comes, and it is not read
            yield (shard, start, end), repeats
        rows -= int(upto[-1])
