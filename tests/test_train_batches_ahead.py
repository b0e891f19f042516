"""Engines read ahead into buffers that are used again; whatever is left, closed or damaged, nothing hangs or mixes."""

import os
import threading
import time

import pytest
import train_helpers as t
from batch_helpers import (  # noqa: F401  (fixtures: shards, tiny_windows)
    COMPRESSIONS,
    ENGINES,
    TRAIN,
    copies,
    open_with_tiny_windows,
    same,
    shards_in_each_compression,
)
from cases import each

from tenfold.data.errors import ShardFault
from tenfold.data.shardset import open_set
from tenfold.train.batches import slots
from tenfold.train.batches.reading import Reader


@each("workers", [1, 3])
def test_an_epoch_left_in_the_middle_does_not_disturb_the_next(shards, tiny_windows, workers):
    made = tiny_windows(shards, batch=9, engine="threads", workers=workers)
    whole = copies(made, 0)
    for taken in range(len(whole)):
        epoch = made.epoch(0)
        for _ in range(taken):
            next(epoch)
        epoch.close()
        assert same(copies(made, 0)[:6], whole[:6])
    made.close()


def test_dataloader_begins_anew_after_an_epoch_left_in_the_middle(shards, tiny_windows):
    made = tiny_windows(shards, batch=9, engine="dataloader", workers=2)
    whole = copies(tiny_windows(shards, batch=9, engine="memory"), 0)
    for taken in (1, 3):
        epoch = made.epoch(0)
        for _ in range(taken):
            next(epoch)
        epoch.close()
    assert same(copies(made, 0, 2), whole[2:])
    made.close()


@each("engine", ["memory", "threads"])
@each("rows", [18, 1000])
def test_epochs_may_come_in_any_order_whatever_was_read_ahead(tmp_path, tiny_windows, engine, rows):
    shards = open_set(t.written(tmp_path / "set", {"train": TRAIN}))
    made = tiny_windows(shards, rows=rows, batch=9, engine=engine)
    for number, first in ((0, 0), (1, 0), (1, 0), (2, 3), (3, 0), (1, 6), (2, 0), (2, 7), (3, 1)):
        anew = tiny_windows(shards, rows=rows, batch=9, engine=engine)
        assert same(copies(made, number, first), copies(anew, number, first)), (number, first)
        anew.close()
    made.close()


@each("shuffle", [True, False])
def test_the_next_epoch_is_read_before_it_is_asked_for(tmp_path, tiny_windows, monkeypatch, shuffle):
    shards = open_set(t.written(tmp_path / "set", {"train": TRAIN}))
    made = tiny_windows(shards, shuffle=shuffle, batch=9, engine="threads")
    copies(made, 0)
    for filling in made._filling:
        for task in filling.tasks:
            task.wait()
    monkeypatch.setattr(Reader, "scatter", None)         # what is filled needs it no more
    assert [filling.epoch for filling in made._filling] == ([1, 1] if shuffle else [])
    if shuffle:                                  # a window holds two batches
        for epoch, first in ((1, 0), (1, 0), (1, 1)):
            left = made.epoch(epoch, first)      # left in the middle and gone on with: nothing is read anew
            assert len(next(left)[1]) == 9
            left.close()
    made.close()


@each("engine", ENGINES)
def test_a_batch_stays_what_it_was_while_it_is_held(shards, tiny_windows, engine):
    made = tiny_windows(shards, batch=9, engine=engine, workers=4)
    expected = copies(made, 0)
    for pair, was in zip(made.epoch(0), expected, strict=True):
        if engine != "dataloader":               # let the readers run as far ahead as they can
            threading.Event().wait(0.005)
        assert same([pair], [was])


@each("engine", ["memory", "threads"])
@each("group", [1, 3 * 9 * 20 * 28])
def test_buffers_are_used_again(shards, tiny_windows, monkeypatch, engine, group):
    monkeypatch.setattr(slots, "GROUP_BYTES", group)
    made = tiny_windows(shards, batch=9, engine=engine)
    places = {image.untyped_storage().data_ptr() for epoch in range(3) for image, _ in made.epoch(epoch)}
    assert len(places) <= slots.AHEAD + 2


@each(("engine", "workers"), [("memory", 2), ("threads", 2), ("dataloader", 0), ("dataloader", 1)])
def test_closing_leaves_no_file_open(tmp_path, tiny_windows, engine, workers):
    shards = open_set(t.written(tmp_path / "set", {"train": TRAIN}))

    def opened():
        """The files that are open after the epochs of an engine, one of them left in the middle."""
        threads = set(threading.enumerate())
        made = tiny_windows(shards, batch=9, engine=engine, workers=workers)
        left = made.epoch(2)
        copies(made, 0), copies(made, 1), next(left)
        left.close()
        made.close()
        del made, left
        for thread in set(threading.enumerate()) - threads:      # in one of its own a queue closes its ends
            thread.join(30)
        return len(os.listdir("/dev/fd"))
    first = opened()                             # what multiprocessing keeps for the process is open now
    assert opened() == first


@each(("engine", "workers"), [("threads", 1), ("dataloader", 0), ("dataloader", 1)])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_shard_that_is_cut_while_it_is_read_is_named(tmp_path, tiny_windows, compression, engine, workers):
    shards = open_set(t.written(tmp_path / "set", compression=compression))
    path = shards.folder / "train-00000.h5"
    made = tiny_windows(shards, batch=9, engine=engine, workers=workers)
    with open(path, "rb+") as f:
        f.truncate(9000)
    with pytest.raises(ShardFault, match=r"train-00000\.h5"):
        copies(made)
    made.close()


def within(seconds: float, body) -> None:
    """`body()` in a thread of its own, so that a deadlock fails the test and does not hold it."""
    done = threading.Event()
    threading.Thread(target=lambda: (body(), done.set()), daemon=True).start()
    assert done.wait(seconds), "hangs"


@pytest.mark.parametrize("workers", [1, 3])
def test_closing_the_engine_before_its_epoch_does_not_hang(tmp_path, tiny_windows, monkeypatch, workers):
    """An interrupt unwinds in this order: the run closes its engines, then the epoch is let go."""
    shards = open_set(t.written(tmp_path / "set"))
    scatter = Reader.scatter
    monkeypatch.setattr(Reader, "scatter", lambda *a: (time.sleep(0.002), scatter(*a)))   # there is more to read

    def body():
        for taken in range(1, 16):
            made = tiny_windows(shards, batch=9, engine="threads", workers=workers)
            epoch = made.epoch(0)
            for _ in range(taken):
                next(epoch)
            made.close()
            epoch.close()
    within(30, body)
