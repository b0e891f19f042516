"""Tables that any reader opens, and pictures of any history."""

import csv
import math

import numpy as np
import pytest
from PIL import Image

from train.report import draw_confusion, draw_curves, readable, write_csv, write_metrics

NAN, INF = math.nan, math.inf


def history(**columns):
    every = {"epoch": [1, 2, 3], "train_loss": [1.0, 0.5, 0.2], "train_top1": [0.3, 0.6, 0.9],
             "val_loss": [1.1, 0.7, 0.4], "val_top1": [0.2, 0.7, 0.6]} | columns
    return [dict(zip(every, row, strict=False)) for row in zip(*every.values(), strict=False)]


def size(path):
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        picture.load()
        return picture.size


@pytest.mark.parametrize("rows", [
    history(), history(epoch=[1]), history(val_loss=[NAN] * 3, val_top1=[NAN] * 3), history(val_loss=[INF, NAN, 1.0]),
    history(train_loss=[1e300, 1e-300, 0.0]), history(epoch=range(1, 2000), train_loss=[1.0] * 1999),
], ids=["three epochs", "one epoch", "no val", "infinite", "huge", "many"])
def test_curves_of_any_history(tmp_path, rows):
    draw_curves(tmp_path / "curves.png", rows)
    assert min(size(tmp_path / "curves.png")) > 200
    assert [p.name for p in tmp_path.iterdir()] == ["curves.png"]


@pytest.mark.parametrize("classes", [1, 2, 40, 41])
def test_confusions_of_any_number(tmp_path, classes):
    confusion = np.random.default_rng(0).integers(0, 9, (classes, classes))
    confusion[0] = 0                             # a class without images
    draw_confusion(tmp_path / "c.png", confusion, [f"class {i}" for i in range(classes)])
    assert min(size(tmp_path / "c.png")) > 200


def test_a_table_comes_back_as_it_was(tmp_path):
    rows = [{"path": "a,b\"c\n.png", "true": "é"}, {"path": "\udcff.png", "true": "$\t"}]
    write_csv(tmp_path / "t.csv", rows)
    with open(tmp_path / "t.csv", newline="", encoding="utf-8", errors="surrogateescape") as f:
        assert list(csv.DictReader(f)) == rows
    write_csv(tmp_path / "t.csv", [])
    assert (tmp_path / "t.csv").read_text() in ("", "\n")


def test_metrics_are_numbers_that_parse(tmp_path):
    write_metrics(tmp_path / "m.csv", history(val_loss=[NAN, 1 / 3, 1e-9]))
    with open(tmp_path / "m.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    assert [r["epoch"] for r in rows] == ["1", "2", "3"]
    assert math.isnan(float(rows[0]["val_loss"]))
    assert float(rows[1]["val_loss"]) == pytest.approx(1 / 3, rel=1e-5)


def test_a_name_is_shown_on_one_line():
    assert readable("a\nb\t\udcff\u202e é日") == "a·b··· é日"
