"""The bytes of a set depend on images, recipe and seed: never on workers, time or interruptions."""

import json
import os
import time

import h5py
import numpy as np
import pytest
from cases import each
from conftest import PACKED, contents, leftovers, opened, page, save, sources_of
from PIL import Image

from tenfold.data.recipe import make_recipe
from tenfold.data.shardset import open_set
from tenfold.preprocess.clean.steps import clean
from tenfold.preprocess.decode import decode
from tenfold.preprocess.draw.pyramid import build_pyramid
from tenfold.preprocess.draw.random_views import PLAIN
from tenfold.preprocess.draw_shards import moments


def reported(ran) -> dict:
    assert ran.code == 0, ran
    return json.loads(ran.out.splitlines()[-1])


def index(folder) -> dict:
    return json.loads((folder / "dataset.json").read_text()) | {"sources": sources_of(folder)}


def rows(folder) -> dict[str, np.ndarray]:
    """Every row of every shard, with the split it lies in."""
    columns = {"split": [], "image": [], "label": [], "source": [], "copy": []}
    for name in sorted(p.name for p in folder.glob("*-*.h5")):
        with opened(folder / name) as f:
            columns["split"] += [name.split("-")[0]] * len(f["label"])
            for key in list(columns)[1:]:
                columns[key] += list(f[key][:])
    return {k: np.array(v) for k, v in columns.items()}


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


def test_the_bytes_do_not_depend_on_workers_or_on_the_hour(folder, augment, tmp_path):
    images = folder(a=15, b=15)                          # 30 blocks to clean, four shards to draw
    more = ("--json", "--set", "draw.copies=30")
    one = reported(augment(images, *more, out=tmp_path / "one"))
    second = int(time.time())                            # HDF5 would note the time in whole seconds
    while int(time.time()) == second:
        time.sleep(0.01)
    two = reported(augment(images, *more, out=tmp_path / "two", workers=2))
    assert one["digest"] == two["digest"]
    assert one["shards"] == 4
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@each("shape", [(7, 37, 53, 3), (3, 350, 200, 1), (1, 2000, 3001, 3)], ids=str)
def test_moments_are_exact(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert moments(image) == {
        "pixels": image[..., 0].size, "sum": image.sum((0, 1, 2), dtype=int).tolist(),
        "sum_of_squares": [int((image[..., c].astype(int) ** 2).sum()) for c in range(shape[3])]}
    assert moments(image | 255)["sum_of_squares"] == [255**2 * image[..., 0].size] * shape[3]


@pytest.mark.parametrize("compression", [*PACKED, pytest.param("gzip", marks=pytest.mark.slow)])
def test_compression_changes_no_pixel(folder, augment, tmp_path, compression):
    images = folder(a=8, b=8)
    assert augment(images, out=tmp_path / "none").code == 0
    assert augment(images, "--set", f"shards.compression={compression}", out=tmp_path / "packed").code == 0
    none, packed = rows(tmp_path / "none"), rows(tmp_path / "packed")
    assert all((none[k] == packed[k]).all() for k in none)


def test_a_second_run_does_nothing(folder, augment, tmp_path):
    images = folder(a=8, b=8)
    one = reported(augment(images, "--json"))
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "shards").iterdir() if p.name != ".lock"}
    assert reported(augment(images, "--json"))["digest"] == one["digest"]
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "shards").iterdir() if p.name != ".lock"}


def test_the_trainers_keys_leave_the_shards_and_are_noted(folder, augment, tmp_path):
    images = folder(a=8, b=8)
    one = reported(augment(images, "--json"))
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "shards").glob("*.h5")}
    assert reported(augment(images, "--json", "--set", "train.lr=0.5"))["digest"] == one["digest"]
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "shards").glob("*.h5")}
    assert index(tmp_path / "shards")["recipe"]["train"]["lr"] == 0.5


@pytest.mark.slow
def test_what_the_pixels_depend_on_makes_other_shards(folder, augment, tmp_path):
    """In a folder that holds the shards of the case before, as in a new one."""
    images = folder(a=5, b=5)
    digests = {reported(augment(images, "--json"))["digest"]}
    for change in ("draw.rotation=10", "draw.copies=4", "clean.offset=20", "split.val=2", "seed=4",
                   "shards.compression=gzip"):
        made, new = reported(augment(images, "--json", "--set", change)), tmp_path / change
        assert made["digest"] not in digests, change
        digests.add(made["digest"])
        assert reported(augment(images, "--json", "--set", change, out=new))["digest"] == made["digest"], change
        assert contents(new) == contents(tmp_path / "shards"), change


