"""Labels in tables: which columns are found, what is said, and what is refused."""

import pytest
from cases import each
from conftest import PNG
from label_helpers import NAMES, TWO, kind, table
from layout_helpers import counts

from tenfold.data.errors import SourceFault
from tenfold.data.sources.opening import open_source

# --- what is understood -------------------------------------------------------------------------------------------

@each(("line", "head"), [
    ("{path},{label}", "id,breed"), ("{path},{label}", "image_id,label"), ("{path},{label}", ""),
    ("{label};{path}", "class;filename"), ("{i}\t{path}\t{label}\t{third}", "\tfile\tcategory\tsite"),
    ("{i},{path},{label},male,{third}", "patient_id,image,dx,sex,age"), ("{path},{label}", "Image,Id"),
    ("{path},{third},{label}", "id,fold,kind"), ("{path},{label},{label}", "name,class_id,class_name"),
    ('"{path}"," {label} "', "path,what ever")])
@each("path", ["{}", "{}.jpg", "train/{}.jpg", "./train/{}", "train\\{}.jpg", "my images/train/{}.jpg",
               "/kaggle/input/my images/train/{}.jpg", "/elsewhere/train/{}.jpg"])
def test_a_table_beside_or_above_the_images_gives_their_labels(flat, line, head, path):
    for place in ("labels.csv", "train/labels.tsv"):
        source = open_source(flat("train/{}.jpg", **{place: table(line, head, path)}))
        assert counts(source) == TWO
        assert source.paths == [f"train/{name}.jpg" for name in NAMES]
        assert [source.classes[label] for label in source.labels] == list(map(kind, NAMES))
        assert source.layout.kind == "label table"
        assert len(source.notes) == 1
        assert f"labels from {place} (columns " in source.notes[0]
        assert "passed over" not in source.notes[0]


@each("path", ["/elsewhere/train/{}.jpg", "C:\\sets\\train\\{}"])
def test_a_path_into_train_is_no_image_in_test(flat, path):
    root = flat("test/{}.jpg", **{"t.csv": table(path=path)})
    with pytest.raises(SourceFault, match=r"t\.csv names none of them"):
        open_source(root)
    assert counts(open_source(flat("in/{}.jpg", **{"t.csv": table(path=path)}))) == TWO


def test_a_table_of_train_says_nothing_of_images_in_test_that_are_called_alike(flat):
    with pytest.raises(SourceFault, match=r"\(train\.csv names images in test/\)"):
        open_source(flat("test/{}.jpg", **{"train.csv": table(), "train.zip": "PK"}))
    assert counts(open_source(flat("test/{}.jpg", **{"test.csv": table()}))) == TWO


def test_the_name_of_a_column_may_be_that_of_an_image(flat):
    assert counts(open_source(flat("{}.jpg", "image.jpg", **{"t.csv": table(head="image,what")}))) == TWO


def test_a_suffix_may_be_that_of_another_format(flat):
    source = open_source(flat("{}.JPG", **{"labels.csv": table(path="{}.jpg")}))
    assert counts(source) == TWO
    source = open_source(flat("{}.jpg", "{}.png", **{"labels.csv": table(path="{}.jpg")}))
    assert {path[-4:] for path in source.paths} == {".jpg"}


def test_numbers_find_images_whose_names_begin_with_zeros(flat):
    numbers = range(12)
    root = flat(**{f"head_ct/{i:03}.png": PNG for i in numbers},
                  **{"labels.csv": "id, hemorrhage\n" + "".join(f"{i},{int(i < 4)}\n" for i in numbers)})
    assert counts(open_source(root)) == {(None, "1"): 4, (None, "0"): 8}


@each("path", ["Unnamed: 0,number,label", "index,name,label", ",sample,label"])
def test_of_two_columns_of_numbers_that_of_lines_is_not_the_path(flat, path):
    lines = [f"{i},{11 - i},{'cat' if i < 6 else 'dog'}" for i in range(12)]
    source = open_source(flat(**{f"{i}.png": PNG for i in range(12)}, **{"t.csv": "\n".join([path, *lines])}))
    assert source.classes[source.labels[source.paths.index("11.png")]] == "cat"


@each("head", [",filename,label", ",photo,label", "id,photo,label", ",image_id,label"])
def test_numbers_of_lines_are_no_paths_even_if_images_are_called_so(flat, head):
    end = "" if "image_id" in head else ".png"
    lines = [f"{i},{11 - i if i < 9 else 'gone'}{end},{'cat' if i % 3 else 'dog'}" for i in range(12)]
    root = flat(**{f"{i}.png": PNG for i in range(12)}, **{"t.csv": "\n".join([head, *lines])})
    source = open_source(root)
    assert {path: source.classes[label] for path, label in zip(source.paths, source.labels, strict=True)} == {
        f"{11 - i}.png": "cat" if i % 3 else "dog" for i in range(9)}


