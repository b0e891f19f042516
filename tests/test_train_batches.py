"""All engines hand out the same batches, whatever the threads, the window and the compression."""

import numpy as np
import torch
import train_helpers as t
from batch_helpers import (  # noqa: F401  (fixtures: shards, tiny_windows)
    CPU,
    ENGINES,
    TRAIN,
    copies,
    open_with_tiny_windows,
    same,
    shards_in_each_compression,
)
from cases import each

from tenfold.data.shardset import open_set
from tenfold.data.tables import Train
from tenfold.train import batches as batches_package
from tenfold.train.batches import memory, open_batches, slots

META = torch.device("meta")


@each(("rows", "batch"), [(1, 9), (18, 1), (18, 9), (40, 33), (1000, 9), (1000, 33)])
def test_threads_hand_out_what_memory_does(shards, tiny_windows, rows, batch):
    memory = tiny_windows(shards, rows=rows, batch=batch, engine="memory")
    expected = [copies(memory, epoch) for epoch in (0, 1)]
    for workers in (1, 3):
        threads = tiny_windows(shards, rows=rows, batch=batch, engine="threads", workers=workers)
        for epoch in (0, 1):
            assert same(copies(threads, epoch), expected[epoch]), workers
        threads.close()


@each(("workers", "rows", "batch"), [(0, 18, 9), (0, 1000, 33), (0, 1, 1), (1, 40, 9), (3, 18, 9)])
def test_dataloader_hands_out_what_memory_does(shards, tiny_windows, workers, rows, batch):
    memory = tiny_windows(shards, rows=rows, batch=batch, engine="memory")
    loader = tiny_windows(shards, rows=rows, batch=batch, engine="dataloader", workers=workers)
    for epoch in (0, 1):
        assert same(copies(loader, epoch), copies(memory, epoch))
    loader.close()


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
    taken = sum(TRAIN) * np.prod(shards.row_shape)
    for free, engine in ((3 * taken, "memory"), (3 * taken - 1, "threads")):
        monkeypatch.setattr(batches_package, "free_memory", lambda device, free=free: free)
        assert open_batches(shards, "train", Train(), 0, CPU, True).name == engine
