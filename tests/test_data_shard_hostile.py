"""Foreign, damaged and hostile sets are refused before their pixels are believed."""

import itertools
import json
import os

import h5py
import numpy as np
import pytest
from cases import each
from one_shard import ATTRIBUTES, IMAGE, ROW, ROWS, SHAPE, facts_of, index

from benchmarks.torture.lanes import Limits, run_cases
from benchmarks.torture.outcomes import READ
from tenfold.data.chunks import check_declared
from tenfold.data.errors import ShardFault
from tenfold.data.shard import finished_shard
from tenfold.data.shardset import open_set, write_index


@each("text", ["", "{", "[]", "3", "null", "{}", '{"schema": 2}', '{"schema": 1}', "\xff",
               "[" * 99_999])
def test_a_damaged_index_is_refused(made, text):
    folder = made()
    (folder / "dataset.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ShardFault, match=r"dataset\.json"):
        open_set(folder)


def test_an_index_with_a_foreign_value_is_refused_or_opens(made):
    folder = made()
    told = json.loads((folder / "dataset.json").read_text())
    for key, value in itertools.product(
            ["classes", "rows", "canvas", "channels", "mean", "std", "shards", "sources", "digest"],
            [None, 5, "x", [], {}, [5], ["x"], [{}], {"train": "x"}]):
        write_index(folder, {**told, key: value})
        try:
            open_set(folder).shards("train")
        except ShardFault:
            continue
        assert key in ("mean", "std", "digest"), (key, value)


@each("name", ["../x.h5", "/etc/passwd", "x.h5", "train-00000.h5/../x", 5, None])
def test_an_index_that_points_elsewhere_is_refused(made, name):
    folder = made()
    told = json.loads((folder / "dataset.json").read_text())
    told["shards"][0]["name"] = name
    write_index(folder, told)
    with pytest.raises(ShardFault):
        open_set(folder)


def _external(f, secret):
    f.create_dataset("image", (ROWS, *SHAPE), np.uint8, external=[(secret, 0, h5py.h5f.UNLIMITED)])


def _virtual(f, secret):
    layout = h5py.VirtualLayout((ROWS, *SHAPE), np.uint8)
    layout[:] = h5py.VirtualSource(secret + ".h5", "image", (ROWS, *SHAPE))
    f.create_virtual_dataset("image", layout)


def _external_link(f, secret):
    f["image"] = h5py.ExternalLink(secret + ".h5", "/image")


def _soft_link(f, secret):
    f["other"] = IMAGE
    f["image"] = h5py.SoftLink("/other")


HOSTILE = {"external storage": _external, "virtual dataset": _virtual, "external link": _external_link,
           "soft link": _soft_link, "a group": lambda f, s: f.create_group("image"), "nothing": lambda f, s: None,
           "floats": lambda f, s: f.create_dataset("image", data=IMAGE / 255),
           "other rows": lambda f, s: f.create_dataset("image", data=IMAGE[1:]),
           "no bytes": lambda f, s: f.create_dataset("image", IMAGE.shape, np.uint8)}


@each("harm", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_shard_is_refused_before_it_is_read(made, tables, harm):
    folder = made()
    path, secret = folder / "train-00000.h5", str(folder / "secret")
    (folder / "secret").write_bytes(b"s" * IMAGE.nbytes)
    with h5py.File(secret + ".h5", "w") as f:
        f["image"] = IMAGE
    with h5py.File(path, "a") as f:
        del f["image"]
        harm(f, secret)
    index(folder, tables, facts_of(path))
    with pytest.raises(ShardFault, match=r"image|pixels"):
        open_set(folder).shards("train")
    if harm not in (HOSTILE["floats"], HOSTILE["other rows"], HOSTILE["no bytes"]):
        assert finished_shard(path, ATTRIBUTES) is None


def _declared(f, over=1_000_000_000, **how):
    """A billion rows that nothing was written of but one chunk."""
    how = {"chunks": (1, *SHAPE), "compression": "gzip"} | how
    image = f.create_dataset("image", (over, *SHAPE), np.uint8, **how)
    if image.chunks and image.chunks[0] == 1:
        image[0] = 0


def _column(f, **how):
    del f["label"]
    f.create_dataset("label", (ROWS,), "<i8", **how)


# 6 kB that declare a billion rows: name -> (how the file is changed, the rows that its index tells)
DECLARED = {
    "gzip": _declared, "lzf": lambda f: _declared(f, compression="lzf"),
    "two packers": lambda f: _declared(f, ROWS, compression="gzip", shuffle=True, scaleoffset=0),
    "plain chunks": lambda f: _declared(f, compression=None), "no bytes": lambda f: _declared(
        f, chunks=None, compression=None), "parts of rows": lambda f: _declared(f, ROWS, chunks=(1, 1, 13, 3)),
    "missing chunks": lambda f: _declared(f, ROWS), "one chunk": lambda f: _declared(f, ROWS, chunks=(10**6, *SHAPE),
                                                                                     maxshape=(None, *SHAPE)),
    "label in chunks": lambda f: _column(f, chunks=(7,), compression="gzip"), "label unwritten": _column}


def test_what_a_file_cannot_hold_is_refused_before_it_is_read(made, tables, monkeypatch):
    """By the time a column or a chunk is read it would be too late: nothing is."""
    read = []
    monkeypatch.setattr("tenfold.data.shard.read_chunks", lambda *a: read.append(a))
    for name, harm in DECLARED.items():
        folder = made()
        path = folder / "train-00000.h5"
        with h5py.File(path, "a") as f:
            if "label" not in name:
                del f["image"]
            harm(f)
            rows = len(f["image"])
        facts = facts_of(path) | {"rows": rows}
        index(folder, tables, facts)
        told = json.loads((folder / "dataset.json").read_text())
        told["rows"]["train"] = rows
        write_index(folder, told)
        assert facts["bytes"] < 60_000 + IMAGE.nbytes
        with pytest.raises(ShardFault, match="label" if "label" in name else r"read \(image"):
            open_set(folder).shards("train")
        if "label" not in name:
            assert finished_shard(path, ATTRIBUTES) is None
    assert not read


def test_rows_of_nothing_are_packed_as_well_as_can_be_and_open(made):
    for compression in ("none", "gzip", "lz4"):
        blank = np.zeros((4000, 32, 32, 1), np.uint8)
        made_of = {"label": np.zeros(4000, int), "source": np.zeros(4000, int), "copy": np.arange(4000)}
        folder = made(compression, image=blank, **made_of)
        with h5py.File(folder / "train-00000.h5") as f:
            check_declared(f["image"], (folder / "train-00000.h5").stat().st_size)


@each("over", [
    {"label": ROW["label"] + 1}, {"label": ROW["label"] - 1}, {"source": ROW["source"] + 1},
    {"source": ROW["source"] - 1}, {"copy": ROW["copy"][1:]}], ids=range(5))
def test_columns_that_point_nowhere_are_refused(made, over):
    with pytest.raises(ShardFault):
        open_set(made(**over)).shards("train")


def test_attributes_of_an_odd_kind_are_refused(made, tables):
    folder = made()
    path = folder / "train-00000.h5"
    with h5py.File(path, "a") as f:
        f.attrs["schema"] = [1, 1]
    index(folder, tables, facts_of(path))
    with pytest.raises(ShardFault):
        open_set(folder).shards("train")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process of its own for what may never end")
def test_no_file_is_read_in_which_hdf5_loops(made, tables):
    """An object of no length in the heap of texts: HDF5 2.0 looks for the next one for ever."""
    folder = made()
    path, whole = folder / "train-00000.h5", (folder / "train-00000.h5").read_bytes()
    harmed = bytearray(whole)
    first = harmed.index(b"GCOL") + 16
    harmed[first:first + 16] = bytes(16)

    def read(number):
        path.write_bytes(harmed)
        if number:                               # damage that a build finds
            assert finished_shard(path, ATTRIBUTES) is None
        else:                                    # a forgery: its digest is right
            index(folder, tables, facts_of(path))
            open_set(folder).shards("train")
        return READ, ""
    assert [case.outcome for case in run_cases(range(2), read, 1, Limits(5.0))] == [READ, READ]


def test_a_shard_under_another_splits_name_is_refused(made):
    folder = made()
    told = json.loads((folder / "dataset.json").read_text())
    told["shards"][0]["split"] = "test"
    told["rows"] = {"train": 0, "val": 0, "test": ROWS}
    write_index(folder, told)
    with pytest.raises(ShardFault, match="split"):
        open_set(folder).shards("test")
