"""Groups by folder, by pattern, by table; and which near-duplicates are believed."""

import unicodedata
from types import SimpleNamespace

import numpy as np
import pytest
from cases import each

from tenfold.data.errors import RecipeFault, SourceFault
from tenfold.data.splits.assign import Images, split_sources
from tenfold.data.splits.groups import check_groups, source_groups
from tenfold.data.splits.near import near_to_hold
from tenfold.data.splits.notes import split_notes
from tenfold.data.tables import Split

PATHS = ["a/writer1/x.png", "a/writer1/deep/y.png", "a/z.png", "b/writer1/x.png", "b/w2/a_7.png"]


def source(paths, tmp_path=None, classes=("a", "b"), official=None, **more):
    official = official or [None] * len(paths)
    labels = np.array([classes.index(path.split("/")[1 if part else 0]) for path, part in
                       zip(paths, official, strict=True)])
    homes = ["/".join(path.split("/")[:2 if part else 1]) for path, part in zip(paths, official, strict=True)]
    return SimpleNamespace(root=tmp_path, classes=classes, paths=list(paths), labels=labels, official=official,
                           homes=homes, **more)


def groups(how, *args, **more):
    return source_groups(how, source(*args, **more))


def test_by_folder_below_the_class():
    names, lines = groups("folder", PATHS)
    assert names == ["writer1", "writer1/deep", None, "writer1", "w2"]
    assert "3 groups of 4 images" in lines[0]
    assert "1 image is in no group" in lines[0]
    assert groups("folder", ["train/a/w/1.png", "test/b/w/2.png"], official=["train", "test"])[0] == ["w", "w"]


@each(("pattern", "names"), [
    ("writer\\d", ["writer1", "writer1", None, "writer1", None]),
    ("/(w)riter", ["w", "w", None, "w", None]),
    ("(writer\\d)|_(\\d)", ["writer1", "writer1", None, "writer1", "7"]),
    ("^[ab]/(w\\w*)/", ["writer1", "writer1", None, "writer1", "w2"]),
])
def test_by_a_pattern_on_the_path(pattern, names):
    found, lines = groups("path:" + pattern, PATHS)
    assert found == names
    assert f"; {names.count(None)} image" in lines[0]


def test_by_a_pattern_that_may_match_nothing_at_all():
    assert groups("path:(q*)z", [*PATHS[:3], "a/qz.png"])[0] == [None, None, None, "q"]


@each("how", ["path:(", "path:", "path:[", "path:*", "folders", "writer.xlsx", "path"])
def test_what_names_no_groups_is_refused_with_the_ways_that_do(how):
    with pytest.raises(RecipeFault) as caught:
        check_groups(how)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("how", ["path:nowhere", "folder"])
def test_what_matches_no_path_is_refused(how):
    with pytest.raises(SourceFault):
        groups(how, ["a/1.png", "b/2.png"])


@each("text", [
    "path,group\na/writer1/x.png,p\nb/w2/a_7.png,p\n", "a/writer1/x.png,p\n\nb/w2/a_7.png,p",
    "\ufeffgroup;note;path\r\np;first;a/writer1/x.png\r\np;;./b/w2/a_7.png\r\n",
    "file\tgroup\na\\writer1\\x.png\tp\nb/w2/a_7.png\tp",
    '"a/writer1/x.png"," p "\nb/w2/a_7.png,p\na/z.png,\n'])
def test_by_a_table(tmp_path, text):
    (tmp_path / "g.csv").write_bytes(text.encode())
    names, lines = groups(str(tmp_path / "g.csv"), PATHS, tmp_path)
    assert names == ["p", None, None, None, "p"]
    assert "1 group of 2 images" in lines[-1]
    assert "3 images are in no group" in lines[-1]
    assert len(lines) == 1


def test_a_table_is_found_beside_the_images_and_its_strange_paths_are_counted(tmp_path):
    (tmp_path / "g.csv").write_text("a/z.png,1\na/gone.png,1\na/gone2.png,2\n")
    names, lines = groups("g.csv", PATHS, tmp_path)
    assert names[2] == "1"
    assert "2 paths are no image" in lines[0]
    assert "a/gone.png" in lines[0]


def test_a_table_means_a_path_in_either_spelling(tmp_path):
    """A folder that was copied from macOS may hold é as two characters."""
    apart, one = (unicodedata.normalize(form, "a/é.png") for form in ("NFD", "NFC"))
    (tmp_path / "g.csv").write_text(f"{apart},p\na/2.png,q\n", encoding="utf-8")
    assert groups("g.csv", [one, "a/2.png"], tmp_path)[0] == ["p", "q"]
    assert groups("g.csv", [apart, one, "a/2.png"], tmp_path)[0] == ["p", None, "q"]
    (tmp_path / "g.csv").write_text(f"{one},p\n", encoding="utf-8")
    assert groups("g.csv", [apart, "a/2.png"], tmp_path)[0] == ["p", None]


