"""A buffer is filled again only when its copies to the device are done, however late the device is."""

import math
import threading

import pytest
import torch
import train_helpers as t
from batch_helpers import same

from tenfold.data.shardset import open_set
from tenfold.data.tables import Train
from tenfold.train.batches import order
from tenfold.train.batches.copying import Buffer, make_copier
from tenfold.train.batches.threads import Threads

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return open_set(t.written(tmp_path_factory.mktemp("copying") / "set"))


class LateDevice:
    """In the place of a Copier: it copies nothing before somebody waits for it."""

    def __init__(self):
        self.asked, self.lock, self.waited = [], threading.Lock(), 0

    def copy(self, tensors):
        copies = tuple(torch.zeros_like(tensor) for tensor in tensors)
        with self.lock:
            self.asked += zip(tensors, copies, strict=True)
        return copies

    def all_done(self):
        return Upto(self, len(self.asked))

    def copy_upto(self, number):
        with self.lock:
            for i in range(self.waited, number):
                source, copy = self.asked[i]
                copy.copy_(source)
            self.waited = max(self.waited, number)


class Upto:
    """The event that so many copies are done."""

    def __init__(self, device, number):
        self.device, self.number = device, number

    def synchronize(self):
        self.device.copy_upto(self.number)


def engine(shards, workers, monkeypatch) -> Threads:
    """Four batches of 9 to a window, two windows in memory, several reads to a window."""
    monkeypatch.setattr(order, "CHUNK_BYTES", 7 * 20 * 28)
    files, row_bytes = shards.shards("train"), math.prod(shards.row_shape)
    return Threads(files, order.Order(tuple(f.rows for f in files), row_bytes, 40 * row_bytes, 9, 3, True),
                   shards.row_shape, Train(workers=workers), CPU)


def epoch(threads, device) -> list:
    """The batches of an epoch as the device holds them at last."""
    there = list(threads.epoch(1))
    device.all_done().synchronize()
    return there


@pytest.mark.parametrize("workers", [1, 3])
def test_a_buffer_is_filled_again_only_when_its_copies_are_done(shards, monkeypatch, workers):
    threads = engine(shards, workers, monkeypatch)
    expected = [tuple(tensor.clone() for tensor in pair) for pair in threads.epoch(1)]
    assert len(list(threads.order.windows(1))) > 2 * 2
    threads._copier = device = LateDevice()
    assert same(epoch(threads, device), expected)
    for taken in (1, 5, 9):                      # an epoch that is left in the middle, and the next one
        left = threads.epoch(1)
        held = [next(left) for _ in range(taken)]
        left.close()
        assert same(epoch(threads, device), expected)
        assert same(held, expected[:taken])
    monkeypatch.setattr(Buffer, "wait_until_free", lambda self: None)
    assert not same(epoch(threads, device), expected), "the device is not late, and this test shows nothing"
    threads.close()


def test_on_the_cpu_nothing_is_copied():
    pair = torch.zeros(3), torch.ones(2)
    copier = make_copier(CPU)
    assert copier.copy(pair) is pair
    assert copier.all_done() is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_an_event_comes_when_the_copies_are_done():
    copier = make_copier(torch.device("cuda"))
    source = torch.arange(1 << 24).pin_memory()
    copy, = copier.copy((source,))
    done = copier.all_done()
    done.synchronize()
    source.zero_()
    assert torch.equal(copy.cpu(), torch.arange(1 << 24))
