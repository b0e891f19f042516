"""Labels in lists of text and in JSON are read as those in a .csv file are; those in a workbook are not."""

import json

import pytest
from cases import each
from conftest import PNG
from label_helpers import NAMES, TWO, kind, table
from layout_helpers import counts

from tenfold.data.errors import RecipeFault, SourceFault
from tenfold.data.recipe import make_recipe
from tenfold.data.sources.opening import open_source
from tenfold.data.sources.table_files import read_table
from tenfold.data.splits.groups import source_groups

PATHS = [f"images/{name}.jpg" for name in NAMES]
KINDS = list(map(kind, NAMES))
ENTRIES = list(zip(PATHS, KINDS, strict=True))
TEXTS = {"list.txt": ["\n".join(f"{path}{mark}{label}" for path, label in ENTRIES) for mark in " \t,"],
         "list.json": [json.dumps(content) for content in (
             dict(ENTRIES), list(map(list, ENTRIES)),
             {path: {"label": label, "size": [3, 4]} for path, label in ENTRIES},
             [{"label": label, "file_name": path} for path, label in ENTRIES],
             [{"id": i, "image": path, "label": label} for i, (path, label) in enumerate(ENTRIES)])],
         "list.jsonl": ["\n".join(json.dumps({"file_name": path, "label": label}) for path, label in ENTRIES) + "\n"]}


@each(("name", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts])
@each("place", ["", "images/"])
def test_every_form_of_table_gives_the_same_labels(flat, name, text, place):
    root = flat("images/{}.jpg", **{place + name: text, "README.txt": "These are my images.\n\nSee images/00.jpg\n"})
    opened = [open_source(root), open_source(root, labels=place + name)]
    for source in opened if place else [*opened, open_source(root / name)]:
        assert counts(source) == TWO
        assert [source.classes[label] for label in source.labels] == KINDS
        assert source.layout.kind == "label table"


def test_numbers_are_names_of_classes_in_any_form(flat):
    for name, text in (("t.txt", "\n".join(f"{path} {int(path[7:9]) % 3}" for path in PATHS)),
                       ("t.json", json.dumps([{"image": path, "class": int(path[7:9]) % 3} for path in PATHS]))):
        assert open_source(flat("images/{}.jpg", **{name: text})).classes == ("0", "1", "2")


@each("label", ["{}", "big {}", "{} of all"])
def test_paths_and_labels_in_a_list_may_hold_blanks(flat, label):
    text = "\n".join(f"my own/{name}.jpg {label.format(kind(name)) if int(name) else 'x'}" for name in NAMES)
    source = open_source(flat("my own/{}.jpg", **{"train.txt": text}), training=False)
    assert set(source.classes) == {label.format("cat"), label.format("dog"), "x"}


@each("kinds", [("train.txt", "val.txt", "test.txt"), ("train_list.txt", "val_list.txt", "test_list.txt"),
                ("train.json", "val.json", "test.json")])
def test_lists_of_splits_give_official_splits(flat, kinds):
    files = {}
    for part, name in enumerate(kinds):
        rows = {path: label for path, label in ENTRIES if int(path[7:9]) // 4 == part}
        files[name] = json.dumps(rows) if name.endswith("json") else "".join(
            f"{path} {label}\n" for path, label in rows.items())
    source = open_source(flat("images/{}.jpg", **files))
    assert source.official == ["train"] * 4 + ["val"] * 4 + ["test"] * 4
    assert source.layout.splits == {split: [name] for split, name in zip(("train", "val", "test"), kinds, strict=True)}


@each("texts", [{"train.txt": "\n".join(f"{label}.{i}.jpg" for i, label in enumerate(KINDS))},
                {"notes.txt": "cat.0.jpg is nice\nand so is\nthis one\n"}, {"x.json": "[1, 2]"}, {"x.json": "{"},
                {"x.json": '{"version": 5, "flags": {}}'}, {"x.txt": b"\xff\xff\x00"}, {"cat.0.txt": "cat.0.jpg dog\n"},
                {f"{i}.gt.txt": f"{label}.{i}.jpg x\n" for i, label in enumerate(KINDS * 5)}])
def test_other_texts_do_not_hide_the_labels_in_the_names(flat, texts):
    source = open_source(flat(**{f"{label}.{i}.jpg": PNG for i, label in enumerate(KINDS)}, **texts))
    assert source.layout.kind == "file names"


@each(("name", "text"), [("train.txt", "one/1.jpg x\ntwo/2.jpg y\n"), ("train.json", '{"one/1.jpg": "x"}'),
                         ("labels.txt", b"\xff\x00"), ("labels.json", "{"), ("annotations.json", "[[1], {}]")])
def test_a_likely_list_that_gives_no_labels_is_named(flat, name, text):
    with pytest.raises(SourceFault, match=name.replace(".", r"\.")):
        open_source(flat("x/{}.jpg", **{name: text}))


def test_an_entry_of_json_is_counted_not_its_line(flat):
    entries = [("00.jpg", "a"), ("01.jpg", "b"), ("00.jpg", "b")]
    text = json.dumps([{"image": path, "label": label} for path, label in entries])
    with pytest.raises(SourceFault, match=r"t\.json, entry 3: calls 00\.jpg 'b', and entry 1 'a'"):
        open_source(flat("{}.jpg", **{"t.json": text}), labels="t.json")


@each("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c"])
@each("end", ["\n", "\r\n", "\r", "\n\n"])
def test_only_the_end_of_a_line_ends_it(tmp_path, mark, end):
    path = f"a{mark}1.png"
    texts = {"t.txt": f"{path} cat", "t.jsonl": json.dumps({"image": path, "label": "cat"}, ensure_ascii=mark < " ")}
    for name, text in texts.items():
        (tmp_path / name).write_bytes((text + end + text.replace("1.png", "2.png") + end).encode())
        assert [cells for number, cells in read_table(tmp_path / name, "", "") if number] == [
            [path, "cat"], [f"a{mark}2.png", "cat"]]