@each("text", ["", "path,group\n", "a/z.png\n", "a/z.png,1\na/z.png,2\n", "x.png,1\n",
               b"\xff\xfe\x00,1"])
def test_a_table_that_says_nothing_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "g.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SourceFault) as caught:
        groups("g.csv", PATHS, tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(SourceFault):
        groups("none.csv", PATHS, tmp_path)


def test_an_arrays_file_brings_its_own():
    assert groups("", PATHS) == (None, [])
    names, lines = groups("", PATHS, groups=["p", "p", "q", "q", ""])
    assert names == ["p", "p", "q", "q", None]
    assert "2 groups of 4 images" in lines[0]


def images(near, labels=None, groups=None, official=None):
    labels = np.repeat([0, 1], len(near) // 2) if labels is None else np.array(labels)
    return Images(labels, [f"{i:03d}" for i in range(len(near))], official or [None] * len(near), groups, near)


def held(near, **more):
    kept, lines = near_to_hold(images(near, **more), ("a", "b"), Split())
    return [None if number < 0 else near[i] for i, number in enumerate(kept.tolist())], lines


def test_few_copies_are_held_together():
    near = [i if i % 2 == 0 else i - 1 for i in range(40)]
    kept, lines = held(near)
    assert kept == near
    assert "20 groups of 40 images" in lines[0]
    assert held(list(range(40))) == ([None] * 40, [])


def test_a_class_of_pictures_that_all_look_alike_is_cut_all_the_same_and_noted():
    kept, lines = held([0] * 15 + list(range(1, 6)) + [9, 9, *range(10, 28)])
    assert kept == [None] * 20 + [9, 9] + [None] * 18
    assert "'a' (15 of 20)" in lines[0]
    few, lines = held([1, 1, 1, 1, 2, 3, 4, 5])          # not even one for each split
    assert few == [None] * 8
    assert "'a' (4 of 4)" in lines[0]


def test_what_is_said_to_be_held_together_is():
    """An official split is kept as it is, so a group in two of them is divided."""
    paths, official = ["train/a/w/1.png", "train/b/w/2.png", "test/a/w/3.png"], ["train", "train", "test"]
    assert "1 group of 3 images, held together except across official splits" in groups(
        "folder", paths, official=official)[1][0]
    assert groups("folder", paths[:2], official=official[:2])[1][0].endswith("1 group of 2 images, held together")
    pairs = [i - i % 2 for i in range(40)]
    assert held(pairs, official=["test"] * 20 + ["train"] * 20)[1] == [
        "near-duplicates: 20 groups of 40 images, each held together"]
    assert held([i - i % 8 for i in range(40)])[1][0].startswith(
        "near-duplicates: 5 groups of 40 images, each held together; if they are frames of videos, split.groups")
    assert held(pairs, official=["test", "train"] * 20)[1] == [
        "near-duplicates: 20 groups of 40 images, held together except across official splits"]


def test_notes_name_groups_across_official_splits_and_shares_that_groups_push_away():
    one = images([None] * 40, groups=[f"w{i % 3}" for i in range(40)])
    splits = split_sources(one, ("a", "b"), Split(), 0)
    assert any("'a'" in line and "kept whole" in line for line in split_notes(one, splits, ("a", "b"), Split()))
    official = ["train", "test"] * 20
    two = images([None] * 40, groups=["w"] * 3 + [None] * 37, official=official)
    splits = split_sources(two, ("a", "b"), Split(), 0)
    assert "'w' (test and train)" in split_notes(two, splits, ("a", "b"), Split())[0]


def test_a_name_in_two_spellings_is_one_group(tmp_path):
    """é is one letter where Linux wrote it, and two in what a Mac packed."""
    nfc, nfd = "a/Jos\u00e9_1.png", "b/Jose\u0301_2.png"
    assert groups("path:(Jose\u0301)", [nfc, nfd])[0] == ["Jos\u00e9"] * 2
    assert groups("path:([^/_]+)_", [nfc, nfd])[0] == ["Jos\u00e9"] * 2
    (tmp_path / "g.csv").write_text(f"{nfc},Jos\u00e9\n{nfd},Jose\u0301\n", encoding="utf-8")
    assert groups(str(tmp_path / "g.csv"), [nfc, nfd], tmp_path)[0] == ["Jos\u00e9"] * 2
    assert groups("", [nfc, nfd], groups=["Jos\u00e9", "Jose\u0301"])[0] == ["Jos\u00e9"] * 2


def test_official_val_and_test_need_no_group():
    lines = groups("path:(w)riter", ["train/a/writer/1.png", "test/b/x.png"], official=["train", "test"])[1]
    assert "in no group" not in lines[0]
