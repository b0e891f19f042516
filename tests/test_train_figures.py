"""Tables that any reader opens, and pictures of any history."""

import math

import numpy as np
import pytest
from cases import each
from PIL import Image
from train_helpers import csv_rows

from tenfold.data.figures import new_figure, publish_figure
from tenfold.data.html import figure_html, table
from tenfold.data.wording import readable
from tenfold.train.csv_file import open_table, write_csv, write_metrics
from tenfold.train.run.figures import draw_curves
from tenfold.train.score.figures import draw_confusion, draw_worst
from tenfold.train.sweep.figures import draw_sweep, smoothed

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


@each("rows", [
    history(), history(epoch=[1]), history(val_loss=[NAN] * 3, val_top1=[NAN] * 3), history(val_loss=[INF, NAN, 1.0]),
    history(train_loss=[1e300, 1e-300, 0.0]), history(epoch=range(1, 2000), train_loss=[1.0] * 1999),
], ids=["three epochs", "one epoch", "no val", "infinite", "huge", "many"])
@pytest.mark.slow
def test_curves_of_any_history(tmp_path, rows):
    draw_curves(tmp_path / "curves.png", rows, rows[-1])
    assert min(size(tmp_path / "curves.png")) > 200
    assert [p.name for p in tmp_path.iterdir()] == ["curves.png"]


@pytest.fixture
def figure(monkeypatch):
    """figure() -> the one that would have been published last."""
    kept = []
    for place in ("run", "score", "sweep"):
        monkeypatch.setattr(f"tenfold.train.{place}.figures.publish_figure", lambda path, figure: kept.append(figure))
    return lambda: kept[-1]


def test_the_ring_is_around_the_epoch_that_was_kept(figure):
    rows = history(val_top1=[0.9, 0.7, 0.6])
    draw_curves("", rows, rows[1])                       # as `train.keep = "last"` may choose
    ring = [line for line in figure().axes[1].lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in ring] == [2]
    assert ring[0].get_label() == "best.pth: 70.00%"


def test_a_sweep_is_raw_in_grey_and_smoothed_in_colour_the_best_named_first(figure):
    runs = [(f"run {i}", history(train_top1=[0.1 * i, 0.5, 0.4])) for i in range(3)]
    draw_sweep("", runs, named=2)
    assert len(figure().axes) == 3
    for axis, name in zip(figure().axes, ("train_top1", "train_loss", "val_top1"), strict=True):
        raw = [list(line.get_ydata()) for line in axis.lines if line.get_color() == "0.75"]
        smooth = {line.get_label(): list(line.get_ydata()) for line in axis.lines if line.get_color() != "0.75"}
        values = {label: [row[name] for row in rows] for label, rows in runs}
        assert sorted(raw) == sorted(values.values())
        assert smooth == {label: smoothed(of) for label, of in values.items()}
        assert len({str(line.get_color()) for line in axis.lines}) == 4
    assert [text.get_text() for text in figure().legends[0].get_texts()] == ["run 0", "run 1"]


@each("mistakes", [0, 1, 3, 8])
def test_the_title_of_the_worst_lies_within_the_picture(figure, mistakes):
    picture = np.zeros((9, 7, 3), np.uint8)
    draw_worst("", [("a", 0.5, [(picture, "a", "b", 0.9)] * mistakes)] if mistakes else [])
    made = figure()
    made.canvas.draw()
    title, whole = made._suptitle.get_window_extent(), made.bbox
    assert whole.x0 <= title.x0 < title.x1 <= whole.x1
    assert title.y1 <= whole.y1


@pytest.mark.slow
@each("classes", [1, 2, 40, 41])
def test_confusions_of_any_number(tmp_path, classes):
    confusion = np.random.default_rng(0).integers(0, 9, (classes, classes))
    confusion[0] = 0                             # a class without images
    draw_confusion(tmp_path / "c.png", confusion, [f"class {i}" for i in range(classes)])
    assert min(size(tmp_path / "c.png")) > 200


def test_a_table_comes_back_as_it_was(tmp_path):
    rows = [{"path": "a,b\"c\n.png", "true": "é"}, {"path": "\udcff.png", "true": "$\t"}]
    write_csv(tmp_path / "t.csv", rows)
    assert csv_rows(tmp_path / "t.csv") == rows
    write_csv(tmp_path / "t.csv", [])
    assert (tmp_path / "t.csv").read_text() in ("", "\n")


def test_metrics_are_numbers_that_parse(tmp_path):
    write_metrics(tmp_path / "m.csv", history(val_loss=[NAN, 1 / 3, 1e-9]))
    rows = csv_rows(tmp_path / "m.csv")
    assert [r["epoch"] for r in rows] == ["1", "2", "3"]
    assert math.isnan(float(rows[0]["val_loss"]))
    assert float(rows[1]["val_loss"]) == pytest.approx(1 / 3, rel=1e-5)


FORMULAS = ["=cmd()", "+1+cmd()", "-2-3", "@SUM(A1)", "\t=a", "\r=a", "\n=a", "＝a", "==", "--0.5", "- 5"]
PLAIN = ["-0.5", "=", "-", "\t", "+1e-9", "-inf", "nan", "1", "a=b", "'=a'", " =a", "", "a\x1b[2J\0", "\udcff=", "a;=b"]


def test_no_cell_is_a_formula_and_numbers_stay_numbers(tmp_path):
    """https://owasp.org/www-community/attacks/CSV_Injection"""
    write_csv(tmp_path / "t.csv", [{"text": text, "number": -0.5, "none": None} for text in FORMULAS + PLAIN])
    rows = csv_rows(tmp_path / "t.csv")
    assert [row["text"] for row in rows] == [f"'{text}" for text in FORMULAS] + PLAIN
    assert {(row["number"], row["none"]) for row in rows} == {("-0.5", "")}
    write_csv(tmp_path / "t.csv", [{"=a": "\ud800"}])
    assert (tmp_path / "t.csv").read_text() == "'=a\n\\ud800\n"
    with open_table(tmp_path / "t.csv", ["=a"]) as write:
        write(["=b", -1])
    assert (tmp_path / "t.csv").read_text() == "'=a\n'=b,-1\n"


def test_a_name_is_never_a_formula_in_a_picture(tmp_path):
    """matplotlib would set what stands between two $ as TeX, and end with an error where it is none."""
    name = "$\\frac{$ \ud800\n$x$"
    figure = new_figure(3, 3)
    axis = figure.subplots()
    axis.plot([0, 1], label=name.replace("\ud800", "?"))
    axis.legend()
    axis.set(xticks=[0], xticklabels=[readable(name, 20)], title=readable(name, 20))
    publish_figure(tmp_path / "a.png", figure)
    assert '<b>$' in table(name, [name], [[name]])
    assert figure_html(figure, '"><b').startswith('<img alt="&quot;&gt;&lt;b" src="data:')


def test_smoothing_begins_at_the_first_value_and_follows():
    assert smoothed([3.0] * 4) == pytest.approx([3.0] * 4)
    found = smoothed([0.0, 1.0, 1.0])
    assert 0 == found[0] < found[1] < found[2] < 1
    assert smoothed([1.0, float("nan"), 1.0]) == pytest.approx([1.0, float("nan"), 1.0], nan_ok=True)
