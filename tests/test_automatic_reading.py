"""The look at a set keeps to its seconds whatever its pictures are, and tells what a build takes to read them."""

import dataclasses
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import train_helpers as t
from automatic_helpers import context
from conftest import page, save
from PIL import Image

from tenfold.automatic import looking
from tenfold.automatic.ink import ink
from tenfold.automatic.look import Look
from tenfold.automatic.looking import look
from tenfold.automatic.marks import find_ink, mark_of
from tenfold.automatic.reading import find_its_ink, plain_recipe, read_picture
from tenfold.data.errors import SourceFault
from tenfold.data.sources.opening import open_source
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.decode import read

DARK = SetDecisions("dark")


def scanned(times: int) -> np.ndarray:
    """A page of 300×400 pixels with two strokes, or the same page so many times as fine: uint8 (H, W, 3)."""
    image = np.random.default_rng(1).integers(236, 242, (300 * times, 400 * times, 3), np.uint8)
    for points in ([[90, 60], [250, 220]], [[100, 200], [240, 90]]):
        cv2.polylines(image, [times * np.array(points)], False, (30, 30, 40), 10 * times)
    return image


def one(path, picture, **how):
    """A reading of a picture that is saved at a path."""
    save(path, picture, **how)
    return read_picture(open_source(path.parents[1], training=False).reader(path.parent), 0, str(path.relative_to(
        path.parents[1])))


@pytest.fixture
def two_classes(tmp_path):
    save(tmp_path / "images/b/x.png", page(0))
    return tmp_path / "images/a"


@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
def test_a_picture_of_any_size_is_looked_at_in_about_a_megapixel_and_found_the_same(two_classes, name):
    marks, small = [], one(two_classes / name, scanned(1))
    assert (small.pixels == read((two_classes / name).read_bytes(), 3, 10**7).pixels).all()      # as it is
    for reading in (small, one(two_classes / name, scanned(8))):
        assert max(reading.pixels.shape) <= 1024
        found, ink = find_its_ink(reading, DARK)
        assert found.cleaning > reading.cleaning == 0
        mark = mark_of(reading.pixels, ink, 0)
        marks.append([mark.pen, mark.box, mark.x, mark.y])
    assert reading.facts.size == (2400, 3200)
    assert reading.facts.dark_ink > 3
    assert np.abs(np.subtract(*marks)).max() < 0.05


def test_the_seconds_are_those_of_cleaning_the_whole_picture(two_classes):
    reading = one(two_classes / "x.png", scanned(6))
    whole, taken = read((two_classes / "x.png").read_bytes(), 3, 10**7).pixels, []
    for _ in range(2):
        start = time.thread_time()
        assert find_ink(whole, plain_recipe(), DARK)
        taken.append(time.thread_time() - start)
    told = min(find_its_ink(reading, DARK)[0].cleaning for _ in range(3))
    assert 0.3 * min(taken) < told < 4 * max(taken)


def test_a_photograph_is_decoded_no_larger_than_a_build_would(two_classes):
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    photo = cv2.resize(noise, (1600, 1200), interpolation=cv2.INTER_CUBIC)
    reading = one(two_classes / "x.jpg", photo)
    assert (reading.pixels.shape, reading.facts.size) == ((600, 800, 3), (1200, 1600))
    assert find_its_ink(reading, DARK) == (reading, None)


def test_the_look_ends_with_its_seconds_but_for_one_picture_that_can_be_used(tmp_path, monkeypatch):
    source, known, read_so_far = open_source(t.folder(tmp_path / "images")), {}, []
    monkeypatch.setattr(looking, "time", SimpleNamespace(monotonic=lambda: float(len(read_so_far))))

    def slow(reader, row, path, ranges=()):      # a second
        read_so_far.append(path)
        known[path] = known.get(path) or read_picture(reader, row, path, ranges)
        return known[path] if len(read_so_far) > bad else dataclasses.replace(known[path], pixels=None)
    monkeypatch.setattr(looking, "read_picture", slow)
    for bad, longest, count in ((0, 0.5, 1), (0, 9.5, 10), (7, 0.5, 8), (7, 20.5, 21), (0, 1000, len(source))):
        read_so_far.clear()
        seen = look(source, tmp_path, longest)
        assert len(read_so_far) == count
        assert seen.sampled == len(read_so_far) - bad
        assert seen.unusable_share == pytest.approx(bad / len(read_so_far))
        assert len(set(read_so_far)) == len(read_so_far)     # none is read twice