@each("head", ["image,MEL,NV,BCC", "isic id;x,y;z"])
@each("marks", [("0", "1"), ("0.0", "1.0"), ("False", "True")])
def test_one_hot_columns_are_classes(flat, head, marks):
    mark = ";" if ";" in head else ","
    lines = [mark.join([name, *(marks[int(name) % 3 == k] for k in range(len(head.split(mark)) - 1))])
             for name in NAMES if int(name) % 3 < len(head.split(mark)) - 1]
    source = open_source(flat("{}.png", **{"truth.csv": "\n".join([head, *lines])}))
    assert set(source.classes) == set(head.split(mark)[1:])
    assert [source.classes[label] for label in source.labels] == [head.split(mark)[1 + int(path[:2]) % 3]
                                                                  for path in source.paths]


def test_numbers_are_names_in_the_order_of_class_folders(flat, tree):
    source = open_source(flat("{}.png", **{"t.csv": "\n".join(["id,label", *(f"{n},{9 + i % 3}"
                                                                             for i, n in enumerate(NAMES))])}))
    assert source.classes == open_source(tree("9*1", "10*1", "11*1")).classes == ("10", "11", "9")


def test_what_has_no_label_and_what_is_no_image_is_counted_and_named(flat):
    root = flat("{}.png", **{"t.csv": table(names=NAMES[:8]) + "08,\ngone.png,cat\n", "x.txt": "x", "y.csv": "a,b"})
    source = open_source(root)
    assert len(source) == 8
    assert source.layout.passed_over == {"unlabelled image": 4, ".txt": 1, ".csv": 1}
    assert "4 images have none and are passed over: 08.png, 09.png, 10.png, 11.png; also" in source.notes[0]
    assert source.notes[1:] == [f"{root}: t.csv: 1 path is no image here: gone.png"]


@each("more", [{}, {"sample_submission.csv": "id,label\nt00,cat\nt01,dog\nt02,cat\nt03,dog\n"},
               {"test.csv": "id,site\nt00,1\nt01,1\nt02,2\nt03,2\n"}, {"train/00.csv": "id,label\n00,box\n01,box\n"},
               {"copy_of_train.csv": table(names=NAMES[:9])}, {"empty.csv": ""}])
def test_test_images_and_other_tables_do_not_confuse(flat, more):
    source = open_source(flat("train/{}.png", "test/t{}.png", **{"train.csv": table(), **more}))
    assert counts(source) == TWO
    assert source.layout.passed_over["unlabelled image"] == 12


def test_a_table_of_half_of_the_images_will_do_if_they_are_all_it_names(flat):
    assert counts(open_source(flat("a{}.png", "b{}.png", **{"t.csv": table(path="a{}")}))) == TWO


# --- official splits ------------------------------------------------------------------------------------------------