def test_shards_that_are_planned_no_more_are_removed_and_nothing_else(folder, augment, tmp_path):
    images = folder(a=15, b=15)
    assert reported(augment(images, "--json", "--set", "draw.copies=30"))["shards"] == 4
    (tmp_path / "shards" / "mine.h5").write_text("keep")
    assert reported(augment(images, "--json", "--set", "draw.copies=2"))["shards"] == 3
    assert sorted(p.name for p in (tmp_path / "shards").glob("*.h5")) == [
        "mine.h5", "sources.h5", "test-00000.h5", "train-00000.h5", "val-00000.h5"]


def test_other_images_make_other_shards(folder, augment, tmp_path):
    images = folder(a=8, b=8)
    one = reported(augment(images, "--json"))
    save(images / "a" / "003.png", page(99))
    two = reported(augment(images, "--json"))
    assert one["digest"] != two["digest"]
    (images / "b" / "000.png").unlink()
    three = reported(augment(images, "--json"))
    assert three["digest"] not in (one["digest"], two["digest"])
    assert len(index(tmp_path / "shards")["sources"]) == 15


def test_what_other_images_decide_makes_other_shards_of_the_same_images(augment, tmp_path):
    settings = [f"--set={key}" for key in ("clean.polarity=auto", "clean.threshold=0", "clean.roi=false",
                                           "draw.copies=1")]

    def build(out):
        assert augment(images, *settings, out=tmp_path / out).code == 0
        return contents(tmp_path / out)
    images = tmp_path / "images"
    save(images / "test" / "a" / "0.png", 255 - page(90))
    for k in range(20):
        save(images / "train" / "ab"[k % 2] / f"{k}.png", page(k))
    before = build("set")
    for file in images.glob("train/*/*.png"):
        save(file, 255 - np.asarray(Image.open(file)))
    after = build("set")
    assert after["test-00000.h5"] != before["test-00000.h5"]
    assert after == build("fresh")


def test_other_labels_make_other_shards(augment, tmp_path):
    x = np.stack([page(i, 20, 30, 1) for i in range(24)])
    parts = ["train"] * 16 + ["val"] * 4 + ["test"] * 4
    found = []
    for y in ([0, 1] * 12, [1, 0] * 12):
        np.savez(tmp_path / "a.npz", x=x, y=y, classes=["no", "yes"], split=parts)
        assert augment(tmp_path / "a.npz").code == 0
        found.append(rows(tmp_path / "shards"))
        assert (found[-1]["label"] == np.array(y)[found[-1]["source"]]).all()
    assert (found[0]["image"] == found[1]["image"]).all()


def test_a_harmed_set_is_mended(folder, augment, tmp_path):
    images, out = folder(a=15, b=15), tmp_path / "shards"
    one = reported(augment(images, "--json", "--set", "draw.copies=30"))
    whole = contents(out)
    victim = out / "train-00001.h5"
    kept = (out / "train-00000.h5").stat().st_ino

    def flip(*unlinked):
        damaged = bytearray(victim.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        victim.write_bytes(damaged)
        for name in unlinked:
            (out / name).unlink()
    for name, harm in (("truncated", lambda: os.truncate(victim, 5000)), ("removed", victim.unlink),
                       ("no sources", (out / "sources.h5").unlink), ("a flipped bit", flip),
                       ("a flipped bit of an unfinished set", lambda: flip("dataset.json")),
                       ("replaced", lambda: victim.write_bytes((out / "val-00000.h5").read_bytes()))):
        harm()
        assert reported(augment(images, "--json", "--set", "draw.copies=30"))["digest"] == one["digest"], name
        assert contents(out) == whole, name
        assert (out / "train-00000.h5").stat().st_ino == kept, name
    (out / ".clean").mkdir()                     # of a build that was killed after its index was written
    (out / ".clean" / "clean-00000.u8").touch()
    assert reported(augment(images, "--json", "--set", "draw.copies=30"))["digest"] == one["digest"]
    assert not (out / ".clean").exists()


def test_a_damaged_index_is_made_again(folder, augment, tmp_path):
    images = folder(a=6, b=6)
    one = reported(augment(images, "--json"))
    for text in ("", "{", "[]", '{"schema": 1}', '{"schema": 9}'):
        (tmp_path / "shards" / "dataset.json").write_text(text)
        assert reported(augment(images, "--json"))["digest"] == one["digest"], text
        assert open_set(tmp_path / "shards").rows("val") == 2, text


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
        cleaned = clean(decode(data, 1, 10**6), recipe.clean, recipe.draw)
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


def test_nothing_is_left_beside_the_set(folder, augment, tmp_path):
    (tmp_path / "shards" / ".clean").mkdir(parents=True)
    for name in (".part-1-train-00000.h5", ".clean/.part-2-clean-00000.u8"):
        (tmp_path / "shards" / name).write_bytes(b"half")
    assert augment(folder(a=6, b=6)).code == 0
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "shards" / ".clean").exists()
