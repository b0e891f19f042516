"""How a folder is understood: which folders are splits, which are classes, and what is said of everything else."""

import os
import re
import unicodedata

import pytest
from cases import each
from conftest import PNG
from layout_helpers import counts

from tenfold.data.errors import SourceFault
from tenfold.data.sources.formats import identify
from tenfold.data.sources.layout import understand
from tenfold.data.sources.listing import SYSTEM, Folder
from tenfold.data.sources.opening import open_source
from tenfold.data.sources.split_names import parse_split_name


@each(("name", "split"), [
    *((name, "train") for name in ("train", "TRAINING", "train_set", "trainset", "trn", "training-images", "train2017",
                "Train Data", "TrainSet", "images_train", "train_val", "Train and Validation Set", "train_val2018",
                "train-valid-images", "data latih", "Eğitim", "训练集")),
    *((name, "val") for name in ("val", "Valid", "validation", "dev", "val_set", "Validation Images", "PublicTest",
                "验证")),
    *((name, "test") for name in ("test", "Testing", "test-set", "eval", "Evaluation", "tst", "test1", "data_uji",
                "PrivateTest", "private_test", "测试集"))])
def test_a_split_has_every_usual_name(tree, name, split):
    assert parse_split_name(name).split == split
    names = {"train": "train", "test": "test"} | {split: name}
    source = open_source(tree(*(f"{folder}/{c}*2" for folder in names.values() for c in ("cat", "dog"))))
    assert counts(source) == {(part, c): 2 for part in names for c in ("cat", "dog")}
    assert source.layout.splits == {part: [names[part]] for part in source.layout.splits}


@each("name", ["latest", "my test tube", "contest", "constrain", "validity", "device", "train_test"])
def test_other_words_are_no_split(name):
    assert parse_split_name(name) is None


CLASSES = ("cat*3", "dog*2")
SPLITS = {
    "one level down": (("training_set/training_set/{}", "test_set/test_set/{}"), "train test"),
    "in a wrapper": (("data/train/{}", "data/Val/{}", "data/README.txt", "__MACOSX/x*1"), "train val"),
    "with a prefix": (("mnist_train/{}", "mnist_test/{}", "LICENSE"), "train test"),
    "with a suffix": (("train-mnist/{}", "valid-mnist/{}"), "train val"),
    "a folder of images in each": (("train/images/{}", "val/images/{}"), "train val"),
    "in the names of the classes": (("train_{}", "test_{}", "docs/x*1"), "train test"),
    "with more in the names of the classes": (("train_images-{}", "test {}"), "train test"),
    "inside the classes": (("cat/train*3", "cat/test*3", "dog/train*2", "dog/test*2"), "train test"),
}


@each(("names", "parts"), SPLITS.values(), ids=SPLITS)
def test_splits_are_found_where_people_keep_them(tree, names, parts):
    source = open_source(tree(*(name.format(c) for name in names for c in CLASSES)))
    assert counts(source) == {(part, c): n for part in parts.split() for c, n in (("cat", 3), ("dog", 2))}


@each(("names", "classes"), [
    (("trainA*2", "trainB*2", "testA*1", "testB*1"), ("A", "B")),
    (("trainBigCats*2", "trainDogs*2", "testBigCats*1"), ("BigCats", "Dogs")),
    (("cat_train_images*2", "dog_train_images*2", "cat_test_images*1"), ("cat", "dog")),
    (("train_0*2", "train_1*2", "test_0*1", "test_1*1"), ("0", "1")),
    (("class_1_train*2", "class_2_train*2", "class_2_test*1"), ("class_1", "class_2")),
    (("train_photo*2", "train_drawing*2", "train_text*2", "test_photo*1"), ("drawing", "photo", "text"))])
def test_split_and_class_in_a_name_are_taken_apart(tree, names, classes):
    source = open_source(tree(*names))
    assert source.classes == classes
    assert set(source.official) == {"train", "test"}


