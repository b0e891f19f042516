"""A build that is run again: the same bytes for the same images, recipe and seed, and other shards for others."""

import os
import time

import numpy as np
import pytest
from built_sets import index, reported, rows
from conftest import PACKED, contents, leftovers, page, save
from PIL import Image

from tenfold.data.shardset import open_set


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


def test_nothing_is_left_beside_the_set(folder, augment, tmp_path):
    (tmp_path / "shards" / ".clean").mkdir(parents=True)
    for name in (".part-99999999-train-00000.h5", ".clean/.part-99999998-clean-00000.u8"):
        (tmp_path / "shards" / name).write_bytes(b"half")
    assert augment(folder(a=6, b=6)).code == 0
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "shards" / ".clean").exists()
