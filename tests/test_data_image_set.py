"""A set knows which images it was made of, wherever they lie and whenever they were written."""

import os
import shutil

import numpy as np
import pytest
import train_helpers as t
from conftest import page, save

from tenfold.data.errors import ShardFault, SourceFault
from tenfold.data.image_set import check_images, image_set
from tenfold.data.sources.opening import open_source


def digest(path) -> str:
    return image_set(open_source(path))["digest"]


def test_a_copy_elsewhere_is_the_same_and_any_change_is_not(folder, tmp_path):
    images = folder(a=3, b=2)
    copy = shutil.copytree(images, tmp_path / "elsewhere")
    os.utime(copy / "a" / "000.png", (1, 1))
    assert image_set(open_source(copy)) == image_set(open_source(images)) == {"count": 5, "digest": digest(copy)}
    (copy / "a" / "000.png").rename(copy / "a" / "zero.png")
    renamed = digest(copy)
    (copy / "a" / "zero.png").rename(copy / "b" / "zero.png")
    moved = digest(copy)
    save(copy / "b" / "zero.png", page(99))
    assert len({digest(images), renamed, moved, digest(copy)}) == 4


def test_an_arrays_file_is_known_by_its_contents(tmp_path):
    x, y = np.arange(4 * 6 * 5, dtype=np.uint8).reshape(4, 6, 5), np.array([0, 1, 0, 1])
    np.savez(tmp_path / "one.npz", x=x, y=y)
    np.savez_compressed(tmp_path / "two.npz", x=x, y=y)
    np.savez(tmp_path / "other.npz", x=x + 1, y=y)
    np.savez(tmp_path / "turned.npz", x=x, y=1 - y)
    found = {name: digest(tmp_path / f"{name}.npz") for name in ("one", "two", "other", "turned")}
    assert found["one"] == found["two"]
    assert len(set(found.values())) == 3


def test_a_set_made_of_others_is_refused_with_the_command_that_makes_it(folder, augment, tmp_path, capsys):
    images, other = folder(a=8, b=8), folder("my other", a=8, b=7)
    out = tmp_path / "shards"
    assert augment(images).code == 0
    from tenfold.data.shardset import read_index
    index = read_index(out)
    check_images(out, index, shutil.copytree(images, tmp_path / "copy"))
    with pytest.raises(ShardFault, match=r"is made of other images than .*my other \(16 images, not these 15\); run "
                                         r"`tenfold augment --recipe=x --data='.*my other'` .*leave --data out"):
        check_images(out, index, other, "x")
    with pytest.raises(SourceFault, match="does not exist"):
        check_images(out, index, tmp_path / "nowhere")
    check_images(out, {k: v for k, v in index.items() if k != "images"}, other)
    assert "does not say which images" in capsys.readouterr().out


def test_the_trainer_asks_when_images_are_named(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shards, other = t.built(tmp_path), t.folder(tmp_path / "other", 3)
    refused = t.train(capsys, shards, "--data", str(other))
    assert refused.code == 2
    assert len(refused.err.splitlines()) == 1
    assert "is made of other images" in refused.err
