"""The look of the automatic mode: what is seen in the pictures of a set."""

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
import train_helpers as t
from automatic_helpers import INK
from cases import each
from characters import character
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.automatic.angles import match_rotations, shape_of
from tenfold.automatic.choices import Draft
from tenfold.automatic.colours import colours_tell, mean_colour
from tenfold.automatic.fit import choose_images
from tenfold.automatic.looking import _rows, look
from tenfold.automatic.mirrors import hog, may_be_mirrored, mirrored_classes, unmirrored_share
from tenfold.automatic.subfolders import subfolders
from tenfold.data.sources.opening import open_source


def letters(turn: float, seed: int = 0, count: int = 8, names: str = "jE/!"):
    """(shapes, labels) of some characters of several classes, each turned by up to `turn` degrees."""
    rng, shapes, labels = np.random.default_rng(seed), [], []
    for label, name in enumerate(names):
        for _ in range(count):
            drawn = cv2.copyMakeBorder((255 * character(name, 5, 40)).astype(np.uint8), *4 * (30,), cv2.BORDER_CONSTANT)
            middle = drawn.shape[1] / 2, drawn.shape[0] / 2
            matrix = cv2.getRotationMatrix2D(middle, rng.uniform(-turn, turn), rng.uniform(0.8, 1.1))
            shapes.append(shape_of(cv2.warpAffine(drawn, matrix, drawn.shape[::-1])))
            labels.append(label)
    return np.stack(shapes), np.array(labels)


def test_characters_that_stand_upright_are_told_from_those_at_any_angle():
    assert match_rotations(*letters(8)).are_upright
    assert match_rotations(*letters(180)).are_upright is False
    assert match_rotations(*letters(0, count=1)) is None     # nothing to compare with, or too little
    assert match_rotations(*letters(0, count=2)) is None
    assert match_rotations(*letters(8, names="+×=o")).are_upright is not False       # a + at another angle may be a ×
    assert match_rotations(*letters(180, names="+×=o")).are_upright is False


def compared(names: str, mirrored: bool = False, count: int = 15):
    """(HOG features, those of the mirror images, labels) of noisy shapes; mirrored: every other one is turned round."""
    rng, pictures, labels = np.random.default_rng(0), [], []
    for label, name in enumerate(names):
        for number in range(count):
            edges = rng.integers(4, 12, 4).tolist()
            drawn = cv2.copyMakeBorder(155 * character(name, 5, 40), *edges, cv2.BORDER_CONSTANT)
            noisy = np.clip(drawn + rng.normal(50, 9, drawn.shape), 0, 255).astype(np.uint8)[..., None]
            pictures.append(noisy[:, ::-1] if mirrored and number % 2 else noisy)
            labels.append(label)
    return np.stack([hog(p) for p in pictures]), np.stack([hog(p[:, ::-1]) for p in pictures]), np.array(labels)


@pytest.mark.parametrize(("mirrored", "names"), [(False, "jE/i"), (True, "jE/i"), (False, "üoI=")])
def test_shapes_whose_mirror_images_are_others_are_told_from_those_that_look_either_way(mirrored, names):
    share, count = unmirrored_share(*compared(names, mirrored))
    assert count == 60
    assert may_be_mirrored(share, count) == (mirrored or names == "üoI=")
    assert [may_be_mirrored(1.0, few) for few in (0, 8, 20)] == [True, True, False]      # 8 are too few to tell
    assert unmirrored_share(np.ones((2, 3)), np.ones((2, 3)), np.array([0, 1])) == (0.5, 0)   # none has another


def test_one_pair_of_mirror_images_among_symmetric_shapes_is_found():
    assert mirrored_classes(*compared("<üoI>=÷-")) == (0, 4)
    assert mirrored_classes(*compared("<üoI>=÷-", mirrored=True)) is None        # both look either way
    assert mirrored_classes(*compared("üoI=j")) is None
    assert mirrored_classes(*compared("<>", count=3)) is None                    # too few to tell


@pytest.mark.parametrize(("by_class", "shade", "tell"), [(True, 1.0, True), (True, 0.5, True), (False, 1.0, False)])
def test_colours_that_tell_the_classes_apart_are_seen(by_class, shade, tell):
    rng, inks = np.random.default_rng(0), ((220, 30, 30), (30, 180, 40), (240, 210, 30))
    colours, labels = [], []
    for number in range(45):
        image = rng.integers(244, 256, (40, 40, 3)).astype(np.uint8)
        ink = inks[number % 3 if by_class else rng.integers(3)]
        cv2.circle(image, (20, 20), int(rng.integers(8, 16)), [int(c * rng.uniform(shade, 1)) for c in ink], 3)
        colours.append(mean_colour(image))
        labels.append(number % 3)
    assert colours_tell(np.stack(colours), np.array(labels)) == tell
    assert not colours_tell(np.stack([mean_colour(np.full((9, 9, 3), 7, np.uint8))] * 30), np.arange(30) % 2)
    assert not colours_tell(np.stack(colours[:6]), np.array(labels[:6]))       # too few to tell


