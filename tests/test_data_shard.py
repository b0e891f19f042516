"""A shard is plain HDF5 as DESIGN says, and a set opens only as it was written."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from cases import each
from conftest import PACKED, leftovers, opened
from one_shard import ATTRIBUTES, IMAGE, ROW, ROWS, SHAPE, write

from tenfold.data.digests import hash_file
from tenfold.data.errors import MachineFault, ShardFault
from tenfold.data.schema import COLUMNS
from tenfold.data.shard import finished_shard, read_compressed
from tenfold.data.shardset import open_set, read_index


@pytest.mark.parametrize("compression", ["none", "lzf", "gzip", *PACKED])
def test_a_shard_is_plain_hdf5(tmp_path, compression):
    write(tmp_path, compression)
    with opened(tmp_path / "train-00000.h5") as f:
        assert set(f) == {"image", *COLUMNS}
        assert dict(f.attrs) == ATTRIBUTES
        assert f["image"].dtype == np.uint8
        assert (f["image"][:] == IMAGE).all()
        for name, column in ROW.items():
            assert f[name].dtype == np.dtype("<i8")
            assert (f[name][:] == column).all()
        if compression == "none":
            assert f["image"].chunks is None
            at = f["image"].id.get_offset()
        else:
            assert f["image"].chunks[1:] == SHAPE
            assert compression.endswith("lz4") or f["image"].compression == compression
    if compression == "none":
        assert at % 4096 == 0
        assert (tmp_path / "train-00000.h5").read_bytes()[at:at + IMAGE.nbytes] == IMAGE.tobytes()


@pytest.mark.parametrize("compression", ["none", "lzf", "gzip", *PACKED])
def test_the_facts_are_exact(tmp_path, compression):
    facts = write(tmp_path, compression)
    assert facts["rows"] == ROWS
    assert facts["bytes"] == (tmp_path / facts["name"]).stat().st_size
    assert facts["sha256"] == hash_file(tmp_path / facts["name"]).whole
    again, image = finished_shard(tmp_path / facts["name"], ATTRIBUTES)
    assert again == facts
    assert (image == IMAGE).all()


@each("key", ATTRIBUTES)
def test_a_shard_of_another_plan_is_not_taken_for_finished(tmp_path, key):
    facts = write(tmp_path)
    assert finished_shard(tmp_path / facts["name"], {**ATTRIBUTES, key: 9 if key == "schema" else "other"}) is None


def test_what_is_no_whole_shard_is_not_taken_for_finished(tmp_path):
    path = tmp_path / "train-00000.h5"
    assert finished_shard(path, ATTRIBUTES) is None
    write(tmp_path)
    whole = path.read_bytes()
    for held in (b"", b"not HDF5", whole[:-1], whole[:1000]):
        path.write_bytes(held)
        assert finished_shard(path, ATTRIBUTES) is None
    path.write_bytes(whole)
    with h5py.File(path, "a") as f:
        f.attrs["plan"] = [1, 2]
    assert finished_shard(path, ATTRIBUTES) is None


@pytest.mark.parametrize("compression", ["none", "gzip", *PACKED])
def test_a_set_opens_as_it_was_written(made, compression):
    shards = open_set(made(compression))
    assert shards.row_shape == SHAPE
    assert shards.rows("train") == ROWS
    [shard] = shards.shards("train")
    assert (shard.labels == ROW["label"]).all()
    assert (shard.sources == ROW["source"]).all()
    if compression == "none":
        assert (np.memmap(shard.path, np.uint8, "r", shard.offset, IMAGE.shape) == IMAGE).all()
    else:
        assert shard.offset is None
        out = np.empty((9, *SHAPE), np.uint8)
        with opened(shard.path):
            read_compressed(shard, 33, out)
        assert (out == IMAGE[33:42]).all()


def test_a_file_that_changed_is_refused_also_after_the_first_time(made):
    folder = made()
    open_set(folder)
    path = folder / "train-00000.h5"
    whole = bytearray(path.read_bytes())
    whole[5000] ^= 1
    path.write_bytes(whole)
    with pytest.raises(ShardFault, match="hash"):
        open_set(folder)
    path.write_bytes(whole[:-7])
    with pytest.raises(ShardFault, match="truncated"):
        open_set(folder)
    path.unlink()
    with pytest.raises(ShardFault, match="missing"):
        open_set(folder)


def test_a_set_that_cannot_be_written_to_opens_all_the_same(made):
    folder = made()
    (folder / ".verified").write_text("[1, 2")
    assert open_set(folder).rows("train") == ROWS
    (folder / ".verified").write_text("[1, 2]")
    assert open_set(folder).rows("train") == ROWS


def test_what_is_no_finished_set_is_refused(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name, fact in (("none", "does not exist"), ("empty", "unfinished"), ("file", "cannot be read")):
        with pytest.raises(ShardFault, match=fact):
            read_index(tmp_path / name)


@pytest.mark.parametrize("compression", ["none", "lzf", "gzip", *PACKED])
def test_no_room_for_a_shard_is_one_quiet_fault(tmp_path, compression):
    code = f"""
import resource, sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from pathlib import Path
from tenfold.data.errors import MachineFault
from one_shard import write
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
try:
    write(Path({str(tmp_path)!r}), {compression!r})
except MachineFault as fault:
    print(fault)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")         # HDF5 itself prints tracebacks, or crashes at the end
    assert "train-00000.h5: the file is larger" in ran.stdout
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_gone_is_a_fault(tmp_path):
    with pytest.raises((MachineFault, OSError)):
        write(tmp_path / "gone")
    assert leftovers(tmp_path) == []