@each(("value", "cell"), [(["a", "b"], "a|b"), (["a"], "a"), (None, ""), (True, "True"), (3, "3"), (" é", "é"),
                          ([{"x": 1}], "")])
def test_values_of_json_are_cells(tmp_path, value, cell):
    (tmp_path / "t.json").write_text(json.dumps({"1.png": value}))
    assert read_table(tmp_path / "t.json", "", "") == [(0, ["path", "label"]), (1, ["1.png", cell])]


def test_groups_may_be_in_a_list_too(flat):
    root = flat("{}.jpg", **{"t.csv": table(), "groups.txt": "".join(f"{name}.jpg {int(name) % 3}\n" for name in NAMES),
                             "groups.json": json.dumps({f"{name}.jpg": int(name) % 3 for name in NAMES})})
    for name in ("groups.txt", "groups.json"):
        assert source_groups(name, open_source(root, labels="t.csv"))[0] == [str(int(name) % 3) for name in NAMES]


@each("suffix", ["xlsx", "xls", "ods"])
def test_a_workbook_is_refused_with_how_to_save_it(flat, tables, suffix):
    root = flat("in/{}.jpg", **{f"labels.{suffix}": b"PK\x03\x04"})
    for call in (lambda: open_source(root), lambda: open_source(root / f"labels.{suffix}"),
                 lambda: make_recipe(tables(source={"labels": f"labels.{suffix}"})),
                 lambda: make_recipe(tables(split={"groups": f"labels.{suffix}"}))):
        with pytest.raises((SourceFault, RecipeFault), match=r"save its sheet as \.csv") as caught:
            call()
        assert len(str(caught.value).splitlines()) == 1


# --- capital and small letters --------------------------------------------------------------------------------------

@each("path", ["IMG_{}.JPG", "Img_{}", "in/IMG_{}.jpg", "IN/IMG_{}.JPG", "in\\IMG_{}.JPG"])
@each("given", ["{}", "{}/t.csv"])
def test_a_name_in_other_letters_is_found_and_a_note_says_so(flat, path, given):
    root = flat("in/img_{}.jpg", **{"t.csv": table(path=path)})
    source = open_source(given.format(root))
    assert counts(source) == TWO
    assert any("t.csv: 12 paths are found in other letters" in note for note in source.notes)


@each("place", ["", "in/"])
def test_one_of_many_is_found_in_other_letters_too(flat, place):
    text = table(path=place + "{}.jpg").replace("05.jpg", "05.JPG").replace("06.jpg", "X06.jpg")
    root = flat(*[f"{place}{name}.jpg" for name in NAMES if name != "06"], f"{place}x06.jpg", **{"t.csv": text})
    for source in (open_source(root / "t.csv"), open_source(root, labels="t.csv")):
        assert counts(source) == TWO
        assert "paths are found in other letters" in source.notes[-1] or "1 path is found" in source.notes[-1]


@each("given", ["{}", "{}/t.csv"])
def test_a_name_that_two_images_have_in_other_letters_is_none(flat, given):
    text = table(path="{}.jpg").replace("05.jpg", "X.jpg")
    root = flat(*[f"{name}.jpg" for name in NAMES], "x.JPG", "x.jpg", **{"t.csv": text})
    source = open_source(given.format(root))
    assert len(source) == 11
    assert "1 path is no image here: X.jpg" in source.notes[-1]


def test_many_names_that_are_no_files_are_not_all_asked_for(flat, monkeypatch):
    """Paths without suffix: 300,000 of them took seconds; the folder is listed instead."""
    from tenfold.data.sources import named_files
    asked, look = [], named_files.NamedFiles._look
    monkeypatch.setattr(named_files, "_MOST", 3)
    monkeypatch.setattr(named_files.NamedFiles, "_look", lambda *file: asked.append(file) or look(*file))
    root = flat("{}.png", **{"t.csv": table()})
    files = named_files.NamedFiles(root)
    assert not any(files.find(name) for name in NAMES)
    assert len(asked) == 4
    assert counts(open_source(root / "t.csv")) == TWO
