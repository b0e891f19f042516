"""Folders that hold programs too: which of them is the set, and which are no classes."""

import pytest
from cases import each
from layout_helpers import counts

from tenfold.data.errors import SourceFault
from tenfold.data.sources.opening import open_source


def test_most_images_are_the_set_if_they_are_called_so(tree):
    names = "dataset/raw*4", "dataset/ripe*5", "input*3", "cascade/face.xml"
    source = open_source(tree(*names, "main.py"))
    assert counts(source) == {(None, "raw"): 4, (None, "ripe"): 5}
    assert source.notes[-1].endswith("input/: 3 images are not used: it lies beside the folder that is read")
    assert open_source(tree(*names[:3])).classes == ("dataset", "input")


def test_pictures_in_a_folder_of_programs_are_not_in_the_way(tree):
    source = open_source(tree("Data/0*9", "Data/1*9", "talk/data*9", "talk/a.py", "talk/b.py"))
    assert source.classes == ("0", "1")
    names = "AID/0*9", "AID/1*9", "AID/2*9", "net/doc*3", "net/gui*3", "net/a.cc", "net/b.cc"
    assert open_source(tree(*names)).classes == ("0", "1", "2")
    with pytest.raises(SourceFault, match="the set may be in AID/; give AID/ alone"):
        open_source(tree(*names[1:]))


def test_the_only_folder_of_folders_beside_a_test_folder_is_the_set(tree):
    names = "data/road/mtb*4", "data/road/racer*4", "data/bikes_test*5"
    assert open_source(tree(*names, "net.py")).classes == ("mtb", "racer")
    assert open_source(tree(*names)).classes == ("bikes_test", "road")
    assert open_source(tree(*names[:2], "data/skate*5", "net.py")).classes == ("road", "skate")


def test_a_folder_of_more_folders_than_lie_beside_it_is_refused_as_a_class(tree):
    names = "faces/Ada*1", "faces/Bob*1", "faces/Eve*1", "old*3"
    assert open_source(tree(*names)).classes == ("faces", "old")
    with pytest.raises(SourceFault, match=r"faces/ holds 3 folders.*give faces/ alone"):
        open_source(tree(*names, "gui/main.py"))
    deeper = (name.replace("faces", "found/faces") for name in names)
    with pytest.raises(SourceFault, match=r"found/faces/ holds 3 folders"):
        open_source(tree(*deeper, "main.m"))
    assert open_source(tree(*names[:3], "old/x*3", "main.m")).classes == ("faces", "old")


@each("names", [("results/new*3", "utils*1"), ("images*9", "doc/images*1"), ("en_val/images*3", "images*9"),
                ("dataset/en_val/images*3", "dataset/images*9"), ("images*3", "public/icons*8"),
                ("data/images*1", "figure*3")])
def test_folders_without_a_name_of_a_class_are_none(tree, names):
    assert len(open_source(tree(*names)).classes) == 2
    with pytest.raises(SourceFault, match="no sub-folders of classes"):
        open_source(tree(*names, "net/train.py"))


def test_what_is_mostly_programs_is_no_class(tree):
    assert len(open_source(tree("assets*3", "gui*1")).classes) == 2
    with pytest.raises(SourceFault, match="gui/ has no sub-folders of classes"):
        open_source(tree("assets*3", "gui*1", "gui/main.py"))
    assert open_source(tree("cat*9", "dog*9", "cat/rename.py")).classes == ("cat", "dog")


def test_folders_of_a_project_beside_classes_are_left_out_and_named(tree):
    root = tree("cat*9", "dog*9", "docs*2", "test*3", "images/gui*1", "images/plots*1", "main.py")
    source = open_source(root)
    assert source.classes == ("cat", "dog")
    assert [note.removeprefix(f"{root}: ") for note in source.notes[1:]] == [
        f"{name}/: {n} images are not used: beside programs, it is no class"
        for name, n in (("docs", 2), ("images", 2), ("test", 3))]


def test_if_one_may_be_the_set_it_is_not_certain(tree):
    with pytest.raises(SourceFault, match="the set may be in dataset/; give dataset/ alone"):
        open_source(tree("dataset/fake*5", "dataset/real*5", "sent*7", "uploads*9", "main.py"))


def test_if_they_hold_most_of_the_images_it_is_not_certain(tree):
    with pytest.raises(SourceFault, match=r"most of its images are in dataset/ and runs/, which have no name of a cl"):
        open_source(tree("dataset/images/train*9", "runs/a*4", "cut*5", "taken*3", "main.py"))


def test_most_images_are_the_train_split_if_they_are_called_so(tree):
    names = "train/cat*4", "train/dog*4", "crops/old*3", "crops/new*4"
    assert open_source(tree(*names, "svm.cpp")).classes == ("cat", "dog")
    assert open_source(tree(*names)).classes == ("crops", "train")
    assert open_source(tree("train*8", "bus/old*3", "bus/new*4", "svm.cpp")).classes == ("bus", "train")


def test_what_holds_as_many_images_as_a_class_may_be_one(tree):
    source = open_source(tree("logo*4", "background*9", "train.py"))
    assert counts(source) == {(None, "logo"): 4, (None, "background"): 9}
    assert source.notes[1].endswith("logo/: read as a class like the folders beside, though programs lie there too; "
                                    "take it away if it is none")
    assert len(open_source(tree("logo*4", "background*9")).notes) == 1


def test_icons_and_logos_may_be_classes(tree):
    assert open_source(tree("icons*3", "logos*3", "app.py")).classes == ("icons", "logos")
    assert open_source(tree("data/code*3", "data/text*3", "app.py")).classes == ("code", "text")
