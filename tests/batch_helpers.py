"""Sets in each compression, and engines whose windows hold a few rows."""

import pytest
import torch
import train_helpers as t
from conftest import PACKED

from tenfold.data.shardset import open_set
from tenfold.data.tables import Train
from tenfold.train import batches as batches_package
from tenfold.train.batches import open_batches, order

CPU = torch.device("cpu")
COMPRESSIONS = ("none", "gzip", pytest.param("lzf", marks=pytest.mark.slow),     # as it is, and in chunks of two kinds
                *(pytest.param(packed.values[0], marks=[*packed.marks, pytest.mark.slow]) for packed in PACKED))
TRAIN = (40, 23, 2)          # rows of the shards
ENGINES = ("memory", "threads", "dataloader")


@pytest.fixture(name="shards", scope="module", params=COMPRESSIONS)
def shards_in_each_compression(request, tmp_path_factory):
    """A set in each compression, for what depends on how rows are read."""
    rows = {"train": TRAIN, "val": (9,), "test": (6, 1)}
    return open_set(t.written(tmp_path_factory.mktemp("set") / request.param, rows, compression=request.param))


@pytest.fixture(name="tiny_windows")
def open_with_tiny_windows(monkeypatch):
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
