"""The order of rows in an epoch: a pure function of the shards' sizes, the seed and the epoch.

Rows are stored in random order. An epoch visits the chunks (long reads) in a new random order, gathers several of them
into a window and shuffles the rows of the window. So a split that fits into one window is shuffled fully, a larger one
nearly so, and all reads are long. If rare classes are to come more often (`sampling`), a row is still read once, but
has several places in its window, or none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tenfold.data.random_streams import ORDER
from tenfold.data.schema import CHUNK_BYTES
from tenfold.train.batches.sampling import Sampling

Run = tuple[int, int, int]   # (shard, first row, end)


@dataclass(frozen=True)
class Window:
    """Rows that are in memory together: whole batches, of which the last of an epoch may be smaller."""
    first: int                                   # number of its first batch in the epoch
    sizes: tuple[int, ...]                       # rows of each of its batches
    runs: tuple[Run, ...]                        # in the order in which they are read
    key: tuple[int, ...] | None                  # seed of its shuffling; None: not shuffled
    repeats: tuple[np.ndarray, ...] | None = None    # for each run, how often each of its rows comes, int64
                                                 # (end - first row,); None: all once

    @property
    def rows(self) -> int:
        """Return the number of rows in the window."""
        return sum(self.sizes)

    def places(self) -> np.ndarray:
        """Return the place of each row in the window, int64 (rows,), in the order in which rows are read."""
        if self.key is None:
            return np.arange(self.rows)
        return np.random.default_rng(self.key).permutation(self.rows)

    def reads(self) -> Iterator[tuple[int, int, int, np.ndarray, np.ndarray | None]]:
        """Yield (shard, first row, end, places of its rows, number of places of each row or None) of each run."""
        places, place = self.places(), 0
        for run, repeats in zip(self.runs, self.repeats or [None] * len(self.runs), strict=True):
            rows = run[2] - run[1] if repeats is None else int(repeats.sum())
            yield *run, places[place:place + rows], repeats
            place += rows


@dataclass(frozen=True)
class Order:
    """The order of one split's rows in every epoch."""
    shard_rows: tuple[int, ...]
    row_bytes: int
    window_bytes: int                            # at most so much is shuffled together, but at least a batch
    batch: int                                   # rows of a batch
    seed: int
    shuffle: bool                                # False: the order on disk
    sampling: Sampling | None = None             # how often each row comes; None: once

    @property
    def chunk(self) -> int:
        """Return the rows that are read together: a chunk of a compressed shard, as many of an uncompressed one."""
        return max(1, CHUNK_BYTES // self.row_bytes)

    @cached_property
    def starts(self) -> np.ndarray:
        """Return the number of each shard's first row, and of the row after the last, int64 (shards + 1,)."""
        return np.cumsum([0, *self.shard_rows])

    @cached_property
    def sizes(self) -> list[int]:
        """Return the number of rows of each batch of an epoch.

        Shuffled, all batches are equal, and the rows left over wait for another epoch (a split smaller than a batch is
        one batch). Not shuffled, every row comes, and the last batch may be smaller.
        """
        rows = sum(self.shard_rows)
        if self.shuffle:
            batch = min(self.batch, rows)
            return [batch] * (rows // batch) if rows else []
        return [min(self.batch, rows - start) for start in range(0, rows, self.batch)]

    @cached_property
    def window_batches(self) -> int:
        """Return the number of batches in a window: the fewest windows that are needed, of equal size.

        Only the last window of an epoch may hold fewer.
        """
        most = max(1, self.window_bytes // (self.row_bytes * self.batch))
        windows = -(-len(self.sizes) // most)
        return -(-len(self.sizes) // max(1, windows))

    def windows(self, epoch: int, first: int = 0) -> Iterator[Window]:
        """Yield the windows with the batches from `first` on; windows before are not read.

        A chunk may be cut in two, for two windows; a row is only in two windows if it comes more than once.
        """
        chunks, places = self._chunks(epoch), self._places(epoch)
        ends = np.cumsum([_count(chunk, places, self.starts) for chunk in chunks], dtype=np.int64)
        begin = 0
        for number, batch in enumerate(range(0, len(self.sizes), self.window_batches or 1)):
            sizes = tuple(self.sizes[batch:batch + self.window_batches])
            end = begin + sum(sizes)
            if batch + len(sizes) > first:
                cuts = [_cut(chunks[i], low, high, places, self.starts) for i, low, high in _between(ends, begin, end)]
                yield Window(batch, sizes, tuple(run for run, _ in cuts),
                             (self.seed, ORDER, epoch, number) if self.shuffle else None,
                             None if places is None else tuple(repeats for _, repeats in cuts if repeats is not None))
            begin = end

    def _places(self, epoch: int) -> np.ndarray | None:
        """Return how many places in the epoch the rows before each row have, int64 (rows + 1,); None: one each."""
        if not self.sampling:
            return None
        return np.concatenate([[0], np.cumsum(self.sampling.repeats(sum(self.sizes), self.seed, epoch))])

    def _chunks(self, epoch: int) -> list[Run]:
        """Return the chunks of all shards, in the order in which they are read."""
        chunks = [(shard, start, min(start + self.chunk, rows))
                  for shard, rows in enumerate(self.shard_rows) for start in range(0, rows, self.chunk)]
        if not self.shuffle:
            return chunks
        rng = np.random.default_rng([self.seed, ORDER, epoch])
        chunks = [chunks[i] for i in rng.permutation(len(chunks))]
        if sum(self.sizes) < sum(self.shard_rows):       # the last rows fill no batch: let them be other rows each time
            shard, start, end = chunks[0]
            middle = int(rng.integers(start, end))
            chunks = [(shard, middle, end), *chunks[1:], (shard, start, middle)]
        return chunks

    def numbers(self, window: Window, of: np.ndarray | None = None) -> np.ndarray:
        """Return the numbers of a window's rows in the split, int64 (rows,), in the order of its batches.

        of: int64 (rows of the split,), values to return in place of the numbers.
        """
        rows = np.empty(window.rows, np.int64)
        for shard, start, end, places, repeats in window.reads():
            start, end = start + self.starts[shard], end + self.starts[shard]
            run = np.arange(start, end) if of is None else of[start:end]
            rows[places] = run if repeats is None else np.repeat(run, repeats)
        return rows

    def rows(self, epoch: int, first: int = 0) -> Iterator[np.ndarray]:
        """Yield the numbers of the rows in the split, int64 (rows,), of each batch from `first` on."""
        for window in self.windows(epoch, first):
            rows, place = self.numbers(window), 0
            for number, size in enumerate(window.sizes, window.first):
                if number >= first:
                    yield rows[place:place + size]
                place += size


def _count(run: Run, places: np.ndarray | None, starts: np.ndarray) -> int:
    """Return how many places in the epoch the rows of a run have."""
    shard, start, end = run
    return end - start if places is None else places[starts[shard] + end] - places[starts[shard] + start]


def _between(ends: np.ndarray, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (chunk, first of its places, end) for each chunk with rows at the places begin … end of an epoch.

    ends: int64 (chunks,), the place in the epoch after the last of each chunk. The yielded places count from 0 within
    the chunk.
    """
    for chunk in range(int(np.searchsorted(ends, begin, "right")), int(np.searchsorted(ends, end)) + 1):
        before = int(ends[chunk - 1]) if chunk else 0
        low, high = max(begin - before, 0), min(end, int(ends[chunk])) - before
        if low < high:                           # otherwise none of the chunk's rows is needed
            yield chunk, low, high


def _cut(run: Run, low: int, high: int, places: np.ndarray | None,
         starts: np.ndarray) -> tuple[Run, np.ndarray | None]:
    """Return (the part of a run that has its places low … high, how often each of its rows comes there; None: once)."""
    shard, start, end = run
    if places is None:
        return (shard, start + low, start + high), None
    upto = places[starts[shard] + start:starts[shard] + end + 1] - places[starts[shard] + start]
    first, last = int(np.searchsorted(upto, low, "right")) - 1, int(np.searchsorted(upto, high))
    return (shard, start + first, start + last), np.diff(upto[first:last + 1].clip(low, high))