SPLIT = {name: ("train", "train", "val", "test")[int(name) // 3] for name in NAMES}


@each("words", [{}, {"train": "Training", "val": "dev", "test": "Test set"}, {"train": ""}])
def test_a_column_gives_official_splits(flat, words):
    text = "\n".join(["path,label,split", *(f"{n},{kind(n)},{words.get(SPLIT[n], SPLIT[n])}" for n in NAMES)])
    source = open_source(flat("a/{}.png", **{"t.csv": text}))
    assert [split or "train" for split in source.official] == list(SPLIT.values())
    assert source.layout.splits["val"] == ["split of t.csv"]


def test_a_column_of_splits_is_none_of_labels_beside_another(flat):
    text = "\n".join(["path,part,is_valid", *(f"{n},{SPLIT[n]},{SPLIT[n] == 'val'}" for n in NAMES)])
    with pytest.raises(SourceFault, match="has no column that can be labels"):
        open_source(flat("{}.png", **{"t.csv": text}))


@each("head", ["", "path,what,part\n"])
def test_also_if_it_has_another_name_or_none(flat, head):
    text = head + "\n".join(f"{n},{kind(n)},{SPLIT[n]}" for n in NAMES)
    source = open_source(flat("a/{}.png", **{"t.csv": text}))
    assert source.official == list(SPLIT.values())
    assert source.layout.splits["val"] == [("part" if head else "3") + " of t.csv"]


def test_so_does_the_column_of_fastai(flat):
    text = "\n".join(["path,label,is_valid", *(f"{n},{kind(n)},{SPLIT[n] == 'val'}" for n in NAMES)])
    source = open_source(flat("{}.png", **{"t.csv": text}))
    assert source.official == ["val" if SPLIT[name] == "val" else "train" for name in NAMES]


def test_columns_for_two_splits_are_both_read(flat):
    text = "\n".join(["path,label,is_test,is_valid", *(
        f"{n},{kind(n)},{int(SPLIT[n] == 'test')},{int(SPLIT[n] == 'val')}" for n in NAMES)])
    source = open_source(flat("{}.png", **{"t.csv": text}))
    assert source.official == list(SPLIT.values())
    assert "val (is_test, is_valid of t.csv)" in source.notes[0]


@each(("head", "words"), [
    ("split", ("train", "excluded")), ("Subset", ("train", "val", "test", "unlabeled")),
    ("Usage", ("Training", "none")), ("set", ("test", "9"))])
def test_a_column_of_splits_with_another_word_is_refused_not_passed_over(flat, head, words):
    text = "\n".join([f"path,label,{head}", *(f"{n},{kind(n)},{words[int(n) % len(words)]}" for n in NAMES)])
    root = flat("{}.png", **{"t.csv": text})
    for data in (root, root / "t.csv", f"{root}/t.csv:label"):
        with pytest.raises(SourceFault, match=f"has '{words[-1]}' in the column {head}, which is not "
                           "train, val or test.*write train, val or test there, or rename the column"):
            open_source(data)


@each(("head", "word"), [("is_valid", "maybe"), ("is_test", "2"), ("is_valid", "train")])
def test_so_is_one_that_marks_a_split_and_holds_no_mark(flat, head, word):
    text = "\n".join([f"path,label,{head}", *(f"{n},{kind(n)},{('0', '1', word)[int(n) % 3]}" for n in NAMES)])
    with pytest.raises(SourceFault, match=f"has '{word}' in the column {head}, which is not 1 or 0"):
        open_source(flat("{}.png", **{"t.csv": text}))


@each(("head", "cells", "splits"), [
    ("split", ("train", "", "val"), ("train", None, "val")), ("part", ("train", "", "test"), ("train", None, "test")),
    ("is_valid", ("0", "", "1"), ("train", None, "val")), ("is_test", ("", "", "1"), ("train", "train", "test")),
    ("is_valid,is_test", ("0,1", ",0", "1,"), ("test", None, "val"))])
def test_images_of_no_split_beside_others_are_counted(flat, head, cells, splits):
    text = "\n".join([f"path,label,{head}", *(f"{n},{kind(n)},{cells[int(n) % 3]}" for n in NAMES)])
    root = flat("{}.png", **{"t.csv": text})
    for data in (root, root / "t.csv"):
        source = open_source(data)
        assert source.official == [splits[int(n) % 3] for n in NAMES]
        said = [note for note in source.notes if "t.csv: 4 images of no split in it are used for training" in note]
        assert len(said) == len(source.notes) - 1 == (None in splits)
        assert all(f"{root}: {head.replace(',', ', ')} of " in note for note in said)


def test_a_blank_cell_in_a_table_for_one_split_is_of_that_split(flat):
    texts = {f"{split}.csv": f"path,label,split\n{split}/00,cat,{split}\n{split}/01,dog,\n"
             for split in ("train", "test")}
    source = open_source(flat("train/{}.png", "test/{}.png", **texts))
    assert counts(source) == {(split, label): 1 for split in ("train", "test") for label in ("cat", "dog")}
    assert not any("of no split" in note for note in source.notes)


@each("values", [("A", "B"), ("1", "2"), ("base", "jungle")])
@each("head", ["set", "dataset", "Phase"])
def test_a_column_that_is_called_so_but_holds_no_word_of_a_split_is_none_and_a_line_says_so(flat, head, values):
    text = "\n".join([f"path,label,{head}", *(f"{n},{kind(n)},{values[int(n) // 6]}" for n in NAMES)])
    source = open_source(flat("{}.png", **{"t.csv": text}))
    assert counts(source) == TWO
    assert source.notes[1].endswith(f": t.csv: the column {head} is not read: it holds '{values[0]}', '{values[1]}', "
                                    "and no train, val or test")
    assert len(open_source(flat("{}.png", **{"t.csv": text}), labels=f"t.csv:{head}").notes) == 1


def test_the_words_of_fer2013_are_those_of_splits(flat):
    words = {"train": "Training", "val": "PublicTest", "test": "PrivateTest"}
    text = "\n".join(["path,emotion,Usage", *(f"{n},{kind(n)},{words[SPLIT[n]]}" for n in NAMES)])
    assert open_source(flat("{}.png", **{"t.csv": text})).official == list(SPLIT.values())


@each("names", [("train.csv", "test.csv"), ("labels_train.csv", "labels_test.csv"),
                ("trainLabels.csv", "testLabels.csv")])
def test_so_do_tables_with_their_names_even_if_images_are_called_alike(flat, names):
    source = open_source(flat("train/{}.png", "test/{}.png", **dict.fromkeys(names, table())))
    assert counts(source) == {(split, label): 6 for split in ("train", "test") for label in ("cat", "dog")}
    assert source.layout.splits == {"train": [names[0]], "test": [names[1]]}


@each("name", ["{}/_classes.csv", "{}/labels/t.csv", "annotations/{}/t.csv"])
def test_so_do_tables_of_one_name_in_the_folders_of_the_splits(flat, name):
    marks = table("{path}.png, {third}", "filename,class").replace(" 2", " 1")
    tables = {name.format(split): marks for split in ("train", "valid")}
    source = open_source(flat("train/{}.png", "valid/{}.png", "x.png", **tables))
    assert counts(source) == {(split, label): n for split in ("train", "val") for label, n in (("0", 4), ("1", 8))}
    assert source.layout.splits == {split: [table] for split, table in zip(("train", "val"), tables, strict=True)}
    assert source.notes[0].count("(columns filename, class)") == 1


@each("place", ["train/t.csv", "train.csv"])
def test_an_image_below_the_folder_of_a_table_or_of_its_split_is_meant(flat, place):
    root = flat("train/images/{}.png", "test/images/{}.png", **{place: table()})
    assert set(open_source(root).homes) == {"train/images"}


def test_and_folders_in_the_paths(flat):
    text = table(path="train/{}.png") + table(path="valid/{}.png", head="")
    source = open_source(flat("in/train/{}.png", "in/valid/{}.png", **{"in/t.csv": text}))
    assert counts(source) == {(split, label): 6 for split in ("train", "val") for label in ("cat", "dog")}
    assert set(source.homes) == {"in/train", "in/valid"}


# --- what is refused ------------------------------------------------------------------------------------------------

@each(("text", "words"), [
    (table("{path},{label},{third}", "id,foo,bar"), "has the columns foo and bar, and any may be the label"),
    (table("{path},{label},{third}", "id,class,species"), "has the columns class and species, and any may be"),
    (table("{path},{third},{third}1", "image,x,y"), "has the columns x and y, and any may be the label"),
    (table("{path},{i}", "id,foo"), "has no column that can be labels beside id"),
    (table("{path},0.{i}5", "id,target"), "has numbers such as 0.05 in the column target"),
    (table("{path},1", "id,label"), "gives all images one label"),
    ("id,a,b\n00,1,0\n01,1,1\n02,0,1\n03,0,1\n", "does not mark one of a and b in line 3, and Tenfold is for"),
    ("id,tags\n00,a b\n01,a c\n02,b c\n03,a\n", "has several labels in a line (column tags: 'a b')"),
    ("id,label\n00,a|b\n01,a|c\n02,b|c\n03,a\n", "has several labels in a line"),
    (table(path="x{}"), "t.csv names none of them"),
    (table(path="x{}") + "00,cat\n01,dog\n", "t.csv names few of them"),
    (table() + "".join(f"{i},cat\n" for i in range(90, 103)), "t.csv names few of them"),
    (b"\xff\xfe\x00", "is not a .csv file")])
def test_what_a_table_leaves_open_is_refused_with_its_name(flat, text, words):
    root = flat("a/{}.png", **{"a/t.csv": text})
    with pytest.raises(SourceFault) as caught:
        open_source(root)
    assert all(part in str(caught.value) for part in (words, "a/t.csv", "source.labels")), caught.value
    assert len(str(caught.value).splitlines()) == 1


def test_two_tables_that_contradict_each_other_are_refused(flat):
    other = table("{path},x{label}")
    with pytest.raises(SourceFault, match=r"a\.csv and b\.csv all give labels"):
        open_source(flat("{}.png", **{"a.csv": table(), "b.csv": other}))
    assert counts(open_source(flat("{}.png", **{"a.csv": table(), "b.csv": other}), labels="a.csv")) == TWO


def test_lines_may_repeat_but_not_contradict_each_other(flat):
    assert counts(open_source(flat("{}.png", **{"t.csv": table() + table(head="")}))) == TWO
    with pytest.raises(SourceFault, match=r"t\.csv, line 14: calls 03\.png 'cat', and line 5 'dog'; give each"):
        open_source(flat("{}.png", **{"t.csv": table() + "03.png,cat\n"}))
