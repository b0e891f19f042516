"""Folders beside and below the classes: splits, copies, masks, a documentation; what may be a class stays one."""

import inspect
import sys

import pytest
from cases import each
from conftest import PNG
from layout_helpers import counts

from tenfold.data.errors import SourceFault
from tenfold.data.sources.opening import open_source


@each(("name", "split"), [("test", "test"), ("Validation set", "val"), ("brain_dataset", ""), ("train", "")])
def test_a_folder_of_the_same_classes_beside_them_is_their_split_or_a_copy(tree, name, split):
    root = tree("cat*3", "dog*2", f"{name}/cat*3", f"{name}/dog*2")
    source = open_source(root)
    own = {(None, "cat"): 3, (None, "dog"): 2}
    assert counts(source) == own | ({(split, "cat"): 3, (split, "dog"): 2} if split else {})
    assert source.layout.splits == ({split: [name]} if split else {})
    told = f"{name}/: 5 images are not used: the class folders beside it lie in it again"
    assert source.notes[1:] == ([] if split else [f"{root}: {told}"])


@each(("more", "found"), [
    (("val/cat*2", "val/dog*2", "test/cat*1", "test/dog*1"), {"val": 4, "test": 2}),
    (("test*2", "test/cat*2", "test/dog*1"), {"test": 3}), (("bird*2", "test/cat*2", "test/dog*1"), {"test": 3})])
def test_several_splits_may_lie_beside_the_classes(tree, more, found):
    source = open_source(tree("cat/2019*3", "dog*2", *more))
    assert {split: source.official.count(split) for split in source.layout.splits} == found
    assert source.official.count(None) == len(source) - sum(found.values())
    assert not {"val", "test"} & set(source.classes)


@each("name", ["test", "unlabeled", "train", "masks", "annotations", "ground_truth images"])
def test_a_class_that_may_be_none_is_named(tree, name):
    source = open_source(tree("cat*3", "dog*2", f"{name}*5"))
    assert counts(source)[None, name] == 5
    assert f"{name}/: read as a class like the folders beside; take it away" in source.notes[1]


@each(("names", "splits"), [
    (("data/cat*2", "data/dog*3", "docs*1", "assets*7"), 1),
    (("images/cat*2", "images/dog*3", "docs*1", "masks*7"), 1),
    (("pets/train/{}", "pets/test/{}", "docs*1"), 2),
    (("pets/train/{}", "pets/valid/{}", "docs*1"), 2)])
def test_a_set_is_found_beside_the_pictures_of_its_documentation(tree, names, splits):
    root = tree(*(name.format(c) for name in names for c in ("cat*2", "dog*3")))
    source = open_source(root)
    assert source.classes == ("cat", "dog")
    assert len(source) == 5 * splits
    assert any(line.startswith(f"{root}: docs/: 1 image is not used: it ") for line in source.notes)
    assert f"{root}: {names[0].partition('/')[0]}/ holds a set: its folders are read" in source.notes


@each("beside", ["data/{}*9", "app/static/{}*1", "notes/new/{}*3"])
def test_the_only_splits_of_classes_are_the_set_at_any_depth(tree, beside):
    names = ("work/sets/train/{}*4", "work/sets/val/{}*2", "work/sets/test/{}*1", beside)
    root = tree(*(name.format(c) for name in names for c in ("cat", "dog")))
    source = open_source(root)
    assert counts(source) == {(split, c): n for split, n in (("train", 4), ("val", 2), ("test", 1))
                              for c in ("cat", "dog")}
    assert f"{root}: work/sets/ holds a set: its folders are read" in source.notes
    assert any("not used" in note for note in source.notes)


@each(("names", "words"), [
    (("big/{}/cat*2", "big/{}/dog*2", "old/small/{}/cat*2", "old/small/{}/dog*2"),
     "big/ and old/small/ are sets of images, not classes; give one of them"),
    (("one/{}/cat*2", "one/{}/dog*2", "saved*9"), "one/ is a set of images with splits of its own, not a class"),
    (("a/{}/cat*2", "a/{}/dog*2", "b/{}/Cat*2", "b/{}/dog*2", "b/{}/cow*2"), "a/ and b/ are sets of images, not"),
    (("dataset1/{}/cat*2", "dataset1/{}/dog*2", "dataset2/{}/cat*2", "dataset2/{}/dog*2"), "are sets of images, not"),
    (("dataset/{}*2", "detector/photo1500*9"), "give dataset/ alone, or take it away"),
    (("dataset1/cat*2", "dataset1/dog*2", "dataset2/bus*2", "dataset2/car*3"), "dataset1/ and dataset2/ are sets"),
    (("data/cat*2", "data/dog*2", "data2/cat*2", "data2/dog*3", "paper*9"), "data/ and data2/ are sets of images")])
