"""What does not fit the recipe is said before an hour is spent, and stops the build where it is too much."""

import json

import numpy as np
import pytest
from characters import page
from conftest import save

DUST = ("--set", "clean.specks=0.5", "--set", "split.val=1", "--set", "split.test=1", "--set", "draw.copies=2")


@pytest.fixture
def ink(tmp_path):
    """Makes a folder of characters: ink(dark=6, light=1) -> its path."""
    def make(dark, light, margin=0.6):
        rng = np.random.default_rng(9)
        for label in "Eo":
            for number in range(dark + light):
                image = page(rng, label, 7, margin, dark=number < dark)[0]
                save(tmp_path / "ink" / label / f"{number}.png", image)
        return tmp_path / "ink"
    return make


def index(tmp_path):
    return json.loads((tmp_path / "shards" / "dataset.json").read_text())


def test_a_set_that_looks_the_other_way_is_refused(ink, refused, augment, tmp_path):
    line = refused(ink(0, 8), *DUST)
    assert "16 of 16 images look like light ink on dark, such as E/0.png" in line
    assert "--set clean.polarity=light" in line
    assert not (tmp_path / "shards" / "dataset.json").exists()
    seen = augment(tmp_path / "ink", *DUST, "--preview", tmp_path / "sheet.png")
    assert seen.code == 0
    assert "a build would stop: " in seen.out
    seen = augment(tmp_path / "ink", *DUST, "--report", out=tmp_path / "report")
    assert seen.code == 0
    assert "a build would stop: " in seen.out
    assert "suspect:" not in seen.out                 # what holds for all makes none a suspect
    assert augment(tmp_path / "ink", *DUST, "--set", "source.max_opposite=1").code == 0
    assert augment(tmp_path / "ink", *DUST, "--set", "clean.polarity=light", out=tmp_path / "light").code == 0


def test_auto_decides_once_and_names_the_others(ink, augment, tmp_path):
    ran = augment(ink(19, 1), *DUST, "--set", "clean.polarity=auto")
    assert ran.code == 0, ran
    assert "polarity: dark ink on light, as 38 of 40 images look; decided for the whole set" in ran.out
    assert "2 images clearly look like light ink on dark, such as E/19.png" in ran.out
    report = json.loads((tmp_path / "shards" / "report.json").read_text())
    assert {s["path"] for s in report["suspects"] if "probably light ink" in s["why"]} == {"E/19.png", "o/19.png"}
    assert (tmp_path / "shards" / "suspects.png").stat().st_size > 1000
    assert index(tmp_path)["common"]["polarity"] == "dark"


def test_a_mixed_set_is_judged_picture_by_picture(ink, augment, tmp_path):
    ran = augment(ink(6, 4), *DUST, "--set", "clean.polarity=auto")
    assert ran.code == 0, ran
    assert "12 images look like dark ink on light, 8 like light ink on dark; each is taken as it looks" in ran.out
    assert index(tmp_path)["common"]["polarity"] == "each"


def test_pictures_cut_to_their_ink_are_the_sets_nature(ink, augment, tmp_path):
    ran = augment(ink(8, 0, margin=0), *DUST)
    assert "16 of 16 images are cropped so tightly that the ink touches three or four edges" in ran.out
    report = json.loads((tmp_path / "shards" / "report.json").read_text())
    assert not [s for s in report["suspects"] if "cropped" in s["why"] or "mostly" in s["why"]]


def test_lost_components_are_named_and_drawn(ink, augment, tmp_path):
    rng = np.random.default_rng(1)
    image = page(rng, "o", 7, 0)[0]
    wide = np.full((image.shape[0] + 20, 8 * max(image.shape), 1), image.max(), np.uint8)
    wide[10:10 + image.shape[0], 10:10 + image.shape[1]] = image
    wide[14:22, -20:-12] = image.min()                    # as broad as the pen, but far from everything
    folder = ink(8, 0)
    save(folder / "E" / "far.png", wide)
    ran = augment(folder, *DUST)
    assert ran.code == 0, ran
    assert "suspect: E/far.png is" in ran.out
    report = json.loads((tmp_path / "shards" / "report.json").read_text())
    why = {s["path"]: s["why"] for s in report["suspects"]}
    assert "1 component broader than half the pen" in why["E/far.png"]
    assert (tmp_path / "shards" / "suspects.png").exists()


def test_a_recipe_for_other_pictures_is_noted(ink, augment, tmp_path):
    photos = (*DUST, "--set", "clean.polarity=keep", "--set", "clean.threshold=0", "--set", "clean.roi=false", "--set",
              "draw.fit=cover", "--set", "draw.flip=0.5")
    ran = augment(ink(6, 0), *photos)
    assert "12 of 12 images looked at are ink on a plain ground, and this recipe crops and mirrors them" in ran.out
    ran = augment(tmp_path / "ink", *photos, "--plain", out=tmp_path / "scored")       # a model has its recipe already
    assert "looked at" not in ran.out
    y, x = np.mgrid[0:60, 0:50]
    for label, slope in (("a", 1), ("b", 3)):
        for number in range(6):
            grain = np.random.default_rng([slope, number]).normal(0, 12, x.shape)
            image = np.clip(127 + 90 * np.sin((x * slope + y + 9 * number) / 9) + grain, 0, 255).astype(np.uint8)
            save(tmp_path / "photos" / label / f"{number}.png", image[..., None])
    ran = augment(tmp_path / "photos", *DUST, "--set", "source.max_opposite=1", out=tmp_path / "p")
    assert "12 of 12 images looked at are no ink on a plain ground" in ran.out


def test_pictures_of_few_levels_are_called_nearly_even(refused, augment, tmp_path):
    for label in "Eo":
        for number in range(6):
            image = page(np.random.default_rng(number), label, 7, 0.6, dark=False)[0]
            save(tmp_path / "ink" / label / f"{number}.png", image // 16)        # as 4 bits have them
    line = refused(tmp_path / "ink", *DUST, "--set", "clean.polarity=light")
    assert "E/0.png (blank: no ink): all pictures are nearly even: the levels of none span more than 13 of 255" in line
    assert line.endswith("stretch these over 0..255\n")
    seen = augment(tmp_path / "ink", *DUST, "--set", "clean.polarity=keep", "--set", "clean.roi=false",
                   "--set", "clean.threshold=0", "--set", "draw.broaden=0")
    assert seen.code == 0
    assert "are nearly even" in seen.out
    line = np.full((300, 300, 1), 250, np.uint8)
    line[:, 90] = 20
    save(tmp_path / "ink/E/line.png", line)
    assert "are nearly even" not in augment(tmp_path / "ink", *DUST, "--report", out=tmp_path / "thin").out
