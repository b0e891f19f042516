"""What a set holds: its splits, the order of its rows, official splits, plain views."""

import h5py
import numpy as np
import pytest
from built_sets import index, reported, rows
from cases import each
from conftest import page, save
from picture_files import pixels_of

from tenfold.data.recipe import make_recipe
from tenfold.data.shardset import open_set
from tenfold.preprocess.clean.steps import clean
from tenfold.preprocess.draw.pyramid import build_pyramid
from tenfold.preprocess.draw.random_views import PLAIN
from tenfold.preprocess.draw_shards import moments


def test_the_set_is_what_the_design_says(folder, augment, tmp_path):
    facts = reported(augment(folder(a=10, b=15), "--json"))
    assert facts["rows"] == {"train": 15 * 3, "val": 5, "test": 5}
    assert facts["skipped"] == 0
    made, all_rows = index(tmp_path / "shards"), rows(tmp_path / "shards")
    assert facts["digest"] == made["digest"]
    assert made["classes"] == ["a", "b"]
    assert made["class_counts"] == {"train": [6, 9], "val": [2, 3], "test": [2, 3]}
    assert all_rows["image"].shape == (55, 20, 28, 1)
    assert made["rows"] == facts["rows"]
    assert set(made["versions"]) >= {"numpy", "h5py"}
    train = all_rows["image"][all_rows["split"] == "train"] / 255
    assert made["mean"] == pytest.approx([train.mean()])
    assert made["std"] == pytest.approx([train.std()])
    shards = open_set(tmp_path / "shards")
    assert sum(s.rows for split in ("train", "val", "test") for s in shards.shards(split)) == 55
    assert sorted(p.name for p in (tmp_path / "shards").iterdir() if not p.name.startswith(".")) == [
        "classes.png", "dataset.json", "report.json", "sources.h5", "test-00000.h5", "train-00000.h5", "val-00000.h5"]


def test_no_leak_between_the_splits(folder, augment, tmp_path):
    images = folder(a=12, b=12)
    for i in range(4):                                   # twins under other names, some of them in other classes
        (images / "a" / f"twin{i}.png").write_bytes((images / "a" / f"{i:03d}.png").read_bytes())
        (images / "b" / f"twin{i}.png").write_bytes((images / "a" / f"{i + 3:03d}.png").read_bytes())
    ran = augment(images, "--set", "split.val=3", "--set", "split.test=0.3")
    assert ran.code == 0
    made, all_rows = index(tmp_path / "shards"), rows(tmp_path / "shards")
    sides, digests = {}, {}
    for split, source in zip(all_rows["split"], all_rows["source"], strict=True):
        sides.setdefault(source, set()).add(split)
        digests.setdefault(made["sources"][source]["digest"], set()).add(split)
        assert made["sources"][source]["split"] == split
    assert all(len(side) == 1 for side in (*sides.values(), *digests.values()))
    assert set(sides) == set(range(len(made["sources"])))
    assert (all_rows["copy"][all_rows["split"] != "train"] == 0).all()
    train = all_rows["split"] == "train"
    for source in np.unique(all_rows["source"][train]):
        assert sorted(all_rows["copy"][train & (all_rows["source"] == source)]) == [0, 1, 2]
    assert all(made["sources"][s]["label"] == label for s, label in
               zip(all_rows["source"], all_rows["label"], strict=True))
    assert len(made["duplicates"]["two_labels"]) == 4
    assert "the same picture under two labels: a/003.png, a/twin3.png, b/twin0.png" in ran.out


def test_rows_lie_in_random_order(folder, augment, tmp_path):
    assert augment(folder(a=30, b=30), "--set", "draw.copies=10").code == 0
    with h5py.File(tmp_path / "shards" / "train-00000.h5") as f:
        labels, sources = f["label"][:], f["source"][:]
    assert np.mean(labels[1:] != labels[:-1]) == pytest.approx(0.5, abs=0.12)
    assert np.mean(sources[1:] == sources[:-1]) < 0.1
    assert abs(np.corrcoef(np.arange(len(sources)), sources)[0, 1]) < 0.2


@each("shape", [(7, 37, 53, 3), (3, 350, 200, 1), (1, 2000, 3001, 3)], ids=str)
def test_moments_are_exact(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert moments(image) == {
        "pixels": image[..., 0].size, "sum": image.sum((0, 1, 2), dtype=int).tolist(),
        "sum_of_squares": [int((image[..., c].astype(int) ** 2).sum()) for c in range(shape[3])]}
    assert moments(image | 255)["sum_of_squares"] == [255**2 * image[..., 0].size] * shape[3]


def test_official_splits_are_kept_and_twins_across_them_reported(tmp_path, augment):
    for p, part in enumerate(("train", "test")):
        for c, label in enumerate("ab"):
            for i in range(6):
                save(tmp_path / "images" / part / label / f"{i}.png", page(100 * p + 10 * c + i))
    (tmp_path / "images/test/a/twin.png").write_bytes((tmp_path / "images/train/a/2.png").read_bytes())
    ran = augment(tmp_path / "images", "--set", "split.val=1")
    assert ran.code == 0
    assert "the same picture in two splits: test/a/twin.png, train/a/2.png" in ran.out
    made = index(tmp_path / "shards")
    assert made["rows"] == {"train": 10 * 3, "val": 2, "test": 13}
    assert all(s["path"].startswith("test") == (s["split"] == "test") for s in made["sources"])


def test_held_out_rows_are_the_plain_view(folder, augment, tables, tmp_path):
    images = folder(a=6, b=6)
    assert augment(images).code == 0
    recipe, made, all_rows = make_recipe(tables()), index(tmp_path / "shards"), rows(tmp_path / "shards")
    for split, image, source in zip(all_rows["split"], all_rows["image"], all_rows["source"], strict=True):
        data = (images / made["sources"][source]["path"]).read_bytes()
        cleaned = clean(pixels_of(data, 1, 10**6), recipe.clean, recipe.draw)
        plain = build_pyramid(cleaned, recipe.draw).draw(PLAIN, recipe.draw)
        assert (image == plain).all() == (split != "train")


def test_plain_makes_every_image_a_test_row(folder, augment, tmp_path):
    facts = reported(augment(folder(a=3, b=4), "--plain", "--json"))
    assert facts["rows"] == {"train": 0, "val": 0, "test": 7}
    assert index(tmp_path / "shards")["class_counts"]["test"] == [3, 4]


def test_folds_hold_out_every_image_once(folder, augment, tmp_path):
    images, held = folder(a=9, b=6), []
    for fold in range(3):
        assert augment(images, "--set", "split.folds=3", "--set", f"split.fold={fold}").code == 0
        held += [s["path"] for s in index(tmp_path / "shards")["sources"] if s["split"] == "test"]
    assert sorted(held) == sorted(f"{c}/{i:03d}.png" for c, n in (("a", 9), ("b", 6)) for i in range(n))
