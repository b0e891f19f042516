"""Pages, folders and recipes for the tests: small, seeded, not square, never downloaded."""

import contextlib
import functools
import gc
import io
import itertools
import os
import shutil
import signal
from collections import namedtuple
from importlib.util import find_spec
from pathlib import Path

import cv2
import h5py
import numpy as np
import one_shard
import pytest
from label_helpers import NAMES
from PIL import Image

from tenfold.preprocess.cost import Sample

# test processes side by side would fight over the cores; children inherit it, and torch, which reads it, comes later
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# dozens of commands are started: each finds the project compiled by the one before
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# the tests write, sync and remove thousands of small files: in memory where there is room for them
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 * 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
# what collection imports and rewrites stays to the end: looking through it for garbage took half of the time of both
gc.disable()
# a shell starts what it puts into the background with interrupts ignored, and tests send them
signal.signal(signal.SIGINT, signal.default_int_handler)
Ran = namedtuple("Ran", "code out err")
PACKED = [pytest.param(kind, marks=pytest.mark.skipif(
    not (find_spec("numcodecs") and find_spec("hdf5plugin")),
    reason="numcodecs or hdf5plugin is missing: pip install -e '.[dev]'")) for kind in ("lz4",)]


def pytest_collection_finish():
    """Look for garbage from here on, and only in what the tests make."""
    gc.freeze()
    gc.enable()


