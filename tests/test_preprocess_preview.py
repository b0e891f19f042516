"""The contact sheet: a PNG, whole or not at all, and no shards."""

import os

import numpy as np
import pytest
from conftest import page, save
from PIL import Image

from tenfold.preprocess.fonts import picture_font


def test_a_sheet_has_a_row_a_class_and_makes_no_shards(folder, augment, tmp_path):
    sheet = tmp_path / "deep" / "er" / "sheet.png"
    ran = augment(folder(a=3, b=3, c=3), "--preview", sheet)
    assert ran.code == 0, ran
    assert not (tmp_path / "shards").exists()
    assert os.listdir(sheet.parent) == ["sheet.png"]
    with Image.open(sheet) as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture)
    assert pixels.shape[2] == 3
    again = sheet.read_bytes()
    assert augment(tmp_path / "images", "--preview", sheet).code == 0
    assert sheet.read_bytes() == again


def test_a_sheet_is_of_the_format_that_its_name_says(folder, augment, refused, tmp_path):
    images = folder(a=2, b=2)
    for name, kind in (("s.jpg", "JPEG"), ("s.JPEG", "JPEG"), ("s.PNG", "PNG")):
        assert augment(images, "--preview", tmp_path / name).code == 0
        with Image.open(tmp_path / name) as picture:
            assert picture.format == kind
    for name in ("s.gif", "s", "s.png.txt"):
        assert "let it end in .png, .jpg, .jpeg" in refused(images, "--preview", tmp_path / name)
        assert not (tmp_path / name).exists()


def test_a_sheet_of_odd_classes(tmp_path, augment):
    for name in ("日本", "new\nline", "x" * 150, "\udcff\udcfe"):
        save(tmp_path / "images" / name / "1.png", page(1))
    (tmp_path / "images" / "bad").mkdir()
    (tmp_path / "images" / "bad" / "1.png").write_bytes(b"x")
    save(tmp_path / "images" / "long" / "1.png", page(2)[:3].repeat(2000, 1))    # cannot be drawn
    save(tmp_path / "images" / "long" / "2.png", page(3))
    save(tmp_path / "images" / "thin" / "1.png", np.arange(300, dtype=np.uint16).astype(np.uint8)[None, :, None] % 250)
    for channels in (1, 3):
        ran = augment(tmp_path / "images", "--preview", tmp_path / "s.png", "--set", f"clean.channels={channels}")
        assert ran.code == 0, ran
        assert "not shown: bad, of whose first 50 pictures none can be used" in ran.out
        assert "s.png: 6 of 7 classes as read" in ran.out


@pytest.mark.parametrize("letters", ["კგ", "λξ", "жд", "փբ"])
def test_names_of_other_scripts_are_no_boxes(letters):
    one, other = (picture_font(12).getmask(letter) for letter in letters)
    assert bytes(one) != bytes(other)


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_a_sheet_of_arrays(tmp_path, augment, write):
    write(tmp_path / "a.npz", x=np.stack([page(i) for i in range(4)]), y=[0, 1, 0, 1])
    assert augment(tmp_path / "a.npz", "--preview", tmp_path / "s.png").code == 0


def test_a_sheet_that_cannot_be_is_one_line(folder, refused, tmp_path):
    images = folder(a=2, b=2)
    (tmp_path / "taken.png").mkdir()
    assert "is a folder" in refused(images, "--preview", tmp_path / "taken.png")
    (tmp_path / "file").touch()
    refused(images, "--preview", tmp_path / "file" / "s.png")
    for label in "ab":
        (tmp_path / "none" / label).mkdir(parents=True)
        (tmp_path / "none" / label / "1.png").write_bytes(b"")
    assert "no usable image" in refused(tmp_path / "none", "--preview", tmp_path / "s.png")
    assert not (tmp_path / "s.png").exists()