def test_a_set_of_images_is_no_class(tree, names, words):
    root = tree(*(name.format(split) for name in names for split in (("train", "test") if "{}" in name else ("",))))
    with pytest.raises(SourceFault, match=words):
        open_source(root)


@each("inner", [("images", "masks"), ("w1",), ("w1", "w2")])
def test_folders_in_the_splits_of_a_class_are_no_classes_if_they_are_one_or_masks_or_groups(tree, inner):
    root = tree(*(f"{c}/{split}/{name}*2" for c in ("cat", "dog") for split in ("train", "test") for name in inner))
    source = open_source(root, groups="folder" if len(inner) > 1 and "masks" not in inner else "")
    assert source.classes == ("cat", "dog")


@each("beside", ["src/programs", "models", "notebooks", "data"])
def test_folders_without_pictures_beside_classes_may_hold_programs(tree, beside):
    root = tree("cat*3", "dog*2", f"{beside}*0")
    assert open_source(root).classes == ("cat", "dog")
    assert f"{beside.partition('/')[0]}/: no images, so no class" in open_source(root).notes[-1]


def test_a_folder_of_programs_is_no_class_whatever_its_name(tree):
    root = tree("cat*3", "dog*2", "my_net*0")
    with pytest.raises(SourceFault, match="'my_net' has no usable image"):
        open_source(root)
    (root / "my_net" / "net.py").write_text("")
    assert open_source(root).classes == ("cat", "dog")


@each("split", ["", "train/"])
@each(("masks", "are_masks"), [(("Y0", "Y1"), True), (("Y1", "N1"), True), (("Y1", "Z1"), False), (("1", "2"), False)])
def test_a_folder_of_masks_has_the_names_of_the_images_beside_it(tree, split, masks, are_masks):
    test = ["test/no*1", "test/yes*1"] if split else []
    root = tree(f"{split}no*2", f"{split}yes*3", f"{split}masks/", *test)
    for name in ("no/N1", "no/N2", "yes/Y0", "yes/Y1", *(f"masks/{mask}" for mask in masks)):
        (root / split / f"{name}.png").write_bytes(PNG)
    source = open_source(root)
    assert source.classes == (("no", "yes") if are_masks else ("masks", "no", "yes"))
    words = "masks/: 2 images are not used" if are_masks else "masks/: read as a class like the folders beside"
    assert any(words in note for note in source.notes)


@each("name", ["masks", "labels"])
def test_names_that_begin_anew_in_each_folder_do_not_tell_masks_from_a_class(tree, name):
    assert counts(open_source(tree("gloves*5", "helmets*6", f"{name}*4")))[None, name] == 4
    assert counts(open_source(tree("gloves*5", f"{name}*4")))[None, name] == 4


def test_folders_may_be_very_deep(tree):
    root, limit = tree("cat*2", "dog/" + "a/" * 300 + "b*2"), sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 200)
    try:
        assert open_source(root).classes == ("cat", "dog")
    finally:
        sys.setrecursionlimit(limit)


def test_what_is_a_class_in_train_is_one_in_test(tree):
    root = tree("train/no*2", "train/yes*2", "train/masks*2", "test/no*1", "test/yes/", "test/masks/")
    for name in ("yes", "masks"):
        (root / "test" / name / "Y1.png").write_bytes(PNG)
    assert counts(open_source(root))["test", "masks"] == 1


@each("last", ["dog/train*4", "dog*4", "dog/train*2", "dog/test*4"])
def test_a_class_with_folders_train_and_test_is_no_set_of_its_own(tree, last):
    assert {label for _, label in counts(open_source(tree("cat/train*3", "cat/test*2", last)))} == {"cat", "dog"}


@each("names", [("{}/labels.txt",), ("{}/_annotations.coco.json",), ("{}/labels/0.txt", "{}/labels/1.txt")])
def test_folders_with_splits_and_labels_of_their_own_are_sets(tree, names):
    images = [f"{one}/{split}*3" for one in ("day", "night") for split in ("train", "test")]
    labels = [name.format(image.partition("*")[0]) for image in images for name in names]
    assert len(counts(open_source(tree(*images)))) == 4
    with pytest.raises(SourceFault, match="day/ and night/ are sets of images, not classes"):
        open_source(tree(*images, *labels))


@each("beside", ["out*2", "samples*3"])
def test_classes_in_train_are_found_beside_a_few_pictures(tree, beside):
    assert open_source(tree("train/cat*30", "train/dog*30", beside)).classes == ("cat", "dog")
    assert "train" in open_source(tree("train/cat*30", "train/dog*30", "bus*30")).classes


