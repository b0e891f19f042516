"""Readers under arbitrary input: a UserFault of one line or a sound result, never another error."""

import io
import json
import struct
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="hypothesis is missing: pip install -e '.[dev]'")
import one_shard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

from tenfold.data.errors import UserFault
from tenfold.data.recipe import Recipe, make_recipe, read_recipe, recipe_tables
from tenfold.data.shard import open_shard
from tenfold.data.shardset import open_set
from tenfold.data.sources.image_paths import ImagePaths
from tenfold.data.sources.opening import open_source
from tenfold.data.splits.group_table import _rows

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
                    max_leaves=12)
NUMBER = st.sampled_from([-1, 0, 1, 2, 3, 28, 255, 2**31, 2**40, 2**62, 2**63, 2**64])
TABLES = json.loads(json.dumps(recipe_tables(make_recipe(
    {"draw": {"canvas": [20, 28], "copies": 3}, "model": {"name": "light"}}))))
KEYS = [(table, key) for table, content in TABLES.items() if isinstance(content, dict) for key in content]


def examples(quick: int, *given_by):
    """Run the test on a few examples, the same ones each time, and on 12 times as many among the slow tests.

    given_by: the strategies of its arguments. The many may also be what stands in the code of all modules of ours,
    which hypothesis takes four seconds to read.
    """
    def decorate(test):
        @pytest.mark.parametrize("many", [quick, pytest.param(12 * quick, marks=pytest.mark.slow)])
        def each(many):
            with pytest.MonkeyPatch.context() as patch:
                if many == quick:
                    patch.setattr(providers, "_get_local_constants", lambda: providers._local_constants, raising=False)
                settings(max_examples=many, deadline=None, derandomize=True, database=None,
                         suppress_health_check=list(HealthCheck))(given(*given_by)(test))()
        each.__name__, each.__doc__ = test.__name__, test.__doc__
        return each
    return decorate


def refused_or(read):
    """The result of `read`; None where it refused in one line."""
    try:
        return read()
    except UserFault:
        return None


@pytest.fixture(scope="module", autouse=True)
def _here():
    global HERE
    with tempfile.TemporaryDirectory() as folder:
        HERE = Path(folder)
        yield


@examples(15, st.sampled_from(KEYS), JSON)
def test_any_value_of_any_key_of_a_recipe(place, value):
    table, key = place
    changed = TABLES | {table: TABLES[table] | {key: value}}
    recipe = refused_or(lambda: make_recipe(changed))
    assert recipe is None or isinstance(recipe, Recipe)
    if recipe:
        assert make_recipe(recipe_tables(recipe)) == recipe


@examples(15, st.binary(max_size=300) | st.text(max_size=300).map(lambda t: t.encode("utf-8", "replace")) |
          st.lists(st.sampled_from(["[draw]", "[", "]", "=", "\n", "canvas", "[1, 2]", '"', "'''", "0x", "nan", "{",
                                    "\0", "model.name", '"light"', "9" * 5000]), max_size=12)
          .map(" ".join).map(str.encode))
def test_any_bytes_as_a_recipe(data):
    for name in ("r.toml", "r.json"):
        (HERE / name).write_bytes(data)
        recipe = refused_or(lambda name=name: read_recipe(HERE / name))
        assert recipe is None or isinstance(recipe, Recipe)


@examples(12, st.sampled_from(["classes", "rows", "canvas", "channels", "mean", "std", "shards", "sources", "digest",
                               "schema", "class_counts", "duplicates", "set_aside", "common", "recipe"]), JSON)
def test_any_value_in_dataset_json(key, value):
    folder = HERE / "set"
    if not folder.exists():
        folder.mkdir()
        one_shard.index(folder, lambda: TABLES, one_shard.write(folder))
        (HERE / "dataset.json").write_bytes((folder / "dataset.json").read_bytes())
    told = json.loads((HERE / "dataset.json").read_text())
    told.pop("checksum", None)
    (folder / "dataset.json").write_text(json.dumps(told | {key: value}))
    shards = refused_or(lambda: open_set(folder))
    if shards:
        assert len(shards.classes) > 0
        refused_or(lambda: shards.shards("train"))


def _npy(descr: str, order: str, shape: str, body: bytes, version: tuple[int, int], length: int | None) -> bytes:
    """An .npy whose header says what it likes."""
    head = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode("latin-1", "replace")
    size = len(head) if length is None else length
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version == (1, 0) else "<I", size) + head + body


