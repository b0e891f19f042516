"""What a build takes is printed before it begins, and it is refused where the disk cannot hold it."""

import re
import shutil
from collections import namedtuple

import pytest
from cases import each
from conftest import PACKED

from tenfold.data.recipe import make_recipe
from tenfold.data.sources.opening import open_source
from tenfold.preprocess import cost as cost_module
from tenfold.preprocess.cost import Cost, count_rows, estimate_cost, print_cost
from tenfold.preprocess.survey.cleaning import clean_block

COSTS = re.compile(r"to make: about (\d+) rows, (\d+) kB of shards \(and (\d+) kB of cleaned images until they "
                   r"are done\) in about \d+ s\n")


def free(monkeypatch, amount: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "total used free")(0, 0, amount))


def test_the_line_comes_before_the_build_and_is_about_right(folder, augment, tmp_path):
    ran = augment(folder(a=8, b=8), "--set", "draw.copies=20", "--set", "draw.canvas=[60,80]")
    [(rows, shards, _)] = COSTS.findall(ran.out)
    assert int(rows) == 8 * 20 + 8               # two of each class for val, two for test
    made = sum(p.stat().st_size for p in (tmp_path / "shards").glob("*.h5"))
    assert int(shards) == pytest.approx(made / 1e3, rel=0.05)
    assert not COSTS.search(augment(tmp_path / "images", "--set", "draw.copies=20", "--set", "draw.canvas=[60,80]").out)


@pytest.mark.parametrize("compression", ["none", "gzip", *PACKED])
def test_a_set_that_does_not_fit_is_refused_before_it_is_begun(folder, refused, tmp_path, monkeypatch, compression):
    free(monkeypatch, 10_000)
    line = refused(folder(a=8, b=8), "--set", f"shards.compression={compression}", "--set", "draw.copies=400")
    assert re.search(r"no space left on the disk: [\d.]+ [kM]B needed, 10 kB free; free some space, lower draw", line)
    assert not list((tmp_path / "shards").glob("*.h5"))
    assert {p.name for p in (tmp_path / "shards" / ".clean").iterdir()} == {"sample.json"}


def test_what_is_compressed_needs_less(folder, tables, tmp_path):
    source, need = open_source(folder(a=4, b=4)), {}
    for kind in ("none", "gzip"):
        recipe = make_recipe(tables(shards={"compression": kind}, draw={"canvas": [80, 80], "copies": 50}))
        (tmp_path / kind).mkdir()
        need[kind] = estimate_cost(recipe, source, tmp_path / kind)
    assert need["gzip"].bytes < need["none"].bytes / 2
    assert need["none"].rows == need["gzip"].rows
    assert min(cost.cache_bytes for cost in need.values()) > 8 * 37 * 20
    assert not list(tmp_path.glob("*/sample-*"))


def test_what_was_done_before_takes_no_time_again(folder, tables, tmp_path, monkeypatch):
    source, recipe = open_source(folder(a=4, b=4)), make_recipe(tables(draw={"copies": 50}))
    (tmp_path / "out" / ".clean").mkdir(parents=True)
    begun = estimate_cost(recipe, source, tmp_path / "out" / ".clean")
    monkeypatch.setattr(cost_module, "_measure", lambda *a: pytest.fail("a sample was taken again"))
    assert estimate_cost(recipe, source, tmp_path / "out" / ".clean") == begun
    (tmp_path / "out" / "train-00000.h5").write_bytes(b"x" * int(begun.bytes * 0.9))
    rest = estimate_cost(recipe, source, tmp_path / "out" / ".clean")
    assert rest.bytes == begun.bytes
    assert 0 < rest.draw_seconds + rest.clean_seconds < begun.draw_seconds + begun.clean_seconds


def test_what_lies_there_already_gives_way(folder, augment, monkeypatch):
    images = folder(a=8, b=8)
    assert augment(images, "--set", "draw.copies=40").code == 0
    free(monkeypatch, 0)
    assert augment(images, "--set", "draw.copies=40", "--set", "seed=4").code == 2       # cleaned images beside it
    free(monkeypatch, 1_000_000)
    assert augment(images, "--set", "draw.copies=40", "--set", "seed=4").code == 0


@each(("split", "official", "rows"), [
    ({"val": 0.2, "test": 0.2}, None, 12 * 3 + 8), ({"val": 2, "test": 1}, None, 14 * 3 + 6),
    ({"val": 0, "test": 0, "folds": 4}, None, 16 * 3 + 4), ({"val": 0.2, "test": 0.2}, "test", 8 * 3 + 12),
])
def test_rows_are_counted_as_they_will_be_split(folder, tables, split, official, rows):
    parts = {"a": 10, "b": 10} if not official else {"train": 0, "test": 0}
    images = folder(**parts)
    if official:
        for part in parts:
            folder(f"images/{part}", a=5, b=5)
    recipe = make_recipe(tables(split=split))
    assert count_rows(recipe, open_source(images)) == rows
    assert count_rows(recipe, open_source(images), plain=True) == (10 if official else 20)


def test_images_that_cannot_be_used_leave_a_guess(tables, tmp_path):
    for label in "ab":
        (tmp_path / "images" / label).mkdir(parents=True)
        (tmp_path / "images" / label / "x.png").write_bytes(b"no picture")
    cost = estimate_cost(make_recipe(tables(split={"val": 0, "test": 0})), open_source(tmp_path / "images"), tmp_path)
    assert (cost.rows, cost.row_bytes, cost.cache_bytes) == (6, 20 * 28 + 24, 0)


def test_of_pictures_that_take_long_few_are_tried(tables, folder, tmp_path, monkeypatch):
    source, recipe, tried = open_source(folder(a=20, b=20)), make_recipe(tables()), []
    monkeypatch.setattr(cost_module, "clean_block", lambda task: tried.append(len(task.paths)) or clean_block(task))
    for seconds, cleaned in ((60.0, [4] * 6), (0.0, [1])):
        monkeypatch.setattr(cost_module, "TRIAL_SECONDS", seconds)
        (tmp_path / str(seconds)).mkdir()
        cost = estimate_cost(recipe, source, tmp_path / str(seconds))
        assert tried == cleaned
        assert cost.clean_seconds > 0 < cost.draw_seconds
        tried.clear()


def test_amounts_and_times_are_words(capsys, monkeypatch):
    monkeypatch.setattr(cost_module.os, "cpu_count", lambda: 2)
    print_cost(Cost(2_000_000, 5000, 3e6, 8_000, 10_000), 8)
    assert capsys.readouterr().out == ("to make: about 2,000,000 rows, 10 GB of shards (and 3.0 MB of cleaned images "
                                       "until they are done) in about 2.5 h\n")
