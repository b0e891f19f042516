"""sources.h5: what was written comes back, a column at a time; what is damaged or hostile is refused in one line."""

import io
import json
import resource
import tracemalloc

import h5py
import numpy as np
import pytest

from tenfold.data.digests import hash_file
from tenfold.data.errors import MachineFault, ShardFault
from tenfold.data.schema import PATH_BYTES, SOURCE_COLUMNS
from tenfold.data.shardset import open_set, write_index
from tenfold.data.source_columns import write_source_table
from tenfold.data.source_table import SourceTable, read_source_table

ODD = ["a/0.png", "", "日本/ü,\"n\n.png", b"a/\xff\xfe.png".decode("utf-8", "surrogateescape"), "x[12]"]
COLUMNS = {"path": ODD, "label": [0, 1, 1, 0, 2], "split": ["train", "val", "test", "", "train"],
           "digest": [f"{i:024x}" for i in range(4)] + [""], "size": [(i + 1, 2 * i + 3) for i in range(5)],
           "fingerprint": ["f" * 32] * 5, "spread": [0.25, 31.27, 1.0, 2.0, 3.0], "pen": [0, 2.5, 0, 0, 1.5],
           "lost_components": [0, 3, 0, 0, 0], "lost_share": [0, 0.0123, 0, 0, 0], "edges": [0, 4, 0, 0, 1],
           "ink_share": [0, 0.5, 0, 0, 0.25], "dark_ink": [0, -7.5, 0, 0, 0]}


def test_what_is_written_comes_back(tmp_path):
    facts = write_source_table(tmp_path, COLUMNS)
    data = (tmp_path / "sources.h5").read_bytes()
    assert (facts["rows"], facts["bytes"], facts["sha256"]) == (5, len(data), hash_file(tmp_path / "sources.h5").whole)
    for table in (read_source_table(tmp_path), SourceTable.of(COLUMNS)):
        assert len(table) == 5
        assert table.paths() == ODD
        assert table.paths(np.array([3, 0])) == [ODD[3], ODD[0]]
        assert table.split_names() == COLUMNS["split"]
        assert table.in_split("train").tolist() == [True, False, False, False, True]
        assert table.row(1) == {
            "path": "", "label": 1, "split": "val", "digest": f"{1:024x}", "size": [2, 5], "fingerprint": "f" * 32,
            "spread": 31.27, "ink": {"pen": 2.5, "lost_components": 3, "lost_share": 0.0123, "edges": 4, "share": 0.5,
                                     "dark_ink": -7.5}}
        assert table.row(4)["digest"] == ""
        assert "ink" not in table.row(0)
    write_source_table(tmp_path, COLUMNS)
    assert (tmp_path / "sources.h5").read_bytes() == data
    # columns that are not known, and a set of no source
    write_source_table(tmp_path, {"path": ["x"]})
    assert read_source_table(tmp_path).row(0) == {"path": "x", "label": 0, "split": "", "digest": "", "size": [0, 0],
                                                  "fingerprint": "", "spread": 0.0}
    write_source_table(tmp_path, {"path": [], "digest": []})
    assert read_source_table(tmp_path).paths() == []


