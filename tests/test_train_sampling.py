"""Sampling: classes come as often as asked for, in batches that no engine, window or restart changes."""

import itertools

import numpy as np
import pytest
import torch
import train_helpers as t
from cases import each

from tenfold.data.shardset import open_set
from tenfold.data.tables import Train
from tenfold.train import batches as batches_package
from tenfold.train.batches import open_batches, order, reading
from tenfold.train.batches.order import Order
from tenfold.train.batches.reading import Reader
from tenfold.train.batches.sampling import Sampling

SHARDS = (90, 61, 2, 300)
LABELS = np.random.default_rng(0).choice(4, sum(SHARDS), p=(0.7, 0.2, 0.08, 0.02))
ROW = order.CHUNK_BYTES // 10        # bytes a row: ten rows are read together
POWERS = each("power", [0.25, 0.5, 1.0])


def sampled(power=1.0, batch=8, window=30, seed=3) -> Order:
    return Order(SHARDS, ROW, window * ROW, batch, seed, True, Sampling(LABELS, power))


def visited(one: Order, epoch: int, first: int = 0) -> list[np.ndarray]:
    return list(one.rows(epoch, first))


@POWERS
@each("total", [1, 7, 64, 453, 1000])
def test_classes_get_their_share_of_any_total(power, total):
    count = np.bincount(LABELS)
    share = count ** (1 - power) / (count ** (1 - power)).sum()
    for epoch in range(5):
        repeats = Sampling(LABELS, power).repeats(total, 3, epoch)
        assert repeats.sum() == total
        assert (abs(np.bincount(LABELS, repeats) - total * share) < 1).all()


@POWERS
def test_rows_of_a_class_come_equally_often_but_for_one(power):
    repeats = Sampling(LABELS, power).repeats(len(LABELS), 3, 0)
    assert all(np.ptp(repeats[k == LABELS]) <= 1 for k in range(4))