def test_a_set_is_found_beside_few_pictures_of_a_page(tree):
    root = tree("dataset/cat*30", "dataset/dog*30", "logo*1", "net/images*2")
    assert counts(open_source(root)) == {(None, "cat"): 30, (None, "dog"): 30}


def test_a_copy_of_the_classes_in_splits_is_no_class(tree):
    root = tree("cat*3", "dog*2", *(f"old/{split}/{c}" for split in ("train", "test") for c in ("cat*1", "dog*1")))
    assert counts(open_source(root)) == {(None, "cat"): 3, (None, "dog"): 2}


@each(("train", "test"), [("dataset", "dataset-test"), ("data", "test"), ("pets", "pets_test"), ("images", "valid")])
def test_the_only_folder_beside_a_test_split_of_the_same_classes_is_the_train_split(tree, train, test):
    source = open_source(tree(*(f"{name}/{c}" for name in (train, test) for c in ("cat*2", "dog*3"))))
    split = "val" if test == "valid" else "test"
    assert counts(source) == {(s, c): n for s in ("train", split) for c, n in (("cat", 2), ("dog", 3))}


@each("names", [("pets/cat*2", "pets/dog*2", "docs*1"), ("data/cat*1", "data/dog*1", "cars*2"),
                ("data/a*3", "data/b*3", "cars/new*1"), ("ok*5", "defect*5", "unknown/2023*6", "unknown/2024*6"),
                ("paintings*5", "drawings*5", "photos/2019*6", "photos/2020*6")])
def test_other_folders_are_all_classes(tree, names):
    classes = {name.partition("/")[0].partition("*")[0] for name in names}
    assert set(open_source(tree(*names)).classes) == classes


@pytest.mark.parametrize(("more", "why"), [("images/cat*4", "the class folders beside it lie in it again"),
                                           ("annotations/cat*4", "it lies beside the folder that is read")])
def test_a_second_copy_and_masks_are_no_classes(tree, more, why):
    inside = "images/" if "annotations" in more else ""
    root = tree(f"{inside}cat*2", f"{inside}dog*2", more, more.replace("cat", "dog"))
    source = open_source(root)
    assert counts(source) == {(None, "cat"): 2, (None, "dog"): 2}
    assert source.notes[-1] == f"{root}: {more.partition('/')[0]}/: 8 images are not used: {why}"


@each("names", [
    ("{}/images*2", "{}/masks*2"), ("train/{}/img*2", "train/{}/mask*2"), ("{}*2", "{}/Ground Truth*2"),
    ("{}/2019/images*1", "{}/2020/images*1", "{}/2020/labels*2")])
def test_masks_beside_the_images_of_a_class_are_passed_over(tree, names):
    source = open_source(tree(*(name.format(c) for name in names for c in ("cat", "dog"))))
    assert {(c, n) for (_, c), n in counts(source).items()} == {("cat", 2), ("dog", 2)}
    assert source.layout.passed_over == {"mask": 4}
    assert "passed over: 4 masks" in source.notes[0]
    assert not any("masks/" in line for line in source.notes)


@each("names", [("bird/air*2", "bird/ground*2", "plane*2"), ("ppe/gloves*2", "ppe/mask*2", "other*2"),
                ("a/masks*4", "b*2")])
def test_folders_called_like_masks_may_be_what_a_class_consists_of(tree, names):
    source = open_source(tree(*names))
    assert len(source) == 6
    assert source.layout.passed_over == {}


def test_masks_beside_a_folder_of_classes_are_not_in_the_way(tree):
    source = open_source(tree("images/cat*3", "images/dog*3", "masks*6"))
    assert source.classes == ("cat", "dog")
    assert any("masks/: 6 images are not used" in line for line in source.notes)


def test_masks_are_known_by_the_names_of_their_images(tree):
    root = tree("mask*2", "no_mask/")
    for name in ("1", "1_mask", "b (2)", "b (2)_mask_1", "b (2)-Segmentation", "face_mask", "3_mask"):
        (root / "no_mask" / f"{name}.png").write_bytes(PNG)
    source = open_source(root)
    assert [path for path in source.paths if "no_mask" in path] == [
        f"no_mask/{name}.png" for name in ("1", "3_mask", "b (2)", "face_mask")]
    assert counts(source)[None, "mask"] == 2
    assert source.layout.passed_over == {"mask": 3}


def test_classes_may_hold_folders_that_are_called_like_classes(tree):
    source = open_source(tree(*(f"{digit}/{writer}*1" for digit in range(3) for writer in range(3))))
    assert counts(source) == {(None, str(digit)): 3 for digit in range(3)}
