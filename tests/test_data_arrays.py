"""Arrays files: pixels are mapped, not loaded, and nothing in the file is believed unseen."""

import io
import struct
import zipfile

import numpy as np
import pytest

from data.errors import SourceFault
from data.source import open_source

X = np.random.default_rng(0).integers(0, 256, (6, 5, 7, 3), np.uint8)
Y = np.array([0, 1, 0, 1, 1, 0], np.uint16)


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("x", [X, X[..., 0], X[..., :1]], ids=["rgb", "flat", "grey"])
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
    "object x": {"x": np.array([None] * 6)}, "float y": {"y": Y / 1}, "nan y": {"y": Y * np.nan},
    "bool y": {"y": Y > 0}, "text y": {"y": Y.astype(str)}, "object y": {"y": Y.astype(object)},
    "complex y": {"y": Y * 1j}, "short y": {"y": Y[:5]}, "square y": {"y": Y[:, None]}, "no-axis y": {"y": Y[0]},
    "one-hot y": {"y": np.eye(6, dtype=int)}, "negative y": {"y": Y.astype(int) - 1}, "large y": {"y": Y + 1},
    "huge y": {"y": Y.astype(np.uint64) + 2**63}, "twice a name": {"classes": ["a", "a"]},
    "no-axis classes": {"classes": "ab"}, "object classes": {"classes": np.array(["a", None])},
    "unknown split": {"split": ["train", "tset"] * 3}, "short split": {"split": ["train"] * 5},
    "number split": {"split": [0, 1] * 3}, "object split": {"split": np.array([None] * 6)},
    "nothing": {"x": X[:0], "y": Y[:0]}, "huge y without names": {"y": Y.astype(int) + 10**12, "classes": None},
    "one class": {"classes": ["a"], "y": Y * 0},
}


@pytest.mark.parametrize("over", WRONG.values(), ids=WRONG)
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


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("over", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused(tmp_path, over, kind):
    _zip(tmp_path / "a.npz", kind, **{"x": _plain(X), "y": _plain(Y), **over})
    with pytest.raises(SourceFault, match=r"a\.npz"):
        open_source(tmp_path / "a.npz").reader(tmp_path)


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