def test_it_is_written_a_column_at_a_time_and_a_full_disk_leaves_nothing(tmp_path):
    columns = {"path": ["x"] * 20_000, "digest": np.ones((20_000, 12), np.uint8)}
    tracemalloc.start()
    facts = write_source_table(tmp_path, columns)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert facts["bytes"] > 100 * 20_000
    assert peak < 60 * 20_000
    (tmp_path / "sources.h5").unlink()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for most in (0, 1, 100, 3000, 300_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
        try:
            with pytest.raises(MachineFault, match=r"sources\.h5"):
                write_source_table(tmp_path, columns)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert not list(tmp_path.iterdir())


def test_columns_are_read_when_they_are_asked_for(tmp_path, monkeypatch):
    write_source_table(tmp_path, COLUMNS)
    table, read, fromfile = read_source_table(tmp_path), [], np.fromfile
    monkeypatch.setattr(np, "fromfile", lambda *a, **k: read.append(k["offset"]) or fromfile(*a, **k))
    assert table.column("label").tolist() == table.column("label").tolist() == COLUMNS["label"]
    assert len(read) == 1
    data = (tmp_path / "sources.h5").read_bytes()
    (tmp_path / "sources.h5").write_bytes(data[:3000])       # cut short since it was opened
    with pytest.raises(ShardFault, match=r"sources\.h5"):
        table.paths()


def test_any_h5py_user_can_read_it(tmp_path):
    write_source_table(tmp_path, COLUMNS)
    with h5py.File(tmp_path / "sources.h5") as f:
        assert set(f) == {*SOURCE_COLUMNS, PATH_BYTES}
        ends = f["path_end"][:]
        assert bytes(f[PATH_BYTES][ends[2]:ends[3]]) == b"a/\xff\xfe.png"


def _replaced(name, **how):
    def harm(f, elsewhere):
        del f[name]
        f.create_dataset(name, **how)
    return harm


def _link(kind):
    def harm(f, elsewhere):
        del f["label"]
        f["label"] = h5py.SoftLink("/edges") if kind == "soft" else h5py.ExternalLink(elsewhere, "/label")
    return harm


def _virtual(f, elsewhere):
    layout = h5py.VirtualLayout((5,), "<i8")
    layout[:] = h5py.VirtualSource(elsewhere, "label", (5,))
    del f["label"]
    f.create_virtual_dataset("label", layout)


def _changed(name, row, value):
    def harm(f, elsewhere):
        f[name][row] = value
    return harm


HARMS = {
    "schema": lambda f, elsewhere: f.attrs.__setitem__("schema", 9),
    "no schema": lambda f, elsewhere: f.attrs.__delitem__("schema"),
    "missing": lambda f, elsewhere: f.__delitem__("spread"),
    "group": lambda f, elsewhere: (f.__delitem__("edges"), f.create_group("edges")),
    "soft link": _link("soft"), "external link": _link("external"), "virtual": _virtual,
    "external": _replaced("label", shape=(5,), dtype="<i8", external=[("/etc/passwd", 0, 40)]),
    "kind": _replaced("label", data=np.zeros(5, "<f8")), "strings": _replaced("label", data=np.array([b"x"] * 5)),
    "scalar": _replaced("label", data=np.int64(0)), "null": _replaced("label", data=h5py.Empty("<i8")),
    "shape": _replaced("size", data=np.zeros((5, 3), "<i4")), "short": _replaced("spread", data=np.zeros(4)),
    "compressed": _replaced("spread", data=np.zeros(5), chunks=(5,), compression="gzip"),
    "enormous": _replaced(PATH_BYTES, shape=(1 << 50,), dtype="|u1"),      # declared, never written
    "enormous chunks": _replaced(PATH_BYTES, shape=(1 << 50,), dtype="|u1", chunks=(1 << 20,)),
    "ends fall": _changed("path_end", 1, 99), "ends below": _changed("path_end", 0, -1),
    "ends beyond": _changed("path_end", 4, 1 << 40), "label": _changed("label", 0, -1),
    "split": _changed("split", 0, 7),
}


def all_columns(table) -> list:
    return [table.column(name) for name in (*SOURCE_COLUMNS, PATH_BYTES)]


def test_a_damaged_or_hostile_table_is_refused_in_one_line(made, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write_source_table(elsewhere, COLUMNS)
    folder = made()
    write_source_table(folder, COLUMNS)
    whole, told = (folder / "sources.h5").read_bytes(), json.loads((folder / "dataset.json").read_text())

    def refused(data):
        (folder / "sources.h5").write_bytes(data)
        told["sources"] = {"rows": 5, "bytes": len(data), "sha256": hash_file(folder / "sources.h5").whole}
        write_index(folder, told)
        with pytest.raises(ShardFault, match=r"sources\.h5: .*run `.*` again") as fault:
            all_columns(open_set(folder).sources)
        assert len(str(fault.value).splitlines()) == 1
    for harm in HARMS.values():
        held = io.BytesIO(whole)
        with h5py.File(held, "r+") as f:
            harm(f, str(elsewhere / "sources.h5"))
        refused(held.getvalue())
    for data in (b"", b"x" * 5000, whole[:100], whole[:len(whole) // 2], whole[:-1]):
        refused(data)


def test_a_table_that_is_not_the_one_written_is_refused(made):
    folder = made()
    found, other = open_set(folder), {"path": list("abcde")}
    assert len(found.sources) == 5
    for harm, words in (
            (lambda: (folder / "sources.h5").unlink(), "is missing"),
            (lambda: write_source_table(folder, {"path": list("abc")}), "were written"),
            (lambda: write_source_table(folder, other), "hash differs")):
        harm()
        with pytest.raises(ShardFault, match=words):
            open_set(folder)
    (folder / "sources.h5").unlink()
    with pytest.raises(ShardFault, match=r"sources\.h5: is missing; run `.*` again"):      # and not damaged
        found.sources.column("label")
    told = json.loads((folder / "dataset.json").read_text())
    for odd in ({}, [], 5, {"rows": 5}, {**told["sources"], "rows": 6}, {**told["sources"], "name": "/etc/passwd"}):
        write_index(folder, told | {"sources": odd})
        with pytest.raises(ShardFault):
            open_set(folder)


def test_a_set_of_the_older_schema_is_refused_with_the_cure(made):
    folder = made()
    told = json.loads((folder / "dataset.json").read_text())
    write_index(folder, told | {"schema": 1, "sources": [{"path": "x"}]})
    with pytest.raises(ShardFault, match=r"has schema 1, this code reads 2; run `.*` again"):
        open_set(folder)