@each("names", [
    ("train*2", "bus*2", "tram*2"), ("train/2019*2", "bus/2019*2"), ("train/a*1", "train/b*1", "figures*2"),
    ("test tube*2", "flask*2", "bullet train*2", "latest*2"), ("mask*2", "no_mask*2", "labels.csv"),
    ("1*2", "2*2", "labels.csv"), ("part 1*2", "part 2*2"), ("type_1*2", "type_2*2", "types.csv"),
    ("image_class_1*2", "image_class_2*2", "a.csv"),
    ("valid*2", "invalid*2"), ("train*2", "test*2", "bus*2")])
def test_a_class_may_be_called_like_a_split(tree, names):
    source = open_source(tree(*names))
    assert source.official == [None] * len(source)
    assert set(source.classes) == {name.partition("*")[0].partition("/")[0] for name in names if "*" in name}


@each("names", [
    ("train*3", "test*2"), ("training*3", "validation*2", "unlabelled*1"), ("train*3", "test/cat*2", "test/dog*2"),
    ("images*3", "labels.csv"), ("images/train*3", "images/val*2", "labels/train/", "labels/0.txt"),
    ("train/images*3", "train/labels/0.txt", "valid/images*2", "valid/labels/0.txt"),
    ("images*3", "annotations/masks*3"), ("images*1", "test_images*2", "train.csv"), ("train*1", "unlabeled*2"),
    ("HAM_images_part_1*2", "HAM_images_part_2*1", "HAM_metadata.csv"),
    ("images_001/images*2", "images_002/images*1", "x.csv"), ("image*3", "mask*3"), ("images*3", "ground_truth*3"),
    ("train*1", "test*1", "supplemental_images*1", "train.csv"), ("train_images*1", "test_images*2", "train_masks*3"),
    ("train2014*2", "train2017*1", "val2014*1", "val2017*1")])
def test_folders_of_splits_are_never_classes(tree, names):
    with pytest.raises(SourceFault, match=r"no sub-folders of classes.*3 images.*put the images of each class"):
        open_source(tree(*names))


@each(("names", "words"), [(("train*3", "train/label.txt"), "(train/label.txt names none of them)"),
                           (("train*3", "train/x_labels.pickle"), "(train/x_labels.pickle is not read)"),
                           (("data/cat*3", "test/x/a*1", "a.py"), "data/ holds one folder of images only, cat/, and"),
                           (("src/a.py", "models/b.txt"), "holds no image; put the images")])
def test_images_without_classes_are_refused_with_what_is_there(tree, names, words):
    with pytest.raises(SourceFault, match=re.escape(words)):
        open_source(tree(*names))


def test_loose_pictures_are_told_apart_by_the_beginnings_of_their_names(tree):
    root = tree("train/")
    for i in range(4):
        for kind in ("IMG", "DSC"):                    # cameras, most likely
            (root / "train" / f"{kind}.{i}.jpg").write_bytes(b"x")
    with pytest.raises(SourceFault, match=r"DSC: 4, IMG: 4.*source\.labels"):
        open_source(root)


@each(("more", "line"), [
    ("test*4", "test/: 4 images without class folders are not used"),
    ("test/unknown*4", "test/: 4 images without class folders are not used"),
    ("extra/cat*4", "extra/: 4 images are not used: it is no train, val or test split"),
    ("cat*4", "cat/: 4 images are not used: it is no train, val or test split"),
    ("train_small/cat*4", "train_small/: 4 images are not used: it is no train, val or test split"),
    ("train2/cat*4", "train2/: 4 images are not used: train/ is the train split"),
    ("Training/cat*3", "Training/ and train/ are all read as the train split"),
])
def test_what_is_not_used_is_said_with_its_number(tree, more, line):
    root = tree("train/cat*1", "train/dog*1", "val/cat*1", "val/dog*1", more)
    source = open_source(root)
    assert source.notes[1:] == [f"{root}: {line}"]
    if "not used" in line:
        assert len(source) == 4
        assert list(source.layout.unused.values()) == [4]


