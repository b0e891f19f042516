"""The range of levels of deep pictures is decided once for a set, noted, and carried to whatever is scored later."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from built_sets import index
from conftest import page
from picture_files import held, pixels_of, png, tiff
from PIL import Image

from tenfold.data.recipe import make_recipe
from tenfold.preprocess.decode import may_be_deep
from tenfold.preprocess.survey import survey
from tenfold.preprocess.survey.facts import Facts, no_facts
from tenfold.preprocess.survey.ranges import common_ranges, range_notes


@pytest.fixture
def deep(tmp_path):
    """Makes a folder of 16-bit pages whose levels reach `top`: deep(4095, a=5, b=5)."""
    def make(top, write=None, **counts):
        write = write or (lambda grey: png(np.rint(grey / 255 * top).astype(np.uint16), 16))
        for c, (label, count) in enumerate(counts.items()):
            (tmp_path / "deep" / label).mkdir(parents=True)
            for i in range(count):
                (tmp_path / "deep" / label / f"{i}.png").write_bytes(write(page(100 * c + i, channels=1)[:, :, 0]))
        return tmp_path / "deep"
    return make


def digests(made) -> dict:
    return {s["path"]: s["digest"] for s in made["sources"]}


def test_a_deep_set_is_the_set_of_its_8_bit_pages(deep, augment, tmp_path):
    ran = augment(deep(4095, a=6, b=6))
    assert "deep pictures: 12 files of 16 bits hold levels from" in ran.out
    assert "taken as 12 bits (0..4095) for the whole set" in ran.out
    shallow = tmp_path / "shallow"
    for path in (tmp_path / "deep").rglob("*.png"):
        (shallow / path.parent.name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels_of(path.read_bytes(), 1, 10**6)[:, :, 0]).save(shallow / path.parent.name / path.name)
    assert "deep pictures" not in augment(shallow, out=tmp_path / "other").out
    assert digests(index(tmp_path / "shards")) == digests(index(tmp_path / "other"))


def test_what_the_sample_did_not_see_changes_all(deep, augment, tmp_path, monkeypatch):
    images = deep(4095, a=6, b=6)
    augment(images)
    before = digests(index(tmp_path / "shards"))
    brighter = page(3, channels=1)[:, :, 0].astype(np.uint16) * 64
    (images / "a" / "3.png").write_bytes(png(brighter, 16))
    monkeypatch.setattr(survey, "SAMPLE", 2)             # the first and the last
    ran = augment(images)
    assert "taken as 14 bits (0..16383)" in ran.out
    after = digests(index(tmp_path / "shards"))
    assert all(before[path] != after[path] for path in before)


def test_a_few_bright_pictures_that_darken_the_set_are_noted():
    def note(highest, **source):
        recipe = make_recipe({"source": source, "draw": {"canvas": [8, 8], "copies": 1}, "model": {"name": "resnet"}})
        facts = Facts(no_facts(len(highest)), levels={k: ("unsigned", 16, 0, high) for k, high in enumerate(highest)})
        return range_notes(recipe, facts, common_ranges(recipe, facts))[0]
    assert "19 of them hold no more than 4000 and come out dark" in note([4000] * 19 + [65535])
    for levels in [60000] * 19 + [65535], [4000] * 10 + [65535] * 10, [4000] * 20, [20000] * 19 + [65535]:
        assert "dark" not in note(levels)
    assert "dark" not in note([4000] * 19 + [65535], levels=65535)


def test_a_range_that_leaves_nothing_to_see_is_named(deep, refused):
    line = refused(deep(255, a=6, b=6), "--set", "source.levels=65535")
    assert "taken as 16 bits (0..65535) for the whole set, as source.levels says" in line


def test_the_recipe_may_say_the_range(deep, augment, tmp_path):
    ran = augment(deep(4095, a=6, b=6), "--set", "source.levels=3000")
    assert "taken as 0..3000 for the whole set, as source.levels says; 12 of them hold more, which is cut" in ran.out
    assert index(tmp_path / "shards")["recipe"]["source"]["levels"] == 3000


@pytest.mark.parametrize(("dtype", "low", "high", "key", "carried"), [
    ("u2", 0, 4095, "levels", 4095), ("i2", -2048, 2047, "levels_signed", [-2048, 2047]),
    ("f4", -1, 1, "levels_float", [-1, 1])])
def test_a_dark_picture_that_is_scored_later_is_read_as_in_the_set(deep, augment, tmp_path, dtype, low, high, key,
                                                                   carried):
    def write(grey):
        return tiff((grey / 255 * (high - low) + low).astype(dtype))
    images = deep(0, write, a=6, b=6)
    grey = page(0, channels=1)[:, :, 0] // 3
    (images / "a" / "0.png").write_bytes(write(grey))
    augment(images)
    made = index(tmp_path / "shards")
    assert made["recipe"]["source"][key] == carried
    for label in "ab":
        (tmp_path / "later" / label).mkdir(parents=True)
        shutil.copy(images / "a" / "0.png", tmp_path / "later" / label)
    carrier = tmp_path / "carried.json"
    carrier.write_text(json.dumps(made["recipe"]))
    augment(tmp_path / "later", "--plain", out=tmp_path / "scored", recipe=carrier)
    assert set(digests(index(tmp_path / "scored")).values()) == {digests(made)["a/0.png"]}


def test_a_second_run_keeps_what_was_decided(deep, augment, tmp_path):
    images = deep(4095, a=6, b=6)
    first = augment(images).out
    made = index(tmp_path / "shards")
    assert "deep pictures" in first
    assert "deep pictures" in augment(images, "--set", "source.max_pixels=100000000").out
    assert "deep pictures" in augment(images, "--set", "train.lr=0.5").out
    assert index(tmp_path / "shards")["recipe"]["source"] == made["recipe"]["source"]


def test_the_trainer_carries_the_range_into_its_checkpoint(tables):
    from tenfold.train.inputs import with_pixels_of
    made, asked = make_recipe(tables(source={"levels": 4095, "levels_float": [-1, 1]})), make_recipe(tables())
    recipe = with_pixels_of(SimpleNamespace(recipe=made, shown="shards", index={}), asked)
    assert recipe.source == made.source


def test_several_pages_are_noted(folder, augment):
    images = folder(a=6, b=6)
    for i in range(2):
        pages = [Image.fromarray(page(i + n)) for n in range(3)]
        (images / "a" / f"{i:03d}.png").write_bytes(held(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert "2 files hold several pages or frames; the first that is not empty is used" in augment(images).out


def test_only_headers_that_may_be_deep_cost_the_sample_anything():
    grey = page(0, channels=1)[:, :, 0]
    for shallow in (png(grey, 8), held(grey, "JPEG"), held(grey, "TIFF"), held(grey, "GIF"), b"", b"text"):
        assert not may_be_deep(shallow)
    for deep in (png(grey.astype(np.uint16), 16), tiff(grey.astype(np.uint16)), tiff(grey.astype(np.float32)),
                 b"Pf 1 1 -1 \0\0\0\0"):
        assert may_be_deep(deep)