HEADER = st.builds(
    _npy, st.sampled_from(["'|u1'", "'<i8'", "'<f4'", "'|O'", "'<U4'", "'<U999999999'", "3", "[('a', '|u1')]", "'x'"]),
    st.sampled_from(["False", "True", "None"]),
    st.lists(NUMBER, max_size=5).map(lambda sides: repr(tuple(sides))) | st.sampled_from(["3", "(1.5,)", "(True, 2)"]),
    st.binary(max_size=100), st.sampled_from([(1, 0), (2, 0), (3, 0), (9, 9)]),
    st.none() | st.integers(0, 60_000))


@examples(20, HEADER, HEADER, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]), st.booleans())
def test_any_headers_in_an_arrays_file(x, y, packed, sound_labels):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", packed) as z:
        z.writestr("x.npy", x)
        z.writestr("y.npy", _npy("'|u1'", "False", "(4,)", b"\0\1\0\1", (1, 0), None) if sound_labels else y)
    (HERE / "a.npz").write_bytes(held.getvalue())
    source = refused_or(lambda: open_source(HERE / "a.npz"))
    if source:
        assert len(source.labels) == len(source)


CELL = st.text(max_size=6) | st.sampled_from(["path", "label", "split", "0", "1", "a.png", "./a.png", "b", "c/d.png",
                                             "train", "x|y"])
TABLE = st.binary(max_size=200) | st.lists(st.lists(CELL, max_size=4).map(",".join), max_size=6).map(
    lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass"))


@examples(12, TABLE)
def test_any_bytes_as_a_table_of_groups(data):
    (HERE / "g.csv").write_bytes(data)
    rows = refused_or(lambda: _rows(HERE / "g.csv", ImagePaths(HERE, ["a.png", "b.png", "c/d.png"]), ""))
    assert rows is None or all(len(row) == 3 for row in rows)


@examples(12, TABLE)
def test_any_bytes_as_a_table_of_labels(data):
    folder = HERE / "labelled"
    (folder / "c").mkdir(parents=True, exist_ok=True)
    for name in ("a.png", "b.png", "c/d.png"):
        (folder / name).touch()
    (folder / "t.csv").write_bytes(data)
    for path, labels in ((folder, ""), (folder, "t.csv"), (folder / "t.csv", "")):
        source = refused_or(lambda path=path, labels=labels: open_source(path, False, labels=labels))
        assert source is None or (len(source) == len(set(source.paths)) == len(source.stamps) == len(source.homes)
                                  and {source.classes[label] for label in source.labels} == set(source.classes))


@examples(12, st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
          st.floats(0, 1))
def test_any_bytes_in_the_headers_of_a_shard(flips, share):
    whole = HERE / "whole.h5"
    if not whole.exists():
        rows = {name: column[:7] for name, column in one_shard.ROW.items()}
        one_shard.write(HERE, name="whole.h5", image=one_shard.IMAGE[:7], **rows)
    data = bytearray(whole.read_bytes())
    ends = len(data) - 7 * one_shard.IMAGE[0].nbytes          # all before the pixels
    for at, value in flips:
        data[int(at * ends)] = value
    (HERE / "x.h5").write_bytes(data[:int(share * len(data))] if share < 0.2 else data)
    shard = refused_or(lambda: open_shard(HERE / "x.h5", 7, one_shard.SHAPE, (2, 5)))
    if shard:
        assert shard.labels.max() < 2
        assert shard.offset + 7 * one_shard.IMAGE[0].nbytes <= len(data)


@examples(12, NUMBER, NUMBER, st.sampled_from([None, "gzip", "lzf"]), st.booleans())
def test_any_size_that_a_shard_declares(rows, chunk, compression, written):
    path = HERE / "y.h5"
    try:
        with h5py.File(path, "w") as f:
            f.attrs["schema"], f.attrs["split"] = 1, "train"
            image = f.create_dataset("image", (rows, 4, 4, 1), np.uint8, compression=compression,
                                     chunks=(chunk, 4, 4, 1) if compression else None)
            if written and compression and chunk < 1000 and rows:
                image[0] = 1
    except (ValueError, TypeError, OverflowError, OSError, RuntimeError):        # HDF5 itself refuses to make it
        return
    assert refused_or(lambda: open_shard(path, rows, (4, 4, 1), (2, 5))) is None
