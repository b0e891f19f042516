"""Cleaned pictures between the stages: found again whole and under the same key, or made anew."""

import errno
import json
import os
from dataclasses import asdict

import numpy as np
import pytest
from cases import each
from conftest import page
from flips import each_flip
from mutations import each_change

from tenfold.data.recipe import make_recipe
from tenfold.data.schema import COMMON
from tenfold.data.sources.opening import open_source
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.clean.steps import clean, resize
from tenfold.preprocess.draw import pyramid
from tenfold.preprocess.draw.pyramid import build_pyramid
from tenfold.preprocess.draw.random_views import PLAIN, draw_view
from tenfold.preprocess.survey import clean_blocks, clean_cache, open_block
from tenfold.preprocess.survey.clean_cache import cache_key, read_facts, recall, remember
from tenfold.preprocess.survey.cleaning import Cleaning, CleanTask, clean_block
from tenfold.preprocess.survey.open_block import Block


@pytest.fixture
def block(folder, tables, tmp_path):
    """A block of 13 pictures, one of them bad: (folder, key, a function that makes it)."""
    images = folder(a=6, b=6)
    (images / "a" / "bad.png").write_bytes(b"x")
    source, recipe, place = open_source(images), make_recipe(tables()), tmp_path / "clean"
    place.mkdir()

    def make(key="k"):
        cleaning = Cleaning(place, key, source.reader(place), recipe, SetDecisions("dark"))
        return clean_block(CleanTask(cleaning, 0, 0, source.paths))
    return place, make, recipe


def test_what_is_read_again_is_what_was_made(block):
    place, make, _ = block
    assert read_facts(place, 0, "k") is None
    facts = make()
    assert facts[6].fault == "not a picture: text"
    assert facts[0].size == (37, 53)
    assert len({row.digest for row in facts}) == 13
    assert read_facts(place, 0, "k") == facts
    before = {p: p.stat().st_mtime_ns for p in place.iterdir()}
    assert make() == facts
    assert before == {p: p.stat().st_mtime_ns for p in place.iterdir()}


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="space cannot be taken in advance here")
def test_what_is_mapped_has_its_space_on_disk(block, monkeypatch):
    """A hole that is read in a map of a full tmpfs is no error that Python sees: the process dies of SIGBUS."""
    place, make, _ = block
    make()
    assert not Block(place, 0)._made.any()
    [flags] = place.glob("*.made")
    assert flags.stat().st_blocks * 512 >= flags.stat().st_size > 0

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"No space left.*\.made"):
        _ = Block(place, 0)._made


def test_a_picture_drawn_from_disk_is_the_one_drawn_from_memory(block):
    place, make, recipe = block
    make()
    for row, seed in ((0, 0), (5, 5)):
        pixels = page(seed, 37 + seed % 5, 53 - seed % 7, 1)
        fresh = build_pyramid(clean(pixels, recipe.clean, recipe.draw), recipe.draw)
        for view in (PLAIN, draw_view(1, 2, 3, recipe.draw)):
            assert (Block(place, 0).picture(row).draw(view, recipe.draw) == fresh.draw(view, recipe.draw)).all()


@pytest.mark.parametrize("harm", ["no tables", "no pixels", "short pixels", "short tables", "foreign tables",
                                  "other key"])
