"""Folders of images: what is found, in an order that depends on names alone."""

import os
import socket

import numpy as np
import pytest
from conftest import page, save

from tenfold.data.errors import SourceFault
from tenfold.data.sources.opening import open_source


def test_folders_are_classes_at_any_depth(tmp_path):
    for path in ("b/1.png", "b/deep/er/2.JPG", "a/3.webp", "a/notes.txt", "a/.4.png", "a/.hidden/5.png",
                 ".git/6.png", "a/.DS_Store", "7.png", "a/Thumbs.db", "b/8.png.bak"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
    source = open_source(tmp_path)
    assert source.classes == ("a", "b")
    assert source.paths == ["a/3.webp", "b/1.png", "b/deep/er/2.JPG"]
    assert source.labels.tolist() == [0, 1, 1]
    assert source.labels.dtype == np.int64
    assert source.official == [None] * 3
    assert source.reader(tmp_path).read(0, "a/3.webp") == b"x"


def test_odd_names_are_names(tmp_path):
    names = ["ä", "日本語 😀", "new\nline", "A", "a", "x" * 200, "quo\"te's", "-dash", "%d{}"]
    for name in names:
        save(tmp_path / name / f"{'y' * 240}.png", page(1))
    raw = os.fsencode(tmp_path) + b"/\xff\xfe"
    os.mkdir(raw)
    with open(raw + b"/\xfa.png", "wb") as f:
        f.write(b"x")
    source = open_source(tmp_path)
    assert set(source.classes) == {*names, "\udcff\udcfe"}
    assert source.reader(tmp_path).read(0, "\udcff\udcfe/\udcfa.png") == b"x"


def test_the_order_depends_on_names_alone(tmp_path):
    for name, order in (("one", (0, 1, 2, 3)), ("two", (3, 1, 0, 2))):
        for i in order:
            save(tmp_path / name / "ab"[i % 2] / f"{i}.png", page(i))
    one, two = open_source(tmp_path / "one"), open_source(tmp_path / "two")
    assert one.paths == two.paths
    assert one.labels.tolist() == two.labels.tolist()


@pytest.mark.parametrize(("parts", "splits"), [
    (("train", "test"), {"train", "test"}), (("Train", "VALID", "test"), {"train", "val", "test"}),
    (("train", "validation"), {"train", "val"}),
])
def test_official_splits_stand_above_the_classes(tmp_path, parts, splits):
    for part in parts:
        for label in "ab":
            save(tmp_path / part / label / "1.png", page(1))
    source = open_source(tmp_path)
    assert source.classes == ("a", "b")
    assert set(source.official) == splits
    assert len(source) == 2 * len(parts)


def test_classes_named_train_and_test_are_classes(tmp_path):
    for label in ("train", "test", "bus"):
        save(tmp_path / label / "1.png", page(1))
    assert open_source(tmp_path).classes == ("bus", "test", "train")


def test_what_is_no_regular_file_is_passed_over_and_loops_end(tmp_path):
    for label in "ab":
        save(tmp_path / label / "1.png", page(1))
    os.mkfifo(tmp_path / "a" / "fifo.png")
    (tmp_path / "a" / "folder.png").mkdir()
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "b" / "nowhere.png").symlink_to("gone")
    (tmp_path / "b" / "me.png").symlink_to("me.png")
    with socket.socket(socket.AF_UNIX) as s:
        here = os.getcwd()
        os.chdir(tmp_path / "a")          # the name of a socket must be short
        try:
            s.bind("socket.png")
        finally:
            os.chdir(here)
    source = open_source(tmp_path)
    assert source.classes == ("a", "b")
    assert source.paths == ["a/1.png", "b/1.png", "b/me.png", "b/nowhere.png"]    # broken ones are named later


def test_what_cannot_be_a_source_is_refused(tmp_path):
    (tmp_path / "file.md").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "flat").mkdir()
    save(tmp_path / "flat" / "1.png", page(1))
    for label in "ab":
        (tmp_path / "bare" / label).mkdir(parents=True)
    save(tmp_path / "single" / "a" / "1.png", page(1))
    for name, fact in (("none", "give a folder with"), ("file.md", "neither"), ("empty", "no sub-folders"),
                       ("flat", "no sub-folders"), ("bare", "no image"), ("single", "one class only")):
        with pytest.raises(SourceFault, match=fact):
            open_source(tmp_path / name)