def test_a_folder_of_ink_is_looked_at(tmp_path):
    source = open_source(t.folder(tmp_path / "images"))
    seen = look(source, tmp_path, longest=600.0)
    assert (seen.images, seen.classes, seen.official) == (len(source), len(source.classes), {})
    again = look(source, tmp_path, longest=600.0)
    assert seen == dataclasses.replace(again, seconds=seen.seconds, slowest=seen.slowest)    # the same each time


def test_of_many_classes_some_are_looked_at_with_others_of_their_class():
    labels = np.arange(3000) % 1000
    seen = labels[_rows(labels)]
    assert len(seen) > 150
    assert min(np.unique(seen, return_counts=True)[1]) > 1
    few = np.sort(np.random.default_rng(0).integers(0, 7, 5000))
    assert len(set(_rows(few))) == 256
    assert sorted(_rows(np.array([0, 1, 1]))) == [0, 1, 2]


def test_a_part_of_a_set_has_as_many_of_each_class_as_there_are_or_the_same_number():
    uneven = dataclasses.replace(INK, images=160, classes=3, counts=(5, 50, 95), smallest_class=5, largest_class=95,
                                 official={"test": 10})
    for images, kept in ((150, 150), (149, 149), (100, 99), (62, 61), (25, 25), (3, 25)):
        part = uneven.subset(images)
        assert part.images == kept + 10
        assert part == uneven.with_per_class(part.per_class)
        assert bool(part.per_class) == (kept < 150)
        assert part.training_images + part._taken()["val"] == kept       # official test, so no other is taken
    assert uneven.subset(62).per_class == 28
    with_val = dataclasses.replace(uneven, images=190, counts=(5, 50, 95, 10, 10, 10), official={"test": 10, "val": 30})
    assert with_val.with_per_class(8).official == {"test": 10, "val": 24}
    assert with_val.with_per_class(8).images == 10 + 24 + 5 + 8 + 8
    assert uneven.with_per_class(0) is uneven


def test_official_splits_count_for_what_is_trained_on():
    official = dataclasses.replace(INK, images=66_000, official={"train": 6000, "test": 60_000}, counts=(1000,) * 6)
    assert (official.training_images, official.train_val_images) == (5700, 6000)
    assert (INK.training_images, INK.train_val_images) == (390, 480)
    with_val = dataclasses.replace(INK, official={"val": 60}, counts=(90,) * 6 + (10,) * 6)
    assert (with_val.training_images, with_val.train_val_images) == (432, 492)


def test_of_few_images_a_class_each_split_takes_one_and_of_fewer_none():
    few = dataclasses.replace(INK, images=18, counts=(3,) * 6)
    assert (few.training_images, few.train_val_images) == (6, 12)
    fewer = dataclasses.replace(few, images=17, counts=(3,) * 5 + (2,))
    assert (fewer.training_images, fewer.train_val_images) == (7, 12)


@pytest.mark.parametrize(("below", "many", "groups"), [
    ("{label}/writer{unit}", 6, True), ("{label}/writer{unit}", 4, False), ("{label}/kind{label}{unit}", 6, False)])
def test_folders_that_occur_in_several_classes_are_kept_whole_and_others_are_named(tmp_path, below, many, groups):
    for label, unit, number in itertools.product("ab", range(many), range(3)):
        if (label, unit) == ("b", 0):            # the folders of a class may lack some of the others'
            continue
        folder = tmp_path / "images" / below.format(label=label, unit=unit)
        folder.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng([ord(label), unit, number]).integers(0, 255, (16, 16, 3))
        cv2.imwrite(f"{folder}/{number}.png", noise)
    seen = look(open_source(tmp_path / "images"), tmp_path, longest=600.0)
    found = seen.subfolders
    assert (found.count, found.are_groups) == (2 * many - 1 if "kind" in below else many, groups)
    assert any("folders below the class folders" in line for line in seen.lines()) != groups
    draft = Draft("x", "")
    choose_images(draft, seen, "")
    assert draft.settings.get("split.groups") == ("folder" if groups else None)
    assert seen.with_per_class(5).subfolders == found


@each("names", [
    [f"{c}/{i}*1" for c in "ab" for i in range(9)],                      # a folder for each image
    [f"{c}/images*9" for c in "ab"],
    ["a*9", "b*9"]])
def test_other_folders_below_the_classes_are_no_groups(tree, names):
    assert subfolders(open_source(tree(*names))) is None


def test_folders_that_may_be_the_classes_are_named(tree):
    found = subfolders(open_source(tree(*(f"{c}/{kind}*3" for c in ("colour", "grey") for kind in "abcdef"))))
    assert not found.are_groups
    assert "such as 'a' in all classes: if these are writers" in found.note


def test_the_folder_above_images_is_the_group(tree):
    found = subfolders(open_source(tree(*(f"{c}/patient{i}/images*3" for c in "abc" for i in range(5 + (c == "a"))))))
    assert found.are_groups
    assert (found.count, found.per_class) == (6, 5)
