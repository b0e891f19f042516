"""All engines hand out the same batches, whatever the threads, the window and the compression."""

import os
import threading
import time

import numpy as np
import pytest
import torch
import train_helpers as t
from cases import each
from conftest import PACKED

from tenfold.data.errors import ShardFault
from tenfold.data.shardset import open_set
from tenfold.data.tables import Train
from tenfold.train import batches as batches_package
from tenfold.train.batches import memory, open_batches, order, reading, slots
from tenfold.train.batches.reading import Reader

CPU, META = torch.device("cpu"), torch.device("meta")
COMPRESSIONS = ("none", "gzip", pytest.param("lzf", marks=pytest.mark.slow),     # as it is, and in chunks of two kinds
                *(pytest.param(packed.values[0], marks=[*packed.marks, pytest.mark.slow]) for packed in PACKED))
TRAIN = (40, 23, 2)          # rows of the shards
ENGINES = ("memory", "threads", "dataloader")


@pytest.fixture(scope="module", params=COMPRESSIONS)
def shards(request, tmp_path_factory):
    """A set in each compression, for what depends on how rows are read."""
    rows = {"train": TRAIN, "val": (9,), "test": (6, 1)}
    return open_set(t.written(tmp_path_factory.mktemp("set") / request.param, rows, compression=request.param))


@pytest.fixture
def tiny_windows(monkeypatch):
    """Windows and reads of a few rows: what is rare in a large set happens in every batch."""
    monkeypatch.setattr(order, "CHUNK_BYTES", 7 * 20 * 28)

    def engine(shards, split="train", rows=18, shuffle=True, device=CPU, **how):
        how = {"workers": 0 if how["engine"] == "dataloader" else 2} | how     # processes take long to start
        with monkeypatch.context() as patch:
            patch.setattr(batches_package, "Order", lambda files, row_bytes, window, *rest: order.Order(
                files, row_bytes, rows * row_bytes, *rest))
            return open_batches(shards, split, Train(**how), 3, device, shuffle)
    return engine


def copies(engine, epoch=0, first=0):
    return [(image.clone(), label.clone()) for image, label in engine.epoch(epoch, first)]


def same(a, b) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for p, q in zip(a, b, strict=True)
                                    for x, y in zip(p, q, strict=True))


def threads_hand_out_what_memory_does(shards, tiny_windows, rows, batch):
    memory = tiny_windows(shards, rows=rows, batch=batch, engine="memory")
    expected = [copies(memory, epoch) for epoch in (0, 1)]
    for workers in (1, 3):
        threads = tiny_windows(shards, rows=rows, batch=batch, engine="threads", workers=workers)
        for epoch in (0, 1):
            assert same(copies(threads, epoch), expected[epoch]), workers
        threads.close()


ROWS, BATCH = (1, 18, 40, 1000), (1, 9, 33)
test_threads_hand_out_what_memory_does = each(("rows", "batch"), [
    (1, 9), (18, 1), (18, 9), (40, 33), (1000, 9), (1000, 33)])(threads_hand_out_what_memory_does)
test_so_they_do_for_any_window_and_batch = pytest.mark.slow(
    each("rows", ROWS)(each("batch", BATCH)(threads_hand_out_what_memory_does)))


@each(("workers", "rows", "batch"), [(0, 18, 9), (0, 1000, 33), (0, 1, 1), (1, 40, 9), (3, 18, 9)])
def test_dataloader_hands_out_what_memory_does(shards, tiny_windows, workers, rows, batch):
    memory = tiny_windows(shards, rows=rows, batch=batch, engine="memory")
    loader = tiny_windows(shards, rows=rows, batch=batch, engine="dataloader", workers=workers)
    for epoch in (0, 1):
        assert same(copies(loader, epoch), copies(memory, epoch))
    loader.close()


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


@each("engine", ENGINES)
@each("split", ["train", "val", "test"])
def test_unshuffled_batches_are_the_rows_on_disk(shards, tiny_windows, engine, split):
    image, label = t.pixels(shards.folder, split)
    got = copies(tiny_windows(shards, split, shuffle=False, batch=9, engine=engine))
    assert np.array_equal(torch.cat([i for i, _ in got]).numpy(), image)
    assert np.array_equal(torch.cat([k for _, k in got]).numpy(), label)


