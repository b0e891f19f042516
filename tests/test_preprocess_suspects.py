"""The sheet of suspects shows what was removed from each picture, however large, and pictures of every class."""

import cv2
import numpy as np
from conftest import save
from PIL import Image

from tenfold.preprocess.survey.suspects import DRAWN, of_all_classes, shrunk

DUST = ("--set", "clean.specks=0.5", "--set", "split.val=0", "--set", "split.test=0")


def dusty(side: int, dots: int) -> np.ndarray:
    """A ring on paper of side × side pixels, and dots of two pixels around it."""
    page = np.full((side, side, 1), 245, np.uint8)
    cv2.circle(page, (side // 2, side // 2), side // 8, (20,), side // 40)
    for x, y in np.random.default_rng(0).integers(0, side - 2, (dots, 2)):
        page[y:y + 2, x:x + 2] = 20
    return page


def test_dust_on_a_large_page_is_seen(augment, tmp_path):
    for label in "ab":
        for number in range(2):
            save(tmp_path / "images" / label / f"{number}.png", dusty(1000 + number, 1200))
    ran = augment(tmp_path / "images", "--report", *DUST)
    assert ran.code == 0, ran
    with Image.open(tmp_path / "shards" / "suspects.png") as sheet:
        red, green, _ = np.asarray(sheet).astype(int).transpose(2, 0, 1)
    assert (red - green > 200).sum() > 1000               # the words are of a darker red


def test_a_mask_keeps_every_dot_when_it_shrinks():
    for y in range(23):
        for x in range(17):
            mask = np.zeros((23, 17), np.uint8)
            mask[y, x] = 255
            assert np.count_nonzero(shrunk(mask, 5, 4)) == 1


def test_of_many_suspects_some_of_every_class_are_drawn_and_the_number_is_said(augment, tmp_path, monkeypatch):
    many = [{"path": f"{label}/{i}", "class": label} for label, count in (("a", 50), ("b", 3), ("c", 30))
            for i in range(count)]
    assert [s["path"] for s in of_all_classes(many)] == [
        *(f"a/{i}" for i in range(19)), *(f"b/{i}" for i in range(3)), *(f"c/{i}" for i in range(18))]
    assert of_all_classes(many[:DRAWN]) == many[:DRAWN]
    monkeypatch.setattr("tenfold.preprocess.report.DRAWN", 3)
    for label in "ab":
        for number in range(2):
            save(tmp_path / "images" / label / f"{number}.png", dusty(200 + number, 80))
    assert "suspects.png (3 of 4)" in augment(tmp_path / "images", "--report", *DUST).out
