"""Which rows come when: pure functions of the shards' sizes, the seed and the epoch.

Rows already lie in random order on disk. An epoch visits chunks (long reads) in a new random order,
gathers some of them into a window, and shuffles the rows within it: a split that fits into one
window is shuffled truly, a larger one nearly so, at the price of long sequential reads.
"""

from dataclasses import dataclass

import numpy as np

from data.schema import CHUNK_BYTES

_STREAM = 3                  # keeps these generators apart from those of split (1) and plan (2)


@dataclass(frozen=True)
class Window:
    """Rows that are in memory together."""
    runs: tuple[tuple[int, int, int], ...]   # (shard, first row, end), in the order of their places
    rows: int
    key: tuple[int, ...] | None              # of its generator; None: as read

    def order(self) -> np.ndarray:
        """int64 (rows,): which row of the window comes at each place."""
        if self.key is None:
            return np.arange(self.rows)
        return np.random.default_rng(self.key).permutation(self.rows)


def plan_windows(shard_rows, row_bytes: int, window_bytes: int, batch: int, seed: int, epoch: int,
                 shuffle: bool) -> list[Window]:
    """The windows of one epoch: every row of every shard is in exactly one of them, and each but the
    last holds `batch` rows at least, so that a batch never lies in more than two."""
    size = max(1, CHUNK_BYTES // row_bytes)
    chunks = [(shard, start, min(start + size, rows))
              for shard, rows in enumerate(shard_rows) for start in range(0, rows, size)]
    if shuffle:
        chunks = [chunks[i] for i in np.random.default_rng([seed, _STREAM, epoch]).permutation(len(chunks))]
    least = max(batch, window_bytes // row_bytes)
    planned, runs, rows = [], [], 0
    for chunk in chunks:
        if rows >= batch and rows + size > least:
            planned.append((runs, rows))
            runs, rows = [], 0
        runs.append(chunk)
        rows += chunk[2] - chunk[1]
    if runs:
        planned.append((runs, rows))
    return [Window(tuple(runs), rows, (seed, _STREAM, epoch, number) if shuffle else None)
            for number, (runs, rows) in enumerate(planned)]


def batch_sizes(rows: int, batch: int, shuffle: bool) -> list[int]:
    """Rows of each batch of an epoch. Shuffled: all equal, the rest is left for another epoch."""
    if shuffle:
        batch = min(batch, rows)
        return [batch] * (rows // batch) if rows else []
    return [min(batch, rows - start) for start in range(0, rows, batch)]


def cut_batches(windows: list[Window], sizes: list[int], first: int = 0):
    """Cut the windows' rows into batches, from batch `first` on: yields for each batch a list of
    (window number, int64 places in that window) that together are the batch."""
    skip = sum(sizes[:first])
    number, order = -1, np.empty(0, np.int64)
    for size in sizes[first:]:
        batch = []
        while size:
            while not len(order):
                number += 1
                rows = windows[number].rows
                if skip >= rows:                 # a window before the first batch is never read
                    skip -= rows
                    continue
                order, skip = windows[number].order()[skip:], 0
            batch.append((number, order[:size]))
            order = order[size:]
            size -= len(batch[-1][1])
        yield batch
