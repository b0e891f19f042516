"""Rows are read into place; compressed chunks without HDF5: the same rows, each unpacked once, damage named."""

import itertools

import h5py
import numpy as np
import pytest
import torch
import train_helpers as t
from batch_helpers import shards_in_each_compression  # noqa: F401  (a fixture: shards)
from cases import each
from conftest import PACKED

from tenfold.data import chunks, schema
from tenfold.data.chunks import known_chunks
from tenfold.data.errors import ShardFault
from tenfold.data.shard import Shard
from tenfold.data.shardset import open_set
from tenfold.data.tables import Train
from tenfold.train.batches import open_batches, order, reading, threads
from tenfold.train.batches.reading import Reader

CPU = torch.device("cpu")
CHUNK = 7 * 20 * 28          # seven rows


@pytest.fixture(params=["gzip", *PACKED])
def many_chunks(monkeypatch, tmp_path, request):
    """A compressed set whose chunks hold seven rows, on disk and in the order."""
    monkeypatch.setattr(schema, "CHUNK_BYTES", CHUNK)
    monkeypatch.setattr(order, "CHUNK_BYTES", CHUNK)
    return open_set(t.written(tmp_path / "set", compression=request.param))


@each(("start", "rows"), [(0, 90), (0, 7), (7, 7), (3, 1), (5, 30), (84, 6), (89, 1), (0, 0)])
def test_any_run_of_rows_is_what_hdf5_reads(many_chunks, start, rows):
    shard = many_chunks.shards("train")[0]
    assert shard.chunks
    out = np.empty((rows, *many_chunks.row_shape), np.uint8)
    reader = Reader([shard])
    reader.read(0, start, out)
    reader.close()
    assert (out == t.pixels(many_chunks.folder, "train")[0][start:start + rows]).all()


@each("engine", ["threads", "memory"])
def test_an_epoch_unpacks_no_chunk_twice(many_chunks, monkeypatch, engine):
    unpacked = []
    # of this epoch only: the engine begins to read the next one
    monkeypatch.setattr(threads, "count", lambda *first: iter(first) if first else itertools.count())
    for kind, decoder in chunks._DECODERS.items():
        monkeypatch.setitem(chunks._DECODERS, kind, lambda raw, out, decoder=decoder: (
            unpacked.append(bytes(raw)), decoder(raw, out)))
    made = open_batches(many_chunks, "train", Train(batch=9, engine=engine, window=1), 0, CPU, True)
    for _ in made.epoch(0):
        pass
    made.close()
    assert len(unpacked) == sum(len(s.chunks.offsets) for s in many_chunks.shards("train")) == 13 + 9 + 1


def test_a_chunk_that_was_stored_as_it_is_is_read_so(tmp_path):
    """HDF5 leaves a filter out where a chunk would have grown, and says so in the chunk's mask."""
    image = np.arange(21 * 6 * 5, dtype=np.uint8).reshape(21, 6, 5, 1)
    with h5py.File(tmp_path / "x.h5", "w") as f:
        made = f.create_dataset("image", (21, 6, 5, 1), np.uint8, chunks=(7, 6, 5, 1), compression="gzip")
        made[:14] = image[:14]
        made.id.write_direct_chunk((14, 0, 0, 0), image[14:].tobytes(), filter_mask=1)
        f.flush()
        found = known_chunks(made, 10**6)
    assert found.packed.tolist() == [True, True, False]
    out, labels = np.empty_like(image), np.zeros(21, np.int64)
    Reader([Shard(tmp_path / "x.h5", 21, None, labels, labels, found)]).read(0, 0, out)
    assert (out == image).all()


@each("byte", [0, 12])
def test_a_damaged_chunk_is_named(many_chunks, byte):
    shard = many_chunks.shards("train")[0]
    with open(shard.path, "rb+") as f:
        f.seek(int(shard.chunks.offsets[2]) + byte)
        f.write(b"\xff" * 8)
    with pytest.raises(ShardFault, match=r"train-00000\.h5"):
        Reader([shard]).read(0, 0, np.empty((90, *many_chunks.row_shape), np.uint8))


@pytest.mark.parametrize("filters", [{"compression": "gzip", "shuffle": True}, {"compression": "lzf"},
                                     {"compression": "gzip", "fletcher32": True}])
def test_other_filters_are_left_to_hdf5(tmp_path, filters):
    with h5py.File(tmp_path / "x.h5", "w") as f:
        made = f.create_dataset("image", data=np.zeros((20, 4, 4, 1), np.uint8), chunks=(7, 4, 4, 1), **filters)
        f.flush()
        assert known_chunks(made, 10**6) is None


def test_missing_chunks_and_chunks_beyond_the_end_are_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as f:
        made = f.create_dataset("image", (20, 4, 4, 1), np.uint8, chunks=(7, 4, 4, 1), compression="gzip")
        made[:7] = 1
        f.flush()
        with pytest.raises(ValueError, match="lacks chunks"):
            known_chunks(made, 10**6)
        made[:] = 1
        f.flush()
        with pytest.raises(ValueError, match="beyond"):
            known_chunks(made, 100)


@each("most", [1, 4, 1000])
@each("direct", [1, 10**9])
@each("scratch", [1, 3 * 20 * 28, 10**9])
def test_scattered_rows_are_those_read_one_after_the_other(shards, monkeypatch, most, direct, scratch):
    for name, value in (("MOST", most), ("DIRECT", direct), ("SCRATCH", scratch)):
        monkeypatch.setattr(reading, name, value)
    reader, places = Reader(shards.shards("train")), np.random.default_rng(1).permutation(56)
    plain, out = np.empty((28, *shards.row_shape), np.uint8), np.zeros((56, *shards.row_shape), np.uint8)
    reader.read(0, 11, plain)
    reader.scatter(0, 11, places[:28], out)
    assert np.array_equal(out[places[:28]], plain)
    assert not out[places[28:]].any()
    reader.close()
