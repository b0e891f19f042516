"""Groups and near-duplicates from the folder to the shards: none lies on two sides, and it is noted."""

import json

import numpy as np
import pytest
from conftest import contents, page, save, sources_of
from test_preprocess_fingerprint import photo

KEEP = ("--set", "clean.polarity=keep", "--set", "clean.threshold=0", "--set", "clean.roi=false", "--set",
        "clean.channels=3", "--set", "draw.fit=cover")


def sides(out, group) -> dict:
    """{group(path): the splits that its images lie in}"""
    found = {}
    for source in sources_of(out):
        found.setdefault(group(source["path"]), set()).add(source["split"])
    return found


@pytest.fixture
def twice(tmp_path):
    """20 photographs of two classes, each saved as PNG and as JPEG."""
    for i in range(20):
        image = photo(i, 60, 80)
        save(tmp_path / "images" / "ab"[i % 2] / f"{i}.png", image)
        save(tmp_path / "images" / "ab"[i % 2] / f"{i} again.jpg", image, quality=85 - 35 * (i % 3 == 0))
    return tmp_path / "images"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_photograph_saved_twice_lies_across(twice, augment, tmp_path, seed):
    ran = augment(twice, *KEEP, "--set", f"seed={seed}")
    assert ran.code == 0, ran
    found = sides(tmp_path / "shards", lambda path: path.split("/")[1].split(".")[0].split()[0])
    assert len(found) == 20
    assert all(len(side) == 1 for side in found.values())
    assert "near-duplicates: 20 groups of 40 images" in ran.out
    report = json.loads((tmp_path / "shards" / "report.json").read_text())["near_duplicates"]
    assert (len(report["same"]), report["two_splits"]) == (20, [])


def test_or_only_named(twice, augment, tmp_path):
    ran = augment(twice, *KEEP, "--set", "split.near_duplicates=report")
    assert ran.code == 0, ran
    report = json.loads((tmp_path / "shards" / "report.json").read_text())["near_duplicates"]
    assert len(report["same"]) == 20
    assert report["two_splits"]
    assert "held together" not in ran.out


def test_nearly_blank_pictures_are_counted(tmp_path, augment):
    x = np.stack([photo(i, 20, 30) for i in range(24)])
    x[[3, 7]] = 200
    x[[3, 7], ::2] += np.uint8([[[[1]]], [[[2]]]])
    np.savez(tmp_path / "a.npz", x=x, y=np.repeat([0, 1], 12))
    ran = augment(tmp_path / "a.npz", *KEEP)
    assert ran.code == 0, ran
    assert "near-duplicates: 2 images are nearly blank, and not compared" in ran.out


def test_pictures_that_only_look_alike_are_built_and_noted(tmp_path, augment):
    rng = np.random.default_rng(0)
    x = np.concatenate([photo(c, 20, 30)[None] // 2 + rng.integers(0, 5, (12, 20, 30, 3), np.uint8) for c in (0, 1)])
    np.savez(tmp_path / "a.npz", x=x.astype(np.uint8), y=np.repeat([0, 1], 12))
    ran = augment(tmp_path / "a.npz", *KEEP)
    assert ran.code == 0, ran
    assert "look alike" in ran.out
    assert "'0' (12 of 12)" in ran.out


@pytest.fixture
def writers(tmp_path):
    """Two classes of pages by six writers, two pages of a class by each."""
    for label in "ab":
        for i in range(12):
            save(tmp_path / "images" / label / f"w{i % 6}" / f"{i}.png", page(100 * (label == "b") + i))
    return tmp_path / "images"


def writer(path):
    return path.split("/")[1]


@pytest.mark.parametrize("how", ["folder", "path:/(w.)/", "table"])
def test_a_group_lies_on_one_side_and_a_change_of_groups_is_a_change_of_the_set(writers, augment, tmp_path, how):
    table = tmp_path / "g.csv"
    rows = [f"{p.relative_to(writers)},{p.parent.name}" for p in writers.rglob("*.png")]
    table.write_text("\n".join(["path,group", *rows]))
    asked = ("--set", f"split.groups={table if how == 'table' else how}")
    ran = augment(writers, *asked)
    assert ran.code == 0, ran
    assert "6 groups of 24 images" in ran.out
    found = sides(tmp_path / "shards", writer)
    assert all(len(side) == 1 for side in found.values())
    assert set().union(*found.values()) == {"train", "val", "test"}
    before = json.loads((tmp_path / "shards" / "dataset.json").read_text())
    assert augment(writers, *asked, "--json").code == 0
    table.write_text("\n".join(f"{p.relative_to(writers)},{int(p.stem) // 4}" for p in writers.rglob("*.png")))
    assert augment(writers, *asked).code == 0
    after = json.loads((tmp_path / "shards" / "dataset.json").read_text())
    assert (after["stamp"] != before["stamp"]) == (how == "table")
    if how == "table":
        found = sides(tmp_path / "shards", lambda path: int(path.split("/")[2].split(".")[0]) // 4)
        assert all(len(side) == 1 for side in found.values())


def test_groups_that_cannot_be_are_refused_before_any_work(writers, refused, tmp_path):
    for how, words in (("path:(", "regular"), ("path:nobody", "nobody"), ("none.csv", "none.csv"), ("x", "folder")):
        assert words in refused(writers, "--set", f"split.groups={how}")
    assert not (tmp_path / "shards").exists()


def test_all_small_classes_are_named_in_one_run(folder, refused):
    line = refused(folder(a=12, b=2, c=12, d=1, e=2))
    assert "3 classes" in line
    for words in ("'b' (2 usable images)", "'d' (1 usable image)", "'e' (2 usable images)"):
        assert words in line


def test_all_classes_without_a_usable_image_are_named_in_one_run(folder, refused):
    images = folder(a=6, b=2, c=2)
    for label in "bc":
        for file in (images / label).iterdir():
            file.write_bytes(b"no picture")
    line = refused(images)
    assert "2 classes" in line
    assert "'b' (b/000.png" in line
    assert "'c' (c/000.png" in line


def test_scoring_rows_need_no_groups_of_the_training_set(folder, augment, tmp_path):
    ran = augment(folder(a=2, b=1), "--plain", "--set", "split.groups=folder")
    assert ran.code == 0, ran
    assert set(contents(tmp_path / "shards")) == {"sources.h5", "test-00000.h5"}