@each("above", ["data", "data/more", "train", "test"])
def test_a_wrapper_is_looked_through_and_said(tree, above):
    source = open_source(tree(f"{above}/cat*2", f"{above}/dog*2", "README.txt", "__MACOSX/cat*3", f"{above}/.git/x*1"))
    assert counts(source) == {(None, "cat"): 2, (None, "dog"): 2}
    assert source.paths[0] == f"{above}/cat/0.png"
    assert sum(f"only {above}/ holds images" in line for line in source.notes) == 1


def test_an_empty_class_folder_is_not_looked_past(tree):
    with pytest.raises(SourceFault, match="2 classes have no usable image: 'bird', 'fish'"):
        open_source(tree("cat/2019*2", "cat/2020*2", "bird/", "fish/"))


def test_what_is_passed_over_is_counted_by_kind(tree):
    root = tree("cat*2", "dog*2", "preview.txt", "cat/a.docx", "cat/b.docx", "dog/README", "cat/.hidden", "Thumbs.db",
                *(f"{name}/x*3" for name in sorted(SYSTEM) if "." not in name.strip("$") and "\r" not in name))
    (root / "loose.png").write_bytes(PNG)
    (root / "cat" / "link").symlink_to(root / "dog")
    os.mkfifo(root / "cat" / "pipe")
    (root / "cat" / "broken").symlink_to("nowhere")
    source = open_source(root)
    hidden = source.layout.passed_over.pop("hidden or system")
    assert hidden > 8
    assert source.layout.passed_over == {".docx": 2, ".txt": 1, "without suffix (text)": 1, "loose image": 1,
                                         "repeated folder": 1, "special file": 1, "broken link": 1}
    assert len(source) == 4
    assert "2 .docx" in source.notes[0]
    assert len(source.notes) == 1


def test_the_line_stays_short(tree):
    source = open_source(tree(*(f"class {i:02}*1" for i in range(40)), *(f"class 00/x.k{i}" for i in range(40))))
    assert len(source.notes[0]) < 400
    assert "40 classes" in source.notes[0]
    assert "others" in source.notes[0]
    assert sum(source.layout.passed_over.values()) == 40


def test_pictures_are_known_by_content_where_the_suffix_does_not_tell(tree, monkeypatch):
    root = tree("cat*2", "dog*2", "cat/notes.text", "cat/1.txt")
    for name in ("cat/x", "cat/y.jpg_large", "dog/z.jpg.1"):
        (root / name).write_bytes(PNG)
    (root / "dog" / "raw.nef").write_bytes(b"II*\0" + bytes(200))      # a thumbnail at best
    (root / "dog" / "empty").touch()
    opened = []
    monkeypatch.setattr("tenfold.data.sources.file_kinds.identify", lambda head: opened.append(head) or identify(head))
    source = open_source(root)
    assert [path for path in source.paths if not path.endswith(".png")] == ["cat/x", "cat/y.jpg_large", "dog/z.jpg.1"]
    assert source.layout.by_content == {"without suffix": 2, ".jpg_large": 1}
    assert len(opened) == 6                                            # none of those that end in .png or .txt
    assert source.layout.passed_over == {".text": 1, ".txt": 1, ".nef": 1, "without suffix (empty)": 1}


def test_composed_and_decomposed_names_are_one_class(tree):
    nfc, nfd = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    root = tree(f"train/{nfd}*2", f"test/{nfc}*1", "train/tea*1", "test/tea*1")
    source = open_source(root)
    assert source.classes == (nfc, "tea")
    assert sum("NFC" in line for line in source.notes) == 1
    assert (root / source.paths[-1]).exists()


def test_names_that_look_alike_are_named_in_one_line(tree):
    source = open_source(tree("dog*1", "Dog*1", "dog *1", "hot dog*1", "hot\u00a0dog*1", "cat*1"))
    assert len(source.classes) == 6
    line, = (line for line in source.notes if "look alike" in line)
    assert "'Dog' and 'dog' and 'dog '" in line
    assert "'hot dog' and 'hot\\u00a0dog'" in line


