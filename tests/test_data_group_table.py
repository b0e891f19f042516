"""A table of groups in the forms that people and programs write, and what is said of one that does not fit."""

import itertools
from types import SimpleNamespace

import pytest
from cases import each

from tenfold.data.errors import SourceFault
from tenfold.data.splits.group_table import read_group_table

PATHS = ["cat/w/1.png", "cat/w/2.png", "dog/w/2.png", "dog/w/3.jpg"]
GROUPS = ["p", "p", "q", "q"]


@pytest.fixture
def read(tmp_path):
    """Reads a table of a text: read("cat/w/1.png,p") -> (groups of PATHS, notes). Its images lie in "my images"."""
    numbers = itertools.count()

    def make(text):
        file = tmp_path / f"{next(numbers)}.csv"
        file.write_text(text)
        return read_group_table(str(file), SimpleNamespace(root=tmp_path / "my images", paths=PATHS))
    return make


def lines(write, head=""):
    return head + "\n".join(write(path, group) for path, group in zip(PATHS, GROUPS, strict=True))


@each("start", ["", "./", "my images/", "./my images/", "/somewhere/my images/", "C:\\data\\my images\\"])
def test_the_folder_of_the_images_may_stand_in_front(read, start):
    assert read(lines(lambda path, group: f"{start}{path},{group}")) == (GROUPS, [])


def test_what_is_left_out_may_be_so_if_one_image_alone_is_meant(read):
    names, notes = read("1.png,p\nw/1.png,p\n1,p\ndog/w/2,q\n3,q\nmy images/w/3,q\n2.png,r\nw/2,r\n")
    assert names == ["p", None, "q", "q"]
    assert len(notes) == 1
    assert "2 paths are no image" in notes[0]
    assert notes[0].endswith("such as 2.png (which may be cat/w/2.png or dog/w/2.png)")
    for elsewhere in ("g/1.png", "at/w/1.png", "png", "", "cat/w", "old/cat/w/1.png"):
        assert "1 path is no image" in read(f"{elsewhere},p\n{PATHS[0]},p")[1][0]


@each("places", list(itertools.permutations(range(3))))
def test_an_empty_cell_says_nothing_in_whatever_order_the_lines_are(read, places):
    both = [f"{PATHS[0]},p", f"{PATHS[0]},", f"{PATHS[1]},"]
    assert read("\n".join(both[i] for i in places))[0] == ["p", None, None, None]
    with pytest.raises(SourceFault, match="and a line before into"):
        read("\n".join([*(both[i] for i in places), f"{PATHS[0]},q"]))


@each(("head", "write"), [
    ("image_path,patient_id", "{path},{group}"), ("patient,path", "{group},{path}"),
    (",filename,patient", "7,{path},{group}"),
    ("path,label,patient", "{path},x,{group}"), ("Writer;Age;File Name", "{group};7;{path}"),
    ("lesion_id,image_id,age", "{group},{path},50"), ("path,group,patient", "{path},{group},x"),
    ("file,patient,group", "{path},x,{group}"), (",picture,Subject ID", "0,{path},{group}"),
    ("what,ever", "{path},{group}"), ("a,b,", "{path},{group},")])
def test_columns_are_known_by_their_names(read, head, write):
    names, notes = read(lines(lambda path, group: write.format(path=path, group=group), head + "\n"))
    assert names == GROUPS
    assert bool(notes) == (head in ("what,ever", "a,b,"))        # two columns: the paths, then the groups


@each("head", ["path,label,site", "path,patient,writer", "file,image,patient", "cat/w/1.png,p,x"])
def test_columns_that_leave_it_open_are_refused_and_listed(read, head):
    with pytest.raises(SourceFault, match=r"has 3 columns, and '.*name these two path and .*\.csv:COLUMN") as caught:
        read(f"{head}\n{PATHS[0]},x,y\n")
    assert all(repr(name) in str(caught.value) for name in head.split(","))


@each(("text", "words"), [
    ("old/1.png,p\nold/2.png,q", "such as old/1.png, those of the images such as cat/w/1.png; write lines of path"),
    ("path,group\n2.png,p", "such as 2.png (which may be cat/w/2.png or dog/w/2.png), those of the images such"),
    (f"{PATHS[0]},", "gives no image a group")])
def test_a_table_of_none_of_the_images_is_refused_with_a_path_of_each(read, text, words):
    with pytest.raises(SourceFault) as caught:
        read(text)
    assert words in str(caught.value)
