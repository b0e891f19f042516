"""Arrays files: pixels are mapped, not loaded, and nothing in the file is believed unseen."""

import io
import struct
import zipfile

import numpy as np
import pytest
from cases import each

from tenfold.data.errors import MachineFault, SourceFault
from tenfold.data.recipe import make_recipe
from tenfold.data.sources import arrays
from tenfold.data.sources.array_labels import _CLASSES, bytes_of_rows
from tenfold.data.sources.npz import Npz
from tenfold.data.sources.opening import open_source
from tenfold.preprocess.job import check_job

X = np.random.default_rng(0).integers(0, 256, (6, 5, 7, 3), np.uint8)
Y = np.array([0, 1, 0, 1, 1, 0], np.uint16)


@each("write", [np.savez, np.savez_compressed])
@each("x", [X, X[..., 0], X[..., :1]], ids=["rgb", "flat", "grey"])
def test_stored_and_compressed_give_the_same_rows(tmp_path, write, x):
    write(tmp_path / "a.npz", y=Y, x=x, classes=["no", "yes"], split=["train", "test"] * 3)
    source = open_source(tmp_path / "a.npz")
    reader = source.reader(tmp_path)
    for row in (5, 0, 3):
        assert (reader.read(row, source.paths[row]) == x[row].reshape(5, 7, -1)).all()
    assert source.classes == ("no", "yes")
    assert source.official == ["train", "test"] * 3
    assert source.paths[5] == "x[5]"
    assert (write is np.savez) == (reader.file == tmp_path / "a.npz")      # stored pixels are mapped where they lie


@each("write", [np.savez, np.savez_compressed])
def test_a_flipped_bit_in_the_pixels_is_found_before_they_are_used(tmp_path, write):
    write(tmp_path / "a.npz", x=np.tile(X, (50, 1, 1, 1)), y=np.tile(Y, 50))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(SourceFault, match=r"a\.npz: .*damaged"):
        open_source(tmp_path / "a.npz").reader(tmp_path)


def test_a_flipped_bit_in_a_members_name_does_not_make_it_another(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y, classes=["no", "yes"])
    data = (tmp_path / "a.npz").read_bytes()
    at = data.rfind(b"classes.npy")              # in the directory at the end
    for name in (b"classe3.npy", b"classes.npx"):
        (tmp_path / "a.npz").write_bytes(data[:at] + name + data[at + len(name):])
        with pytest.raises(SourceFault, match="differ"):
            open_source(tmp_path / "a.npz")


def test_many_equal_names_are_refused_at_once(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y, classes=np.full(10_001, "a"))
    with pytest.raises(SourceFault, match="'a' twice"):
        open_source(tmp_path / "a.npz")


def test_names_may_be_bytes_or_left_out(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y, classes=np.array([b"no", b"yes"]), split=np.array([b"train", b"val"] * 3))
    source = open_source(tmp_path / "a.npz")
    assert source.classes == ("no", "yes")
    assert set(source.official) == {"train", "val"}
    np.savez(tmp_path / "b.npz", x=X, y=Y)
    source = open_source(tmp_path / "b.npz")
    assert source.classes == ("0", "1")
    assert source.official == [None] * 6


WRONG = {
    "no x": {"x": None}, "no y": {"y": None}, "float x": {"x": X / 255}, "int16 x": {"x": X.astype(np.int16)},
    "five axes": {"x": X[None]}, "two channels": {"x": X[..., :2]}, "flat x": {"x": X.ravel()},
    "no height": {"x": X[:, :0]}, "no width": {"x": X[:, :, :0]}, "fortran x": {"x": np.asfortranarray(X)},
    "object x": {"x": np.array([None] * 6)}, "half y": {"y": Y / 2}, "nan y": {"y": Y * np.nan},
    "bool y": {"y": Y > 0}, "text y": {"y": Y.astype(str)}, "object y": {"y": Y.astype(object)},
    "complex y": {"y": Y * 1j}, "short y": {"y": Y[:5]}, "cubic y": {"y": Y[:, None, None]}, "no-axis y": {"y": Y[0]},
    "one-hot y": {"y": np.eye(6, dtype=int)}, "negative y": {"y": Y.astype(int) - 1}, "large y": {"y": Y + 2},
    "two ones y": {"y": np.ones((6, 2), int)}, "y from 0 beyond the names": {"y": Y * 2},
    "huge y": {"y": Y.astype(np.uint64) + 2**63}, "twice a name": {"classes": ["a", "a"]},
    "no-axis classes": {"classes": "ab"}, "object classes": {"classes": np.array(["a", None])},
    "unknown split": {"split": ["train", "tset"] * 3}, "short split": {"split": ["train"] * 5},
    "number split": {"split": [0, 1] * 3}, "object split": {"split": np.array([None] * 6)},
    "nothing": {"x": X[:0], "y": Y[:0]}, "huge y without names": {"y": Y.astype(int) + 10**12, "classes": None},
    "one class": {"classes": ["a"], "y": Y * 0},
}