@each(("names", "words"), [
    (("train/Cat*1", "train/dog*1", "test/cat*1", "test/dog*1"), ["'cat'", "'Cat'", "the same name"]),
    (("train/cat*1", "train/dog*1", "test/cat *1"), ["'cat '", "train has 'cat'"]),
    (("train/cat*1", "train/dog*1", "test/bird*1", "val/fish*1", "test/fish*1"),
     ["'bird' (only in test)", "'fish' (only in val and test)"]),
    (("train/cat*1", "train/dog*1", "train/bird/", "test/bird*1", "test/cat*1"), ["'bird' (only in test)"]),
    (("test/cat*1", "test/dog*1", "val/cat*1"), ["no train split"]),
])
def test_a_class_that_cannot_be_learnt_is_refused_with_the_reason(tree, names, words):
    root = tree(*names)
    with pytest.raises(SourceFault) as caught:
        open_source(root)
    assert all(word in str(caught.value) for word in words), caught.value
    assert open_source(root, training=False).layout.kind == "official splits"      # it can be scored


def test_a_class_that_only_train_has_is_noted(tree):
    source = open_source(tree("train/cat*1", "train/dog*1", "train/bird*1", "test/cat*1", "test/dog*1"))
    assert any("the test split has no image of class bird" in line for line in source.notes)


def test_the_facts_are_plain_values(tree):
    import json
    source = open_source(tree("train/cat*1", "train/dog*1", "test/cat*1", "test/dog*1", "extra/cat*1"))
    assert json.loads(json.dumps(source.facts())) == source.facts()
    assert source.facts()["remarks"] == source.notes
    assert [home for home in source.homes if home.startswith("train")] == ["train/cat", "train/dog"]


def test_understanding_says_which_folder_is_which_class_of_which_split(tree):
    found = understand(Folder(str(tree("train/cat*2", "train/dog*2", "test/cat*1", "test/dog/"))))
    assert [(b.split, b.name, b.folder.below) for b in found.class_folders] == [
        ("train", "cat", "train/cat"), ("train", "dog", "train/dog"), ("test", "cat", "test/cat"),
        ("test", "dog", "test/dog")]


def test_classes_called_like_others_with_more_words_are_named(tree):
    source = open_source(tree("cat*3", "dog*3", "cat_raw*3", "dog_raw*3", "dog_house*2"))
    assert source.notes[1].endswith("cat_raw/ and dog_raw/: read as classes of their own, though called like others "
                                    "with more words behind; take them away if they are copies")
    assert len(open_source(tree("k*3", "ka*3", "s*3", "sa*3", "cat*3", "cat_raw*3")).notes) == 1


def test_folders_inside_classes_are_doubted_unless_they_are_groups(tree):
    for names, words in ((("cat/w1*2", "cat/w2*2", "dog/w1*2", "dog/w2*2"), "each class folder holds w1/ and w2/"),
                         (("cat/w1*2", "cat/x.txt", "dog*2"), "folders inside cat/ are read as one class each")):
        root = tree(*names)
        assert any(words in note for note in open_source(root).notes), names
        assert len(open_source(root, groups="folder").notes) == 1, names
    note = open_source(tree("cat/w1*2", "cat/w2*2", "dog/w1*2", "dog/w2*2")).notes[-1]
    assert note.endswith("split.groups = 'folder' keeps all images of one in the same split")


@each(("names", "words"), [
    (("{}/train/cat*2", "{}/train/dog*1", "{}/test/cat*1"), "each class folder holds cat/ and dog/"),
    (("{}/images/cat*1", "{}/images/dog*1"), "each class folder holds cat/ and dog/"),
    (("{}/train/good*2", "{}/test/good*1", "{}/test/torn in {}*1"), "folders inside one/ and two/ are read as one"),
    (("{}/train/good*2", "{}/test/torn*1", "{}/ground_truth/torn*1"), "each class folder holds good/ and torn/")])
def test_folders_below_the_splits_of_a_class_and_below_its_images_are_doubted_too(tree, names, words):
    root = tree(*(name.format(*[outer] * 2) for outer in ("one", "two") for name in names))
    assert sum(words in note for note in open_source(root).notes) == 1
    assert not any(words in note for note in open_source(root, groups="folder").notes)
    plain = open_source(tree(*(f"{label}/{split}/images*1" for label in "ab" for split in ("train", "test"))))
    assert len(plain.notes) == 1