def test_what_is_not_whole_is_made_anew(block, harm):
    place, make, _ = block
    facts = make()
    pixels, tables = place / "clean-00000.u8", place / "clean-00000.npz"
    whole = pixels.read_bytes()
    if harm.startswith("no"):
        (tables if harm == "no tables" else pixels).unlink()
    elif harm.startswith("short"):
        path = tables if harm == "short tables" else pixels
        os.truncate(path, path.stat().st_size // 2)
    elif harm == "foreign tables":
        np.savez(tables, key="k")
    key = "other" if harm == "other key" else "k"
    assert read_facts(place, 0, key) is None
    assert make(key) == facts
    assert pixels.read_bytes() == whole


def test_no_flipped_bit_of_a_block_is_believed(block):
    place, make, _ = block
    facts = make()
    with np.load(place / "clean-00000.npz") as z:
        _, written, _ = z["written"].tolist()
    for name in ("clean-00000.u8", "clean-00000.npz"):
        found = []
        for at in each_flip(place / name, 40):
            read = read_facts(place, 0, "k")
            assert read in (None, facts), (name, at)
            assert read is None or name.endswith("npz") or at >= written, (name, at)     # behind: room for levels
            found.append(read)
        assert None in found
    assert read_facts(place, 0, "k") == facts


def test_what_was_decided_is_made_anew_where_it_is_damaged(tmp_path):
    remember(tmp_path / "decided.json", "k", {"polarity": "dark", "n": 3})
    kinds = {"polarity": str, "n": int}
    for at in each_flip(tmp_path / "decided.json", 60):
        assert recall(tmp_path / "decided.json", "k", kinds) in (None, {"polarity": "dark", "n": 3}), at


def test_pixels_of_another_recipe_are_never_found_beside_old_tables(block, monkeypatch):
    place, make, _ = block
    make("old")

    def killed(*arguments, **columns):
        raise KeyboardInterrupt
    with monkeypatch.context() as m:
        m.setattr(clean_cache.np, "savez", killed)
        with pytest.raises(KeyboardInterrupt):
            make("new")
    assert read_facts(place, 0, "old") is None


def test_the_key_knows_files_recipe_and_columns(folder, tables, monkeypatch):
    images = folder(a=3, b=3)
    one = cache_key(make_recipe(tables()), open_source(images))
    assert one == cache_key(make_recipe(tables(train={"lr": 0.1}, split={"val": 0.4})), open_source(images))
    assert one != cache_key(make_recipe(tables(clean={"offset": 3})), open_source(images))
    with monkeypatch.context() as m:
        m.setattr(clean_cache, "COLUMNS", np.dtype([("bad", "?")]))
        assert one != cache_key(make_recipe(tables()), open_source(images))
    os.utime(images / "a" / "000.png", ns=(1, 1))
    assert one != cache_key(make_recipe(tables()), open_source(images))


@each("way", ["kept", "once", "disk full"])
def test_a_level_is_made_when_a_copy_asks_for_it_and_kept_for_the_next(block, monkeypatch, way):
    place, make, recipe = block
    made = []
    monkeypatch.setattr(pyramid, "resize", lambda *asked: made.append(asked[1:]) or resize(*asked))
    make()
    assert made == []                                    # cleaning makes none
    open_block.forget_levels(place)
    if way == "disk full":
        monkeypatch.setattr(open_block.os, "pwrite", lambda *_: 0)
    fresh = build_pyramid(clean(page(2, 39, 51, 1), recipe.clean, recipe.draw), recipe.draw)
    wanted = [fresh.draw(draw_view(1, 2, copy, recipe.draw), recipe.draw) for copy in (0, 1, 2, 0, 1, 2)]
    asked = [*made]
    made.clear()
    for copy, want in zip((0, 1, 2, 0, 1, 2), wanted, strict=True):      # each by a worker of its own
        drawn = Block(place, 0, once=way == "once").picture(2).draw(draw_view(1, 2, copy, recipe.draw), recipe.draw)
        assert (drawn == want).all()
    assert 0 < len(asked) < len(fresh.levels)            # not all of them
    assert made == asked if way == "kept" else len(made) > len(asked)
    assert (place / "clean-00000.made").exists() == (way != "once")
    open_block.forget_levels(place)                    # a build that goes on trusts no level of an earlier one
    made.clear()
    Block(place, 0).picture(2).draw(draw_view(1, 2, 0, recipe.draw), recipe.draw)
    assert made == asked[:1]


def test_broader_pens_lie_on_disk_too(block, tables):
    place, make, _ = block
    make()
    recipe = make_recipe(tables(draw={"broaden": 0.05}))
    fresh = [build_pyramid(clean(page(seed, 90, 70, 1), recipe.clean, recipe.draw), recipe.draw) for seed in (1, 2)]
    clean_blocks.write_pictures(place / "clean-00001.u8", [fresh[0], None, fresh[1]])
    for copy in range(9):
        for row, picture in ((0, fresh[0]), (2, fresh[1])):
            view = draw_view(1, row, copy, recipe.draw)
            assert (Block(place, 1).picture(row).draw(view, recipe.draw) == picture.draw(view, recipe.draw)).all()


def test_a_remembered_value_of_another_kind_is_made_anew(tmp_path):
    whole = {"key": "k", "value": asdict(SetDecisions("dark", 3, (("unsigned", 0.0, 3.0),)))}
    path = tmp_path / "decided.json"
    path.write_text(json.dumps(whole))
    assert recall(path, "k", COMMON) == json.loads(json.dumps(whole))["value"]
    for what, other in each_change(json.loads(json.dumps(whole)), 3):
        path.write_text(json.dumps(other))
        kept = recall(path, "k", COMMON)
        if kept is not None:
            assert SetDecisions.of(kept).paper in range(-1, 256), what
