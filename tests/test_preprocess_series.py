"""Frames of videos from the folder to the shards: no video lies on two sides, and other images lie where they did."""

import cv2
import numpy as np
import pytest
from conftest import save, sources_of
from test_preprocess_fingerprint import jpeg, photo
from test_preprocess_groups import KEEP, sides

CLIPS, FRAMES = 6, 10


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two classes of six videos each: a square, or a disc, moves over the background of its video."""
    root = tmp_path_factory.mktemp("videos") / "images"
    for clip in range(2 * CLIPS):
        rng, background = np.random.default_rng([5, clip]), photo(clip, 48, 64)
        start, step = rng.uniform(10, 20, 2), rng.uniform(1, 2.6, 2)
        for frame in range(FRAMES):
            x, y = map(int, start + frame * step)
            image = background.copy()
            if clip % 2:
                cv2.circle(image, (x, y), 6, (250, 240, 30), -1)
            else:
                cv2.rectangle(image, (x - 6, y - 6), (x + 6, y + 6), (250, 240, 30), -1)
            save(root / "ab"[clip % 2] / f"clip{clip:02}_frame{frame:04}.png", image)
    return root


def clip_of(path: str) -> str:
    return path.partition("_frame")[0]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_video_lies_on_one_side(videos, augment, tmp_path, seed):
    ran = augment(videos, *KEEP, "--set", f"seed={seed}")
    assert ran.code == 0, ran
    found = sides(tmp_path / "shards", clip_of)
    assert len(found) == 2 * CLIPS
    assert all(len(side) == 1 for side in found.values())
    assert set().union(*found.values()) == {"train", "val", "test"}
    lines = [line for line in ran.out.splitlines() if "frames of videos" in line]
    assert len(lines) == 1
    assert "clip00_frame…" in lines[0]
    assert "12 groups of 120 images, each held together" in lines[0]


@pytest.mark.parametrize("asked", ["split.near_duplicates=report", "split.groups=path:frame(.*).png"])
def test_unless_the_recipe_says_otherwise(videos, augment, tmp_path, asked):
    ran = augment(videos, *KEEP, "--set", asked)
    assert ran.code == 0, ran
    assert any(len(side) > 1 for side in sides(tmp_path / "shards", clip_of).values())
    assert "by their file names" not in ran.out


def test_names_of_ordinary_images_change_nothing(augment, tmp_path):
    """A third is saved twice. Whether they are numbered or have any name, each lies where it did."""
    splits = []
    for name in ("img_{:03}.png", "{:016x}.png"):
        for i in range(60):
            image = photo(i % 40, 36, 48)
            number = i if "img" in name else (i * 0x9E3779B97F4A7C15 + 1) % 2**64
            save(tmp_path / name / "ab"[i % 2] / name.format(number), jpeg(image, 80) if i >= 40 else image)
        assert augment(tmp_path / name, *KEEP, out=tmp_path / f"{name} shards").code == 0
        found = {source["digest"]: source["split"] for source in sources_of(tmp_path / f"{name} shards")}
        assert len(found) == 60
        splits.append(found)
    assert splits[0] == splits[1]