@each("over", WRONG.values(), ids=WRONG)
def test_what_is_no_arrays_file_is_refused(tmp_path, over):
    arrays = {"x": X, "y": Y, "classes": ["a", "b"], **over}
    with open(tmp_path / "a.npz", "wb") as f:
        np.savez(f, **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(SourceFault, match=r"a\.npz"):
        open_source(tmp_path / "a.npz")


def _npy(descr: str, shape: str, data: bytes) -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def _zip(path, kind=zipfile.ZIP_STORED, **members) -> None:
    with zipfile.ZipFile(path, "w", kind) as z:
        for name, data in members.items():
            z.writestr(f"{name}.npy", data)


def _plain(array) -> bytes:
    held = io.BytesIO()
    np.save(held, array)
    return held.getvalue()


HOSTILE = {
    "x longer than its bytes": {"x": _npy("|u1", "(6, 1000, 1000)", b"abc")},
    "x without end": {"x": _npy("|u1", "(6, 1000000000, 1000000000)", b"abc")},
    "negative sides": {"x": _npy("|u1", "(6, -5, -7)", bytes(210))},
    "negative rows": {"x": _npy("|u1", "(-6, 5, 7)", bytes(210))},
    "y without end": {"y": _npy("<i8", "(1000000000000000,)", b"abc")},
    "not a header": {"x": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 50},
    "deep header": {"x": _npy("|u1", "(" * 5000, b"")},
    "no magic": {"x": b"hello"}, "nothing": {"x": b""}, "pickle": {"y": _npy("|O", "(6,)", b"cos\nsystem\n")},
    "unknown version": {"x": b"\x93NUMPY\x09\x00" + bytes(90)},
}


@each("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@each("over", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused(tmp_path, over, kind):
    _zip(tmp_path / "a.npz", kind, **{"x": _plain(X), "y": _plain(Y), **over})
    with pytest.raises(SourceFault, match=r"a\.npz"):
        open_source(tmp_path / "a.npz").reader(tmp_path)


def test_a_bomb_is_refused_by_its_declared_size(tmp_path, monkeypatch):
    """Before a byte of it is unpacked: what fits into no memory, and what memory is too small for."""
    bombs = {"classes": _npy("<U1", "(40000000,)", b""), "groups": _npy("<U300000", "(6,)", b""),
             "split": _npy("<U300000", "(6,)", b"")}
    monkeypatch.setattr(np, "load", None)        # it is not asked
    for key, bomb in bombs.items():
        _zip(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, **{"x": _plain(X), key: bomb})
        with pytest.raises(SourceFault, match=rf"a\.npz: {key} is declared with .* are the most"):
            Npz(tmp_path / "a.npz").read(key, {"classes": _CLASSES}.get(key, bytes_of_rows(6)))
    monkeypatch.undo()
    np.savez(tmp_path / "b.npz", x=X, y=Y)
    monkeypatch.setattr(arrays, "LISTED", 1 << 60)
    with pytest.raises(MachineFault, match=r"b\.npz: needs about .* to list its 6 images"):
        open_source(tmp_path / "b.npz")


def test_what_follows_the_pixels_is_not_unpacked(tmp_path):
    _zip(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, x=_plain(X) + bytes(2_000_000), y=_plain(Y))
    reader = open_source(tmp_path / "a.npz").reader(tmp_path)
    assert (reader.read(5, "") == X.reshape(6, *reader.shape_of_each)[5]).all()
    assert sum(path.stat().st_size for path in tmp_path.glob("x.*")) == X.size


def test_arrays_obey_the_recipes_bound_of_pixels(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    with pytest.raises(SourceFault, match=r"a\.npz: its images have \d+ pixels each, more than source.max_pixels = 9"):
        check_job(make_recipe(tables(9)), open_source(tmp_path / "a.npz"), tmp_path / "out")
    check_job(make_recipe(tables(X[0].size)), open_source(tmp_path / "a.npz"), tmp_path / "out")


def tables(max_pixels: int) -> dict:
    return {"source": {"max_pixels": max_pixels}, "model": {"name": "convnet"}, "draw": {"canvas": [8, 8], "copies": 1},
            "clean": {"channels": 1}, "train": {}}


@each("key", ["../x", "/x", "a/../../x", "x" * 300])
def test_an_array_is_unpacked_nowhere_but_in_scratch(tmp_path, key):
    scratch = tmp_path / "below" / "scratch"
    scratch.mkdir(parents=True)
    _zip(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, **{key: _plain(X), "y": _plain(Y)})
    with pytest.raises(SourceFault, match="names no array of images"):
        open_source(tmp_path / "a.npz").reader(scratch)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.npz", "below", "scratch"]


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_damage_is_refused_or_read_never_a_crash(tmp_path, write):
    write(tmp_path / "a.npz", x=X, y=Y)
    whole = (tmp_path / "a.npz").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for n in range(150):
        if n % 3 == 0:
            damaged = whole[:int(rng.integers(len(whole)))]
        else:
            damaged = bytearray(whole)
            for at in rng.integers(0, len(whole), 4):
                damaged[at] = int(rng.integers(256))
        (tmp_path / "b.npz").write_bytes(damaged)
        try:
            source = open_source(tmp_path / "b.npz")
            source.reader(tmp_path).read(len(source) - 1, "")
        except SourceFault:
            refused += 1
    assert refused > 50


def test_another_file_is_called_what_it_is(tmp_path):
    np.save(tmp_path / "a.npy", X)
    _zip(tmp_path / "a.zip", x=b"x")
    for name, data in (("a.png", b"\x89PNG\r\n\x1a\n" + bytes(9)), ("a.h5", b"\x89HDF\r\n\x1a\n"),
                       ("a.csv", b"path,label\n"), ("a", b"words"), ("a.tar.gz", b"\x1f\x8b\x08")):
        (tmp_path / name).write_bytes(data)
    for name, words in (("a.npy", "one NumPy array.*numpy.savez"), ("a.zip", "ZIP archive.*unpack it"),
                        ("a.png", "one picture.*sub-folder per class"), ("a.h5", "HDF5.*numpy.savez"),
                        ("a.csv", "names no image.*a line for each image"), ("a", "is text, neither"),
                        ("a.tar.gz", "unpack it")):
        with pytest.raises(SourceFault, match=words):
            open_source(tmp_path / name)