def test_over_the_epochs_every_row_of_a_class_comes_equally_often():
    """Also whichever place it has on disk: mean counts of early and late rows differ at random."""
    one, epochs = Sampling(LABELS, 1.0), 400
    mean = sum(one.repeats(len(LABELS), 3, e) for e in range(epochs)) / epochs
    for k in range(4):
        of = mean[k == LABELS]
        p = of.mean() % 1
        spread = np.sqrt(p * (1 - p) / epochs)
        assert abs(of - of.mean()).max() < 5 * spread + 1e-9
        assert abs(of[:len(of) // 2].mean() - of[len(of) // 2:].mean()) < 5 * spread * np.sqrt(4 / len(of)) + 1e-9


@POWERS
@each("batch", [1, 8, 33, 1000])
@each("window", [1, 30, 10_000])
def test_an_epoch_is_as_long_as_without_and_holds_what_was_counted(power, batch, window):
    one, plain = sampled(power, batch, window), Order(SHARDS, ROW, window * ROW, batch, 3, True)
    batches = visited(one, 2)
    assert [len(b) for b in batches] == one.sizes == plain.sizes
    counted = one.sampling.repeats(sum(one.sizes), 3, 2)
    assert (np.bincount(np.concatenate(batches), minlength=len(LABELS)) == counted).all()


def test_it_still_reads_each_row_once_in_long_runs():
    """But for rows on the border of two windows, which are read again: one a window at most."""
    windows = list(sampled(1.0, window=100).windows(0))
    rows = [(s, row) for w in windows for s, a, b in w.runs for row in range(a, b)]
    assert len(rows) - len(set(rows)) < len(windows)
    assert np.mean([b - a for w in windows for _, a, b in w.runs]) > 7


def test_no_batch_is_of_one_class_more_than_random_draws_make_it():
    """Repeats of a row are spread through their window: the counts of a class vary from batch to batch no more
    than those of draws without replacement."""
    one = sampled(1.0, batch=32, window=10_000)
    counts = np.array([np.bincount(LABELS[b], minlength=4) for e in range(40) for b in visited(one, e)])
    assert abs(counts.mean(0) / 32 - 0.25).max() < 0.01
    assert abs(counts.std(0) / np.sqrt(32 * 0.25 * 0.75) - 1).max() < 0.15
    early, late = counts[0::14], counts[13::14]  # the first and the last batch of each epoch
    assert abs(early.mean(0) - late.mean(0)).max() < 5 * np.sqrt(32 * 0.25 * 0.75 * 2 / 40)


@each("window", [1, 40, 1000])
def test_starting_at_batch_k_is_skipping_k_batches(window):
    one = sampled(batch=9, window=window)
    whole = visited(one, 1)
    for first in range(0, len(whole) + 1, 5):
        rest = visited(one, 1, first)
        assert all((a == b).all() for a, b in zip(rest, whole[first:], strict=True))


def test_epochs_and_seeds_differ():
    assert len({tuple(sampled(seed=seed).sampling.repeats(400, seed, e)) for seed in (0, 1) for e in (0, 1)}) == 4


@pytest.mark.parametrize(("compression", "rows", "sampling"), [
    case if number % 3 == number // 6 else pytest.param(*case, marks=pytest.mark.slow) for number, case in enumerate(
        itertools.product(["none", "lzf", "gzip"], [1, 20, 1000], [0.5, 1.0]))])       # each value in six quick ones
def test_all_engines_hand_out_the_same_batches(tmp_path, monkeypatch, compression, rows, sampling):
    rows_of = {"train": (31, 20, 2), "val": (2,), "test": (2,)}
    shards = open_set(t.written(tmp_path / "set", rows_of, compression=compression))
    monkeypatch.setattr(order, "CHUNK_BYTES", 7 * 20 * 28)
    monkeypatch.setattr(batches_package, "Order", lambda files, row_bytes, window, *rest: order.Order(
        files, row_bytes, rows * row_bytes, *rest))
    image, label = t.pixels(shards.folder, "train")
    known = {i.tobytes(): k for i, k in zip(image, label, strict=True)}
    expected = None
    for engine, workers in (("memory", 2), ("threads", 1), ("threads", 4), ("dataloader", 0)):
        made = open_batches(shards, "train", Train(batch=9, engine=engine, workers=workers, sampling=sampling), 3,
                            torch.device("cpu"), True)
        got = [(i.clone(), k.clone()) for epoch in (0, 1) for i, k in made.epoch(epoch)]
        got += [(i.clone(), k.clone()) for i, k in made.epoch(1, 3)]
        made.close()
        expected = expected or got
        assert all(torch.equal(a, b) for p, q in zip(got, expected, strict=True) for a, b in zip(p, q, strict=True))
    assert all(known[i.numpy().tobytes()] == k for images, labels in expected
               for i, k in zip(images, labels, strict=True))


def test_val_and_test_rows_are_never_sampled(tmp_path):
    shards = open_set(t.written(tmp_path / "set"))
    made = open_batches(shards, "val", Train(sampling=1.0), 3, torch.device("cpu"), False)
    assert np.concatenate([k for _, k in made.epoch(0)]).tolist() == t.pixels(shards.folder, "val")[1].tolist()
    made.close()


@each("direct", [1, 10**9])
@each("scratch", [1, 3 * 20 * 28, 10**9])
@each("compression", ["none", "gzip"])
def test_a_row_is_put_into_all_of_its_places(tmp_path, monkeypatch, compression, direct, scratch):
    monkeypatch.setattr(reading, "DIRECT", direct)
    monkeypatch.setattr(reading, "SCRATCH", scratch)
    shards = open_set(t.written(tmp_path / "set", compression=compression))
    reader, rng = Reader(shards.shards("train")), np.random.default_rng(2)
    repeats = rng.integers(0, 4, 50)
    places = rng.permutation(200)[:repeats.sum()]
    plain, out = np.empty((50, *shards.row_shape), np.uint8), np.zeros((200, *shards.row_shape), np.uint8)
    reader.read(0, 11, plain)
    reader.scatter(0, 11, places, out, repeats)
    assert np.array_equal(out[places], np.repeat(plain, repeats, axis=0))
    assert not out[np.setdiff1d(np.arange(200), places)].any()
    reader.close()