def test_blank_pictures_are_counted_with_those_that_cannot_be_used(tmp_path):
    images = t.folder(tmp_path / "images", images=4)
    for name in ("x", "y", "z"):
        save(images / "down" / f"{name}.png", np.full((9, 9, 1), 200, np.uint8))
        (images / "across" / f"{name}.png").write_bytes(b"no picture")
    seen = look(open_source(images), tmp_path, longest=600.0)
    assert (seen.images, seen.sampled) == (21, 18)
    assert seen.unusable_share == pytest.approx(6 / 21)


def test_one_enormous_picture_is_read_by_one_core(tmp_path):
    source = open_source(t.folder(tmp_path / "images"))
    seen = look(source, tmp_path)
    assert seen.slowest >= seen.seconds
    assert dataclasses.replace(seen, seconds=0.1, slowest=60.0).build_seconds(8) == 60.0
    assert dataclasses.replace(seen, seconds=0.1, slowest=0.1).build_seconds(2) == pytest.approx(0.05 * len(source))


def test_deep_pictures_are_looked_at_by_the_range_of_the_set(tmp_path):
    for label in "ab":
        for i in range(4):
            (tmp_path / "images" / label).mkdir(parents=True, exist_ok=True)
            deep = page(10 * i + (label == "b"), channels=1)[:, :, 0].astype(np.uint16) * 4     # 10 bits of 16
            Image.fromarray(deep).save(tmp_path / "images" / label / f"{i}.png")
    seen: Look = look(open_source(tmp_path / "images"), tmp_path)
    assert (seen.sampled, seen.ink_share, seen.polarity) == (8, 1.0, "dark")


def test_dust_does_not_count_as_ink():
    dusty = scanned(1)
    for y, x in ((5, 5), (290, 390), (10, 380), (280, 8)):
        dusty[y:y + 2, x:x + 2] = 20
    clean, dust = (mark_of(image, find_ink(image, plain_recipe(), DARK), 0) for image in (scanned(1), dusty))
    assert (dust.box, dust.x, dust.y) == pytest.approx((clean.box, clean.x, clean.y), abs=0.01)


def test_ink_that_is_as_light_as_its_ground_in_grey_keeps_its_colour(tmp_path):
    """Yellow pens on white paper: a build in grey would drop them."""
    for colour, share, channels in (((250, 230, 40), 1.0, 3), ((30, 60, 200), 0.0, 1)):
        folder = tmp_path / str(channels)
        for i, label in enumerate("abababab"):
            pixels = np.full((60, 60, 3), 255, np.uint8)
            pixels[10:40, 20 + i:24 + i] = 20            # the rest of the figure is black
            pixels[45:50, 10:45] = colour
            (folder / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / label / f"{i}.png")
        seen = look(open_source(folder), tmp_path)
        assert seen.marks.hidden_share == share
        assert ink(context(seen, 60), seen.marks, True, False).settings["clean.channels"] == channels


def test_a_set_of_which_nothing_can_be_read_is_refused_by_its_first_reason(tmp_path):
    for path in ("a/1.png", "a/2.png", "b/1.png"):
        (tmp_path / "images" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / path).write_text("no picture")
    with pytest.raises(SourceFault, match=r"holds no picture that can be used: ./..png: .*text"):
        look(open_source(tmp_path / "images"), tmp_path, longest=600.0)


def test_only_pictures_of_ink_take_the_time_of_cleaning_them(tmp_path, monkeypatch):
    monkeypatch.setattr(looking, "find_its_ink", lambda reading, decisions: (
        dataclasses.replace(reading, cleaning=100.0), find_its_ink(reading, decisions)[1]))
    for number in range(8):
        noise = np.random.default_rng(number).integers(0, 256, (60, 60, 3), np.uint8)
        save(tmp_path / f"mixed/{number % 2}/{number}.png", noise if number < 6 else page(number))
        save(tmp_path / f"pages/{number % 2}/{number}.png", np.roll(page(number), 20 * number, 1))
    mixed, pages = (look(open_source(tmp_path / name), tmp_path) for name in ("mixed", "pages"))
    assert (mixed.is_ink, pages.is_ink) == (False, True)
    assert mixed.slowest < 100.0 <= pages.seconds
