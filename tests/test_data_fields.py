"""Files of plain values are checked field by field where they are read: a change is one line, or a proper run."""

import json
import math

import one_shard
import pytest
from cases import each
from mutations import each_change

from tenfold.data.digests import FileDigest
from tenfold.data.errors import UserFault
from tenfold.data.fields import Number, misfit
from tenfold.data.shardset import open_set, read_index
from tenfold.data.source_table import SourceTable
from tenfold.preprocess.findings import print_findings
from tenfold.preprocess.report import FIELDS, print_report, report_facts


@each("value, kind, fact", [
    (3, int, ""), (True, int, "it is True, not a whole number"), ("3", int, "it is '3', not a whole number"),
    (3, range(3), "it is 3, not a whole number from 0 to 2"), (math.nan, float, "it is nan, not a number"),
    (math.nan, Number(nan=True), ""), (-1, Number(0), "it is -1, not a number from 0 on"), (10**308, float, ""),
    (10**309, Number(nan=True), f"it is {10**39}, not a number"), (None, (None, str), ""), ("b", ("a", "b"), ""),
    (3, (None, "a", "b"), "it is 3, not None or 'a' or 'b'"), (["x", 3], [str], "it[1] is 3, not a string"),
    ([1, 2], [int, int], ""), ([1], [int, int], "it is a list, not a list of 2"), ({"a": 1}, {"a": int, "b?": str}, ""),
    ({}, {"a": int}, "it lacks 'a'"), ({"a": {"b": ""}}, {"a": {"b": int}}, "a.b is '', not a whole number"),
    ({"x": {}}, {str: dict}, ""), ({3: {}}, {str: dict}, "a key of it is no string"),
    ("x", {}, "it is 'x', not a table"), ({"a": {"b": 3}}, {"a": (None, {"b": str})}, "a.b is 3, not a string")])
def test_a_misfit_is_told_by_its_place(value, kind, fact):
    assert misfit(value, kind) == fact


def whole_index(folder, tables) -> dict:
    """A dataset.json with all that a build writes but its checksum, which would refuse every change."""
    one_shard.index(folder, tables, one_shard.write(folder))
    none = {"same": [["p", "q"]], "two_labels": [["p", "q"]], "two_splits": [["p", "q"]]}
    index = json.loads((folder / "dataset.json").read_text())
    del index["checksum"]
    return index | {
        "class_counts": {split: [3, 2] for split in ("train", "val", "test")}, "duplicates": none,
        "set_aside": [{"path": "p", "reason": "q"}], "near_duplicates": none, "notes": ["n"], "stamp": "s",
        "recipe": {"source": {}}, "common": {"polarity": "dark", "paper": 3, "ranges": [["unsigned", 0.0, 3.0]]}}


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_every_field_of_dataset_json(tmp_path, tables, monkeypatch, stride):
    index = whole_index(tmp_path, tables)
    monkeypatch.setattr("tenfold.data.verified.hash_file", lambda path, _: _hash(path, index))
    sources = SourceTable.of({"path": list("01234"), "label": [0, 1, 0, 1, 0], "split": ["train"] * 5,
                              "size": [(28, 28)] * 5})
    (tmp_path / "dataset.json").write_text(json.dumps(index))
    open_set(tmp_path).shards("train")
    tried = refused = 0
    for what, other in list(each_change(index))[::stride]:      # of each place, other values
        text = json.dumps(other)
        (tmp_path / "dataset.json").write_text(text)
        tried += 1
        try:
            if tried % 10:                       # the rest opens the shard too
                found = read_index(tmp_path)
            else:
                found = open_set(tmp_path)
                found.shards("train")
                found = found.index
            found = index | found                # what is lacking, `finished_set` makes anew
            print_findings(found, tmp_path)
            print_report(report_facts(found, sources), tmp_path)
        except UserFault as fault:
            refused += len(str(fault).splitlines()) == 1
        except Exception as error:
            pytest.fail(f"{what}: {error!r}")
    assert tried > 700 / stride
    assert refused > tried / 2


def _hash(path, index) -> FileDigest:
    whole = next(file["sha256"] for file in (*index["shards"], index["sources"] | {"name": "sources.h5"})
                 if file["name"] == path.name)
    return FileDigest(whole, whole, None)


def test_every_field_of_report_json(tmp_path, tables):
    index = whole_index(tmp_path, tables)
    sources = SourceTable.of({"path": list("01234"), "label": [0, 1, 0, 1, 0], "split": ["train"] * 5,
                              "size": [(28, 28)] * 5})
    facts = report_facts(index, sources) | {"suspects": [{"path": "p", "why": "q"}]}
    assert not misfit(facts, FIELDS)
    for what, other in each_change(facts):
        if not misfit(other, FIELDS) and list(other["classes"]) == index["classes"]:      # else it is made anew
            try:
                print_report(other, tmp_path)
            except Exception as error:
                pytest.fail(f"{what}: {error!r}")
