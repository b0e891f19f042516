"""How well an epoch is shuffled, against a true permutation of the same rows."""

import functools

import numpy as np
import pytest

from tenfold.data.schema import CHUNK_BYTES
from tenfold.train.batches.order import Order

ROWS = 20_000
SHARDS = (6000, 6000, 6000, 2000)
LABELS = np.random.default_rng(7).integers(0, 5, ROWS)       # rows lie in random order on disk


@functools.cache
def visited(window_chunks: int, epoch: int = 0) -> np.ndarray:
    """The rows of an epoch in their order, ten to a chunk and so many chunks to a window."""
    one = Order(SHARDS, CHUNK_BYTES // 10, window_chunks * CHUNK_BYTES, 16, 3, True)
    return np.concatenate(list(one.rows(epoch)))


@functools.cache
def true(measure) -> list[float]:
    """What it says of twenty permutations."""
    return [measure(np.random.default_rng(seed).permutation(ROWS)) for seed in range(20)]


def correlation(rows) -> float:
    """Between where a row lies on disk and when it comes."""
    return abs(np.corrcoef(np.arange(len(rows)), rows)[0, 1])


def runs(rows) -> int:
    """Of one label after another."""
    return 1 + int((np.diff(LABELS[rows]) != 0).sum())


def neighbours(rows) -> float:
    """Share of rows that come right after one that lies within ten of them on disk."""
    return float((np.abs(np.diff(rows)) <= 10).mean())


@pytest.mark.parametrize("window", [10, 128, 10_000])
def test_when_a_row_comes_does_not_tell_where_it_lies(window):
    got = [correlation(visited(window, epoch)) for epoch in range(20)]
    # whole chunks travel together, so random order is that of 2,000 chunks: ten times as few, √10 times as far
    assert np.mean(got) < 1.5 * np.sqrt(10) * np.mean(true(correlation))


@pytest.mark.parametrize("window", [10, 128, 10_000])
def test_labels_run_no_longer_than_at_random(window):
    got = [runs(visited(window, epoch)) for epoch in range(20)]
    assert abs(np.mean(got) - np.mean(true(runs))) < 4 * np.std(true(runs))


def test_what_a_window_leaves_of_the_order_on_disk():
    """The larger the window, the rarer are neighbours of the disk: ten in a chunk, among all in the window."""
    by_window = {window: neighbours(visited(window)) for window in (2, 10, 128, 10_000)}
    assert by_window[2] > by_window[10] > by_window[128]
    assert by_window[128] < 0.015
    assert by_window[10_000] < 0.003             # one window: a true permutation's is 0.001
    assert neighbours(np.random.default_rng(0).permutation(ROWS)) < 0.003