@each("engine", ENGINES)
def test_each_row_keeps_its_label_when_shuffled(shards, tiny_windows, engine):
    image, label = t.pixels(shards.folder, "train")
    known = {i.tobytes(): k for i, k in zip(image, label, strict=True)}
    got = copies(tiny_windows(shards, batch=9, engine=engine))
    rows = [(i.numpy().tobytes(), int(k)) for images, labels in got for i, k in zip(images, labels, strict=True)]
    assert all(known[i] == k for i, k in rows)
    assert len({i for i, _ in rows}) == len(rows) == 9 * (len(label) // 9)


@each("engine", ENGINES)
def test_starting_at_batch_k_is_skipping_k_batches(shards, tiny_windows, engine):
    made = tiny_windows(shards, batch=9, engine=engine, workers=2)
    whole = copies(made, 1)
    for first in (0, 1, 5, len(whole) - 1, len(whole)):
        assert same(copies(made, 1, first), whole[first:])


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


@each("rows", [1, 18, 40])
def test_batches_are_the_same_however_many_are_gathered_at_once(shards, tiny_windows, monkeypatch, rows):
    expected = copies(tiny_windows(shards, rows=rows, batch=9, engine="dataloader"), 2)
    for group in (1, 2, 5, 100):
        monkeypatch.setattr(slots, "GROUP_BYTES", group * 9 * 20 * 28)
        made = tiny_windows(shards, rows=rows, batch=9, engine="memory")
        assert same(copies(made, 2), expected)
        assert same(copies(made, 2, 3), expected[3:])


def test_a_device_that_gathers_by_itself_hands_out_the_same(shards, tiny_windows):
    made = tiny_windows(shards, rows=30, batch=10, engine="memory")
    expected = [copies(made, 2, first) for first in (0, 1, 6)]
    made._on_device = torch.from_numpy(made._image), torch.from_numpy(made._coded >> memory.LABEL)
    assert [len(batches) for batches in expected] == [6, 5, 0]
    assert all(same(copies(made, 2, first), expected[i]) for i, first in enumerate((0, 1, 6)))
    made.close()


@each(("engine", "copied"), [("memory", 4), ("threads", 2 * 65), ("dataloader", 2 * 65)])
def test_a_device_without_streams_gets_its_batches_and_one_that_gathers_a_windows_row_numbers_at_once(
        tmp_path, tiny_windows, monkeypatch, engine, copied):
    for name in ("stream", "Stream", "current_stream", "Event"):
        monkeypatch.setattr(torch.cuda, name, None)
    shards = open_set(t.written(tmp_path / "set", {"train": TRAIN}))
    made = tiny_windows(shards, batch=1, engine=engine, device=META)     # it holds shapes and no numbers
    copy, there = torch.Tensor.to, []
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *how, **more: (
        there.append(how), copy(tensor, *how, **more))[1])
    for epoch in (0, 1):
        there.clear()
        got = list(made.epoch(epoch))
        assert [(image.device, tuple(image.shape), label.dtype) for image, label in got] == [
            (META, (1, *shards.row_shape), torch.int64)] * 65
        assert there == [(META,)] * copied       # in the whole epoch, which has four windows
    made.close()


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


@each("engine", ENGINES)
def test_a_split_smaller_than_a_batch_is_one_batch(shards, engine):
    made = open_batches(shards, "train", Train(batch=10**12, engine=engine), 0, CPU, True)
    assert [len(label) for _, label in copies(made)] == made.order.sizes == [sum(TRAIN)]


@each("engine", ENGINES)
@each("shuffle", [True, False])
def test_an_empty_split_has_no_batches(tmp_path, engine, shuffle):
    shards = open_set(t.written(tmp_path / "set", {"val": ()}))
    made = open_batches(shards, "val", Train(engine=engine), 0, CPU, shuffle)
    assert copies(made) == made.order.sizes == []
    made.close()


def test_batches_are_bytes_and_class_numbers(shards):
    image, label = next(open_batches(shards, "train", Train(batch=9), 0, CPU, True).epoch(0))
    assert (image.dtype, label.dtype) == (torch.uint8, torch.int64)
    assert image.shape == (9, *shards.row_shape)


def test_auto_streams_what_does_not_fit(shards, monkeypatch):
    assert open_batches(shards, "train", Train(), 0, CPU, True).name == "memory"
    monkeypatch.setattr(batches_package, "_memory_for_a_set", lambda device: 1000)
    assert open_batches(shards, "train", Train(), 0, CPU, True).name == "threads"


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


@each("most", [1, 4, 1000])
@each("direct", [1, 10**9])
@each("scratch", [1, 3 * 20 * 28, 10**9])
def test_scattered_rows_are_those_read_one_after_the_other(shards, monkeypatch, most, direct, scratch):
    monkeypatch.setattr(reading, "MOST", most)
    monkeypatch.setattr(reading, "DIRECT", direct)
    monkeypatch.setattr(reading, "SCRATCH", scratch)
    files = shards.shards("train")
    reader, places = Reader(files), np.random.default_rng(1).permutation(56)
    plain, out = np.empty((28, *shards.row_shape), np.uint8), np.zeros((56, *shards.row_shape), np.uint8)
    reader.read(0, 11, plain)
    reader.scatter(0, 11, places[:28], out)
    assert np.array_equal(out[places[:28]], plain)
    assert not out[places[28:]].any()
    reader.close()


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
