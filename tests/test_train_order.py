"""The order of rows: a pure function of seed and epoch that visits every row."""

import numpy as np
from cases import each

from tenfold.data.schema import CHUNK_BYTES
from tenfold.train.batches.order import Order

SHAPES = [(), (1,), (7,), (90, 61, 2), (1,) * 40, (500, 3, 700)]
CHUNK_10 = CHUNK_BYTES // 10         # bytes a row: ten rows are read together


def order(rows, batch=8, shuffle=True, window=30, seed=3):
    return Order(rows, CHUNK_10, window * CHUNK_10, batch, seed, shuffle)


def visited(one: Order, epoch: int, first: int = 0) -> list[np.ndarray]:
    """The rows of each batch, numbered through the split."""
    return list(one.rows(epoch, first))


@each("batch", [1, 8, 1000])
@each("rows", SHAPES, ids=lambda r: f"{len(r)} shards")
def test_unshuffled_an_epoch_is_every_row_in_the_order_of_the_disk(rows, batch):
    one = order(rows, batch, shuffle=False)
    batches = visited(one, 0)
    assert np.concatenate([[], *batches]).tolist() == list(range(sum(rows)))
    assert [len(b) for b in batches] == one.sizes


@each("batch", [1, 8, 1000])
@each("rows", SHAPES, ids=lambda r: f"{len(r)} shards")
def test_shuffled_an_epoch_visits_no_row_twice_and_all_but_the_last_bit_of_a_batch(rows, batch):
    one = order(rows, batch)
    batches = visited(one, 4)
    seen = np.concatenate([[], *batches])
    assert len(set(seen)) == len(seen)
    assert sum(rows) - len(seen) < batch
    assert {len(b) for b in batches} <= {min(batch, sum(rows))}
    assert [len(b) for b in batches] == one.sizes


@each("shuffle", [True, False])
@each("window", [1, 20, 64, 10_000])
@each("batch", [1, 8, 33, 1000])
@each("rows", SHAPES, ids=lambda r: f"{len(r)} shards")
def test_a_window_holds_whole_batches_and_no_row_of_another(rows, batch, window, shuffle):
    one = order(rows, batch, shuffle, window)
    windows = list(one.windows(2))
    assert [size for w in windows for size in w.sizes] == one.sizes
    assert [w.first for w in windows] == [sum(len(v.sizes) for v in windows[:i]) for i in range(len(windows))]
    assert all(w.rows == sum(b - a for _, a, b in w.runs) == len(w.places()) for w in windows)
    read = [(s, row) for w in windows for s, a, b in w.runs for row in range(a, b)]
    assert len(set(read)) == len(read) == sum(one.sizes)
    assert all(sorted(w.places()) == list(range(w.rows)) for w in windows)


def test_a_window_is_no_larger_than_asked_for_and_all_are_alike():
    assert len(list(order((500, 3, 700), window=10_000).windows(0))) == 1
    rows = [w.rows for w in order((500, 3, 700), window=100).windows(0)]
    assert max(rows) <= 100
    assert len(set(rows[:-1])) == 1


def test_epochs_differ_and_so_do_seeds():
    batches = [np.concatenate(visited(order((90, 61, 2), seed=seed), epoch)).tolist()
               for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(b) for b in batches}) == 4


def test_the_same_seed_and_epoch_give_the_same_order_in_any_process():
    first, again = (np.concatenate(visited(order((90, 61, 2)), 5)) for _ in range(2))
    assert first.tolist() == again.tolist()
    assert first[:8].tolist() == [42, 47, 40, 108, 46, 43, 29, 26]   # another order: old runs resume wrongly


def test_a_small_window_still_mixes_chunks_that_lie_far_apart():
    first = np.concatenate(visited(order((1000,), window=100), 0)[:10])
    assert first.max() - first.min() > 500
    assert len(set(first // 10)) > 5


@each("shuffle", [True, False])
@each("window", [1, 40, 1000])
def test_starting_at_batch_k_is_skipping_k_batches(shuffle, window):
    one = order((90, 61, 2), 9, shuffle, window)
    whole = visited(one, 1)
    for first in range(len(whole) + 1):
        rest = visited(one, 1, first)
        assert len(rest) == len(whole) - first
        assert all((a == b).all() for a, b in zip(rest, whole[first:], strict=True))


def test_windows_before_the_first_batch_are_never_read():
    one = order((1000,), 10, window=50)          # five batches a window
    assert [w.first for w in one.windows(0, first=60)] == list(range(60, 100, 5))
    assert next(one.windows(0, first=64)).first == 60


@each("rows", [(9,), (17,), (9, 17), (25, 3)])
def test_no_row_is_left_out_for_good(rows):
    """Those that fill no batch are others in each epoch, also where all are read as one chunk."""
    for chunk in (10, 1000):
        one = Order(rows, CHUNK_BYTES // chunk, CHUNK_BYTES, 8, 3, shuffle=True)
        assert len({row for epoch in range(60) for batch in visited(one, epoch) for row in batch}) == sum(rows)
