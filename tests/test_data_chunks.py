"""Chunks packed by Blosc: anyone's h5py opens them, hostile ones hurt nobody, a missing package is one line."""

import subprocess
import sys
import threading
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from cases import each
from conftest import PACKED, leftovers, opened
from one_shard import IMAGE, ROW, ROWS, facts_of, index, write

from tenfold.data.chunks import BLOSC, blosc, known_chunks, read_chunks
from tenfold.data.errors import MachineFault
from tenfold.data.shardset import open_set
from tenfold.train.batches.reading import Reader

ROOT = Path(__file__).resolve().parents[1]


def rows_of(path) -> np.ndarray:
    with h5py.File(path) as f:
        found = known_chunks(f["image"], path.stat().st_size)
        out = np.empty(f["image"].shape, np.uint8)
    with open(path, "rb") as file:
        read_chunks(file.fileno(), found, 0, out)
    return out


@pytest.mark.parametrize("compression", PACKED)
def test_a_shards_bytes_do_not_depend_on_the_thread_that_packs_them(tmp_path, monkeypatch, compression):
    """In the main thread Blosc would use threads of its own, and lay blocks down as they are ready."""
    monkeypatch.setattr("tenfold.data.shard.chunk_rows", lambda *_: 300)
    image = np.repeat(IMAGE, 10, 0)
    more = {name: np.repeat(column, 10) for name, column in ROW.items()}
    write(tmp_path, compression, "one.h5", image=image, **more)
    other = threading.Thread(target=write, args=(tmp_path, compression, "two.h5"), kwargs={"image": image, **more})
    other.start()
    other.join()
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    assert (rows_of(tmp_path / "one.h5") == image).all()
    assert blosc().use_threads is None           # numcodecs' own setting, for whoever uses it in this process too


def test_a_flipped_bit_in_a_gzip_chunk_is_noticed_as_it_is_read(tmp_path):
    write(tmp_path, "gzip", "x.h5")
    with h5py.File(tmp_path / "x.h5") as f:
        info = f["image"].id.get_chunk_info(0)
    whole = (tmp_path / "x.h5").read_bytes()
    places = [0, 1, *np.random.default_rng(0).integers(2, info.size - 4, 30).tolist(), *range(info.size - 4, info.size)]
    for place in places:
        damaged = bytearray(whole)
        damaged[info.byte_offset + place] ^= 1 << place % 8
        (tmp_path / "x.h5").write_bytes(damaged)
        with pytest.raises((EOFError, zlib.error)):
            rows_of(tmp_path / "x.h5")


@each("cname", ["zstd", "lz4", "zlib"])
@each("shuffle", [0, 1, 2])
@pytest.mark.parametrize("compression", PACKED[:1])
def test_what_hdf5plugin_writes_is_read(tmp_path, compression, cname, shuffle):
    import hdf5plugin
    with h5py.File(tmp_path / "x.h5", "w") as f:
        f.create_dataset("image", data=IMAGE, chunks=(13, *IMAGE.shape[1:]),
                         **hdf5plugin.Blosc(cname=cname, shuffle=shuffle))
    assert (rows_of(tmp_path / "x.h5") == IMAGE).all()


@pytest.mark.slow
@pytest.mark.parametrize("compression", PACKED[:1])
def test_reading_needs_no_plugin_of_hdf5(made, compression):
    code = f"""
import sys
sys.modules["hdf5plugin"] = None
import numpy as np, h5py
from tenfold.data.shard import finished_shard
from tenfold.data.shardset import open_set
from tenfold.train.batches.reading import Reader
[shard] = open_set({str(made(compression))!r}).shards("train")
out = np.empty(({ROWS}, *{IMAGE.shape[1:]}), np.uint8)
Reader([shard]).read(0, 0, out)
assert not h5py.h5z.filter_avail({BLOSC})
print(out.sum(dtype=int))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (ran.stdout, ran.stderr) == (f"{IMAGE.sum(dtype=int)}\n", "")


HOSTILE = """
import os, resource, struct, sys, tempfile
import numpy as np
from tenfold.data.chunks import BLOSC, Chunks, blosc, read_chunks
rng, size, file = np.random.default_rng(1), 60_000, tempfile.TemporaryFile()
pixels = np.concatenate([np.zeros(20_000, np.uint8), np.repeat(rng.integers(0, 256, 2000, np.uint8), 20)])
out = np.empty((size, 1, 1, 1), np.uint8)
good = [blosc().compress(pixels, codec, 5, bits, 8192) for codec in (b"lz4", b"lz4hc", b"zstd") for bits in (0, 2)]
told = {"read": 0, "refused": 0}