def page(seed: int, height: int = 37, width: int = 53, channels: int = 3) -> np.ndarray:
    """Dark pen strokes on light, grainy paper, away from the edges: uint8 (height, width, channels)."""
    rng = np.random.default_rng([7, seed])
    image = rng.integers(225, 246, (height, width), np.uint8)
    points = np.stack([rng.integers(side // 5, side - side // 5, 4) for side in (width, height)], axis=1)
    cv2.polylines(image, [points.astype(np.int32)], False, int(rng.integers(10, 60)), 2)
    return np.repeat(image[:, :, None], channels, axis=2)


def save(path, image, **how) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(path, **how)


@functools.cache
def encoded_page(seed: int, height: int, width: int) -> bytes:
    """A page as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(page(seed, height, width)).save(file, "PNG")
    return file.getvalue()


def opened(path):
    """A shard as its users open it: by h5py, and hdf5plugin where HDF5 does not know the filter."""
    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401
    return h5py.File(path, "r")


@pytest.fixture
def folder(tmp_path):
    """Makes a folder of class folders: folder(a=8, b=5) -> its path. No two pages are alike."""
    def make(name="images", **counts):
        for c, (label, count) in enumerate(counts.items()):
            (tmp_path / name / label).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                image = encoded_page(1000 * c + i, 37 + i % 5, 53 - i % 7)
                (tmp_path / name / label / f"{i:03d}.png").write_bytes(image)
        return tmp_path / name
    return make


PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def tree(tmp_path):
    """Makes files below a folder: tree("train/cat*3", "test/cat*2", "notes.txt") -> its path. "train/cat*3" is three
    pictures in train/cat, a name that ends in "/" is an empty folder, any other is a file of text."""
    numbers = itertools.count()

    def make(*names, root="images"):
        above = tmp_path / f"tree{next(numbers)}"
        for name in names:
            path, _, count = name.partition("*")
            (above / root / path).parent.mkdir(parents=True, exist_ok=True)
            if count or name.endswith("/"):
                (above / root / path).mkdir(exist_ok=True)
                for i in range(int(count or 0)):
                    (above / root / path / f"{i}.png").write_bytes(PNG)
            else:
                (above / root / path).write_bytes(b"some words\n")
        return above / root
    return make


@pytest.fixture
def flat(tmp_path):
    """Makes a folder: flat("train/{}.jpg", **{"labels.csv": text}) -> its path. "{}" stands for each of NAMES."""
    numbers = itertools.count()

    def make(*images, **tables):
        root = tmp_path / str(next(numbers)) / "my images"
        files = {name.format(i): PNG for name in images for i in NAMES}
        for name, content in {**files, **tables}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return root
    return make


@pytest.fixture
def tables():
    """Makes the tables of a small recipe, `table={"key": value}` laid over them."""
    def make(**over):
        base = {"name": "tiny", "seed": 3, "split": {"val": 0.2, "test": 0.2},
                "clean": {"polarity": "dark", "threshold": 0.9, "roi": True, "specks": 0.5},
                "draw": {"canvas": [20, 28], "copies": 3, "rotation": 180, "scale": [0.5, 0.95],
                         "contrast": [0.6, 1.0]},
                "model": {"name": "light"}}
        for key, value in over.items():
            base[key] = {**base.get(key, {}), **value} if isinstance(value, dict) else value
        return base
    return make


def toml(tables: dict) -> str:
    """Plain tables as TOML text; JSON's words for values are TOML's too."""
    import json
    top = [f"{k} = {json.dumps(v)}" for k, v in tables.items() if not isinstance(v, dict)]
    for name, table in tables.items():
        if isinstance(table, dict):
            top += [f"[{name}]"] + [f"{k} = {json.dumps(v)}" for k, v in table.items()]
    return "\n".join(top) + "\n"


@pytest.fixture
def recipe_file(tmp_path, tables):
    """Makes tiny.toml and returns its path."""
    def make(**over):
        path = tmp_path / "tiny.toml"
        path.write_text(toml(tables(**over)), encoding="utf-8")
        return path
    return make


@pytest.fixture(scope="module", autouse=True)
def _small_sample(request):
    """What a build costs is measured where that is the subject only: a sample takes as long as a small build itself."""
    with pytest.MonkeyPatch.context() as patch:
        if request.module.__name__ not in ("test_preprocess_cost", "test_pipeline"):
            patch.setattr("tenfold.preprocess.cost._measure", lambda *what: Sample(1000.0, 1e-3, 600.0, 1e-3))
        yield


@pytest.fixture
def augment(capsys, recipe_file, tmp_path, monkeypatch):
    """Runs `tenfold augment` in this process: augment(data, "--set", …, out=…) -> Ran. The report's
    picture, which takes longer than a small build, is drawn in its own tests only."""
    from tenfold.preprocess.command import main
    monkeypatch.setattr("tenfold.preprocess.report.draw_classes", lambda index, facts, sources, path: path.touch())

    def call(data, *more, out=None, recipe=None, workers=1):
        out = out or tmp_path / "shards"
        capsys.readouterr()
        code = main(["--recipe", str(recipe or recipe_file()), "--data", str(data), "--out", str(out),
                     "--workers", str(workers), *map(str, more)])
        return Ran(code, *capsys.readouterr())
    return call


@pytest.fixture
def refused(augment):
    """Like `augment`, and holds what is true of every fault of the user's: exit code 2, one line,
    no traceback, nothing half-written. Returns the line."""
    def call(data, *more, out=None, **how):
        ran = augment(data, *more, out=out, **how)
        assert ran.code == 2, ran
        assert len(ran.err.strip().splitlines()) == 1, ran.err
        assert "Traceback" not in ran.err
        return ran.err
    return call


def leftovers(folder) -> list[str]:
    """Half-written files anywhere below."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob(".part-*"))


def sources_of(folder) -> list[dict]:
    """All that a finished set says of each source image."""
    from tenfold.data.source_table import read_source_table
    table = read_source_table(folder)
    return [table.row(row) for row in range(len(table))]


def contents(folder) -> dict[str, bytes]:
    """The bytes of every shard, and of sources.h5."""
    return {p.name: p.read_bytes() for p in sorted(folder.glob("[!.]*.h5"))}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """A finished set of stripes, for the tests of a module to read."""
    from striped_sets import written
    return written(tmp_path_factory.mktemp("stripes") / "set")


@pytest.fixture
def kept_handler():
    """Puts back what SIGTERM does, which a command in this process changes."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def made(tmp_path, tables):
    """Makes a finished set of one shard: made("lzf") -> its folder."""
    def make(compression="none", **over):
        one_shard.index(tmp_path, tables, one_shard.write(tmp_path, compression, **over))
        return tmp_path
    return make
