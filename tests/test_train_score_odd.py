"""The score of sets that are out of the ordinary: few rows, odd names of classes, a network of nothing but nan."""

import itertools
import json
import math

import pytest
import torch
import train_helpers as t
from PIL import Image
from train_helpers import pictures, place  # noqa: F401  (every test stands in a folder of its own)

from tenfold.train.csv_file import as_cell


@pytest.mark.parametrize("compression", ["none", "gzip", "lzf"])
def test_the_worst_are_drawn_from_their_own_rows(tmp_path, capsys, monkeypatch, compression):
    folder = t.written(tmp_path / "set", compression=compression)
    drawn = []
    monkeypatch.setattr("tenfold.train.score.figures.draw_worst", lambda path, classes: drawn.extend(classes))
    ran = t.score(capsys, t.untrained(folder), "--shards", folder)
    assert ran.code == 0, ran.err
    image, label = t.pixels(folder, "test")
    assert drawn
    for name, _, rows in drawn:
        for pixels, true, predicted, _ in rows:
            assert true != predicted
            assert name in (true, predicted)
            assert (pixels == image[label == t.CLASSES.index(true)]).all((1, 2, 3)).any()


def test_class_names_are_matched_in_composed_form(tmp_path, capsys):
    model = t.untrained(t.written(tmp_path / "one", classes=("cafe\u0301", "down", "slanted")))
    same = t.written(tmp_path / "two", classes=("caf\u00e9", "down", "slanted"))
    assert t.score(capsys, model, "--shards", same).code == 0
    other = t.written(tmp_path / "three", classes=("caf\u00e9", "down ", "slanted"))
    assert "'down ' where the model has 'down'" in t.one_line(t.score(capsys, model, "--shards", other))


def test_no_test_rows(tmp_path, capsys):
    folder = t.written(tmp_path / "set", {"test": ()})
    assert "no test rows" in t.one_line(t.score(capsys, t.untrained(folder), "--shards", folder))


def test_one_test_row(tmp_path, capsys):
    folder = t.written(tmp_path / "set", {"test": (1,)})
    ran = t.score(capsys, t.untrained(folder), "--shards", folder, "--json")
    assert ran.code == 0, ran.err
    assert t.last_json(ran.out)["images"] == 1


ODD_CLASSES = {
    "commas and quotes": ('a,b"c', "'", "x;y"), "mathematics": ("$", "$\\frac{1}$", "_^{}"),
    "lines": ("a\nb", "\t", "\r"),
    "no alphabet": ("\udcff\udcfe", "あ", "🙂"), "long": ("a" * 250, "b" * 250, "c"), "space": (" ", "  ", "\u202e")}
TOGETHER = (*itertools.chain(*ODD_CLASSES.values()), "-", "=1+1")
APART = ODD_CLASSES | {"two": ("-", "=1+1"), "many": tuple(f"class {i}" for i in range(300))}


@pytest.mark.parametrize("classes", [
    pytest.param(TOGETHER, id="all of them"),
    *(pytest.param(classes, id=name, marks=pytest.mark.slow) for name, classes in APART.items())])
@pytest.mark.filterwarnings("error")
@pytest.mark.usefixtures("pictures")
def test_classes_of_any_name_and_number(tmp_path, capsys, classes):
    folder = t.written(tmp_path / "set", classes=classes)
    ran = t.score(capsys, t.untrained(folder), "--shards", folder)
    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert json.loads(t.Path("score.json").read_text())["per_class"].keys() == set(classes)
    assert {r["true"] for r in t.csv_rows("predictions.csv")} <= set(map(as_cell, classes))
    with Image.open("confusion.png") as picture:
        picture.load()


def test_a_model_of_nothing_but_nan_is_refused(tmp_path, capsys):
    folder = t.written(tmp_path / "set")
    path = t.untrained(folder)
    content = torch.load(path, weights_only=True)
    torch.save(content | {"weights": {k: v * math.nan for k, v in content["weights"].items()}}, path)
    ran = t.score(capsys, path, "--shards", folder, "--json")
    assert ran.code == 2
    assert "not finite" in ran.err