def read(raw):
    os.pwrite(file.fileno(), raw, 1)
    one = Chunks(size, np.array([1]), np.array([len(raw)]), np.array([True]), BLOSC)
    try:
        read_chunks(file.fileno(), one, 0, out)
        told["read"] += 1
    except (EOFError, ValueError, RuntimeError):
        told["refused"] += 1

for raw in good:
    read(raw)
assert told == {"read": 6, "refused": 0}
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 1 << 40
resource.setrlimit(resource.RLIMIT_AS, (used + (16 << 20), -1))
for raw in good:
    for at in (4, 8, 12):                        # sizes: unpacked, of a block, packed
        for lie in (0, 1, 15, 16, size - 1, size + 1, 2**31 - 17, 2**31, 2**32 - 1):
            read(raw[:at] + struct.pack("<I", lie) + raw[at + 4:])
    for end in (0, 1, 15, 16, 17, 20, 100, len(raw) - 1):
        read(raw[:end])
        read(raw[:12] + struct.pack("<I", end) + raw[16:end])
    for _ in range(500):                         # the sizes are true, all else may lie
        bad = np.frombuffer(raw, np.uint8).copy()
        at = rng.integers(0, (16, 60, len(bad))[rng.integers(3)], 3)
        bad[at] = rng.integers(0, 256, 3)
        bad[4:8], bad[12:16] = np.frombuffer(raw, np.uint8)[4:8], np.frombuffer(raw, np.uint8)[12:16]
        read(bad.tobytes())
print(told["refused"] > 1000)
"""


@pytest.mark.parametrize("compression", PACKED[:1])
def test_a_chunk_that_lies_neither_crashes_nor_takes_memory(compression):
    ran = subprocess.run([sys.executable, "-c", HOSTILE], capture_output=True, text=True, cwd=ROOT)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "True\n", "")


def test_chunks_larger_than_the_shard_are_left_to_hdf5(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as f:
        made = f.create_dataset("image", (20, 4, 4, 1), np.uint8, maxshape=(None, 4, 4, 1),
                                chunks=(1 << 10, 4, 4, 1), compression="gzip")
        made[:] = 1
        assert known_chunks(made, 10**6) is None


@pytest.fixture
def no_numcodecs(monkeypatch):
    monkeypatch.setitem(sys.modules, "numcodecs", None)


def test_writing_without_the_package_is_refused_before_any_work(folder, refused, no_numcodecs, tmp_path):
    line = refused(folder(a=6, b=6), "--set", "shards.compression=lz4")
    assert "numcodecs" in line
    assert "pip install numcodecs" in line
    assert not (tmp_path / "shards").exists()


def test_reading_without_the_package_is_refused_in_words(made, tables, no_numcodecs):
    folder = made()
    path = folder / "train-00000.h5"
    with h5py.File(path, "a") as f:
        del f["image"]
        image = f.create_dataset("image", IMAGE.shape, np.uint8, chunks=IMAGE.shape, compression=BLOSC,
                                 compression_opts=(2, 2, 1, IMAGE.nbytes, 5, 0, 1), allow_unknown_filter=True)
        image.id.write_direct_chunk((0, 0, 0, 0), b"packed")
    index(folder, tables, facts_of(path))
    with pytest.raises(MachineFault, match=r"train-00000\.h5: needs the package numcodecs.*pip install numcodecs"):
        open_set(folder).shards("train")


@pytest.mark.parametrize("compression", PACKED)
def test_a_build_goes_on_from_packed_shards(folder, augment, tmp_path, compression):
    images, how = folder(a=8, b=8), ("--set", f"shards.compression={compression}")
    assert augment(images, *how).code == 0
    out = tmp_path / "shards"
    before = (out / "train-00000.h5").stat().st_mtime_ns
    (out / "dataset.json").unlink()
    assert augment(images, *how).code == 0
    assert (out / "train-00000.h5").stat().st_mtime_ns == before
    assert leftovers(out) == []
    shard, *_ = open_set(out).shards("train")
    pixels = np.empty((shard.rows, 20, 28, 1), np.uint8)
    Reader([shard]).read(0, 0, pixels)
    with opened(shard.path) as f:
        assert (f["image"][:] == pixels).all()
