"""tenfold fetch: named sets out of files in torchvision's own layout, tiny ones; no network."""

import pickle
import struct
import urllib.error
import urllib.request

import numpy as np
import pytest
import train_helpers as t
from cases import each
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.fetch import main
from tenfold.data.public import SETS
from tenfold.data.sources.opening import open_source

RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*_, **__):
        raise urllib.error.URLError("Name or service not known")
    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture
def any_md5(monkeypatch):
    """The md5 of the real archives is checked by torchvision; tiny ones have others."""
    from tenfold.data.vision import torchvision
    monkeypatch.setattr(torchvision().datasets.utils, "check_md5", lambda path, md5: True)


def fetched(capsys, name, *more):
    capsys.readouterr()
    return t.Ran(main([name, *more]), *capsys.readouterr())


def pickled(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))


def idx(path, array):
    """The files of MNIST and its like: magic, sizes, bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes())


def test_cifar10(capsys, tmp_path, any_md5):
    folder = tmp_path / "datasets/downloads/cifar-10-batches-py"
    pixels, labels = RNG.integers(0, 256, (12, 3, 32, 32), np.uint8), RNG.integers(0, 10, 12).tolist()
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for i, name in enumerate(names):
        rows = slice(2 * i, 2 * i + 2)
        pickled(folder / name, {"data": pixels[rows].reshape(2, -1), "labels": labels[rows]})
    pickled(folder / "batches.meta", {"label_names": [f"class {i}" for i in range(10)]})
    ran = fetched(capsys, "cifar10", "--json")
    assert ran.code == 0, ran.err
    assert t.last_json(ran.out) == {"path": "datasets/cifar10.npz", "images": 12, "classes": 10}
    with np.load("datasets/cifar10.npz") as z:
        assert (z["x"] == pixels.transpose(0, 2, 3, 1)).all()
        assert z["x"].dtype == np.uint8
        assert z["y"].tolist() == labels
        assert z["y"].dtype == np.int64
        assert z["split"].tolist() == ["train"] * 10 + ["test"] * 2
    source = open_source("datasets/cifar10.npz")
    assert source.classes[3] == "class 3"
    assert (source.arrays.read(7, "") == pixels[7].transpose(1, 2, 0)).all()      # where it lies, without loading
    assert "is there already" in fetched(capsys, "cifar10").out


@each(("name", "kind", "turned"), [
    ("mnist", "MNIST", False), ("fashion-mnist", "FashionMNIST", False), ("kmnist", "KMNIST", False),
    ("emnist-balanced", "EMNIST", True), ("emnist-byclass", "EMNIST", True)])
def test_idx_files(capsys, tmp_path, monkeypatch, name, kind, turned):
    monkeypatch.setattr("tenfold.data.fetch.SLICE", 3)
    raw = tmp_path / "datasets/downloads" / kind / "raw"
    pixels, labels = RNG.integers(0, 256, (11, 28, 28), np.uint8), RNG.integers(0, 10, 11).astype(np.uint8)
    for part, other, rows in (("train", "train", slice(0, 7)), ("test", "t10k", slice(7, 11))):
        prefix = f"emnist-{name[7:]}-{part}" if turned else other
        idx(raw / f"{prefix}-images-idx3-ubyte", pixels[rows].swapaxes(1, 2) if turned else pixels[rows])
        idx(raw / f"{prefix}-labels-idx1-ubyte", labels[rows])
    ran = fetched(capsys, name)
    assert ran.code == 0, ran.err
    with np.load(f"datasets/{name}.npz") as z:
        assert (z["x"][..., 0] == pixels).all()
        assert (z["y"] == labels).all()
        expected = {"mnist": "0", "fashion-mnist": "T-shirt/top", "kmnist": "o"}.get(name, "0")
        assert z["classes"][0] == expected
        if turned:                               # EMNIST's mapping: 0…9, A…Z, then a b d e f g h n q r t, or all
            letters = "".join(z["classes"][36:])
            assert letters == {"balanced": "abdefghnqrt", "byclass": "abcdefghijklmnopqrstuvwxyz"}[name[7:]]
    assert open_source(f"datasets/{name}.npz").official == ["train"] * 7 + ["test"] * 4


def test_svhn(capsys, tmp_path, any_md5):
    from scipy.io import savemat
    pixels = RNG.integers(0, 256, (9, 32, 32, 3), np.uint8)
    (tmp_path / "got").mkdir()
    for name, rows in (("train", slice(0, 5)), ("test", slice(5, 9))):
        savemat(tmp_path / "got" / f"{name}_32x32.mat", {"X": pixels[rows].transpose(1, 2, 3, 0),
                                                         "y": np.arange(10, 1, -1, np.uint8)[rows, None]})
    ran = fetched(capsys, "svhn", "--downloads", "got", "--out", "there/s.npz")
    assert ran.code == 0, ran.err
    with np.load("there/s.npz") as z:
        assert (z["x"] == pixels).all()
        assert z["y"].tolist() == [0, 9, 8, 7, 6, 5, 4, 3, 2]      # the file says 10 for the digit 0
        assert z["classes"].tolist() == list("0123456789")


@each(("name", "words"), [
    ("cifar10", ("cifar-10-python.tar.gz into datasets/downloads (",)), ("cifar100", ("cifar-100-python.tar.gz",)),
    ("mnist", ("t10k-labels-idx1-ubyte.gz into datasets/downloads/MNIST/raw (", "unpacked")),
    ("emnist-balanced", ("gzip.zip into datasets/downloads/EMNIST/raw (",)),
    ("svhn", ("train_32x32.mat, test_32x32.mat into datasets/downloads (",))])
def test_without_a_network_one_line_says_which_file_to_put_where(capsys, tmp_path, name, words):
    line = t.one_line(fetched(capsys, name))
    assert all(w in line for w in (*words, "cannot be downloaded", f"run `tenfold fetch {name}`")), line
    assert not list(tmp_path.rglob("*.npz"))


def test_another_file_of_that_name_is_not_taken(capsys, tmp_path):
    path = tmp_path / "datasets/downloads/FashionMNIST/raw/train-images-idx3-ubyte.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not it")
    assert "the md5 differs of train-images-idx3-ubyte.gz; put" in t.one_line(fetched(capsys, "fashion-mnist"))


def test_what_would_change_nothing_or_cannot_be_written_is_refused(capsys, tmp_path):
    assert "--set: changes nothing here" in t.one_line(fetched(capsys, "mnist", "--set", "train.lr=1"))
    assert f"{tmp_path}: is a folder; name the file" in t.one_line(fetched(capsys, "mnist", "--out", str(tmp_path)))


def test_a_damaged_file_is_a_fault_in_one_line(capsys, tmp_path):
    raw = tmp_path / "datasets/downloads/KMNIST/raw"
    for part in ("train", "t10k"):
        idx(raw / f"{part}-images-idx3-ubyte", np.zeros((5, 28, 28), np.uint8))
        idx(raw / f"{part}-labels-idx1-ubyte", np.zeros(5, np.uint8))
    whole = (raw / "train-images-idx3-ubyte").read_bytes()
    (raw / "train-images-idx3-ubyte").write_bytes(whole[:-100])
    assert "kmnist: cannot be" in t.one_line(fetched(capsys, "kmnist"))
    assert not list(tmp_path.rglob("*.npz"))


def test_a_recipe_that_names_a_set_which_is_not_there_says_how_to_have_it(capsys, refused):
    line = refused("datasets/cifar10.npz")
    assert "run `tenfold fetch cifar10`" in line
    assert "give a folder" in refused("datasets/other.npz")
    with pytest.raises(SystemExit) as end:
        main(["cifar"])
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert set(SETS) == {"sample", "cifar10", "cifar100", "emnist-balanced", "emnist-byclass", "fashion-mnist", "svhn",
                         "mnist", "kmnist"}
