"""Labels in the names of files, by source.labels, and in a table that is given as the images."""

from unicodedata import normalize

import pytest
from cases import each
from conftest import PNG
from label_helpers import NAMES, TWO, kind, table
from layout_helpers import counts

from tenfold.data.errors import RecipeFault, SourceFault
from tenfold.data.recipe import make_recipe
from tenfold.data.sources.labelled import check_labels
from tenfold.data.sources.opening import open_images, open_source

# --- labels in names ------------------------------------------------------------------------------------------------

@each("write", ["{label}.{i}.jpg", "{label}_{i:04}.png", "great {label} ({i}).jpg", "images/great_{label}-{i}.jpg",
                "ä{label} #{i}.png", "kana{label}{i}.jpg"])
def test_words_and_a_number_are_labels(flat, write):
    root = flat(**{write.format(label=kind(name), i=int(name)): PNG for name in NAMES}, **{"x.csv": "a,b\nc,d\n"})
    source = open_source(root)
    assert [name[-3:] for name in source.classes] == ["cat", "dog"]
    assert counts(source) == {(None, name): 6 for name in source.classes}
    assert "labels from the file names (" in source.notes[0]
    assert "source.labels" in source.notes[0]


def test_unlabelled_test_images_are_passed_over(flat):
    source = open_source(flat("train/cat.{}.jpg", "train/dog.{}.jpg", "test1/{}.jpg"))
    assert counts(source) == {(None, "cat"): 12, (None, "dog"): 12}
    assert source.layout.passed_over == {"unlabelled image": 12}


@each("names", [["IMG_{}.jpg", "DSC_{}.jpg"], ["cat_{}.jpg"], ["{}.jpg"], ["cat{}x.jpg", "dog{}y.jpg"],
                ["image_{}.jpg", "mask_{}.jpg"], ["train_{}.jpg", "test_{}.jpg"], ["im{}.jpg", "cat{}.jpg"],
                ["train_cat_{}.jpg", "train_dog_{}.jpg", "test_cat_{}.jpg", "test_dog_{}.jpg"],
                ["cat_{}.jpg", "dog_{}.jpg", "x{}.jpg"], ["p1_{}.jpg", "p2_{}.jpg"],
                ["train/{}.jpg", "test/cat_{}.jpg"]])
def test_other_names_are_no_labels(flat, names):
    with pytest.raises(SourceFault, match=r"put the images of each class into .*source\.labels"):
        open_source(flat(*names))


def test_class_folders_are_read_as_before_whatever_lies_beside(flat):
    images = [f"a/{kind(name)}.{name}.jpg" for name in NAMES] + [f"b/{kind(name)}_{name}.jpg" for name in NAMES]
    source = open_source(flat(**dict.fromkeys(images, PNG), **{"labels.csv": table()}))
    assert counts(source) == {(None, "a"): 12, (None, "b"): 12}
    assert source.layout.kind == "class folders"


# --- source.labels, and a table as DATA -----------------------------------------------------------------------------

@each("labels", ["folders", "x.xlsx", "x.pdf", ".csv:x", "path:", "path:(", "path"])
def test_labels_that_are_neither_a_table_nor_a_pattern_are_refused(labels):
    with pytest.raises(RecipeFault, match="labels"):
        check_labels(labels)


def test_a_pattern_gives_labels_also_of_class_folders(flat):
    root = flat("a/x{}.png", "b/y{}.png", "b/z{}.png")
    source = open_source(root, labels=r"path:/([xy])\d+")
    assert counts(source) == {(None, "x"): 12, (None, "y"): 12}
    assert "12 images have none and are passed over: b/z00.png" in source.notes[0]
    with pytest.raises(SourceFault, match=r"matches no path, such as a/x00\.png"):
        open_source(root, labels="path:(q)")


def test_a_named_table_is_the_one_given_or_the_one_in_the_folder(flat, tmp_path, monkeypatch):
    """A recipe that a model carries names the table of the images that it was trained on."""
    root = flat("a/{}.png", "b/{}.png", **{"t.csv": table("{label},{path}", path="a/{}.png")})
    monkeypatch.chdir(tmp_path)
    assert counts(open_source(root, labels="t.csv")) == TWO
    (tmp_path / "t.csv").write_text(table(path="b/{}"))
    source = open_source(root, labels="t.csv")
    assert source.paths[0] == "b/00.png"
    assert f"{root / 't.csv'} is not read: t.csv is" in source.notes[-1]
    (tmp_path / "t.csv").write_text(table(path="of another set/{}"))
    assert open_source(root, labels="t.csv").paths[0] == "a/00.png"
    assert open_source(root, labels="old/t.csv").paths[0] == "a/00.png"
    with pytest.raises(SourceFault, match=r"none\.csv: is no table here, nor in .*class folders"):
        open_source(root, labels="none.csv")


@each("path", ["{}.png", "../pictures/{}.png", "{}", "sub/{}.png"])
def test_data_may_be_the_table_itself(flat, path):
    where = {"{}.png": "t/{}.png", "../pictures/{}.png": "pictures/{}.png", "{}": "t/deep/{}.png",
             "sub/{}.png": "t/sub/{}.png"}[path]
    root = flat(where, "t/not named/q{}.png", **{"t/t.csv": table(path=path) + (path.format("gone") + ",cat\n")})
    source = open_source(root / "t" / "t.csv", labels="other.csv")
    assert counts(source) == TWO
    assert all((source.root / name).exists() for name in source.paths)
    assert not source.is_listed


@each("data", ["{}", "{}/t.csv"])
@each(("path", "where"), [("é{}.png", "é{}.png"), ("sé/é{}.png", "sé/é{}.png"), ("sé\\É{}.PNG", "sé/é{}.png"),
                          ("./sé/x{}.png", "sé/x{}.png"), ("{root}/é{}.png", "é{}.png")])
@each("forms", [("NFC", "NFC"), ("NFD", "NFD"), ("NFC", "NFD")])
@each("written", ["NFC", "NFD"])
def test_accents_may_be_stored_in_another_form_than_the_table_has(flat, data, path, where, forms, written):
    folder, slash, name = where.rpartition("/")
    root = flat("plain{}.png", normalize(forms[0], folder) + slash + normalize(forms[1], name))
    text = table(path="plain{}.png") + table(path=path.replace("{root}", str(root)), head="")
    (root / "t.csv").write_text(normalize(written, text))
    source = open_source(data.format(root))
    assert counts(source) == {(None, "cat"): 12, (None, "dog"): 12}
    assert all((source.root / path).exists() for path in source.paths)


def test_data_may_be_a_table_of_absolute_paths(flat):
    root = flat("x/{}.png")
    (root / "t").mkdir()
    (root / "t" / "t.csv").write_text(table(path=f"{root}/x/{{}}.png"))
    source = open_source(root / "t" / "t.csv")
    assert counts(source) == TWO
    assert source.paths[0] == "00.png"


def test_a_table_of_nothing_is_refused_with_examples_of_both_sides(flat):
    root = flat("q{}.png", **{"t.csv": table(path="x/{}.jpg")})
    words = r"names no image: its lines are such as x/11\.jpg,dog, the images in .* such as q00\.png"
    with pytest.raises(SourceFault, match=words):
        open_source(root / "t.csv")
    root = flat("a/{}.png", "b/{}.png", **{"t.csv": table()})
    with pytest.raises(SourceFault, match=r"such as 11 \(which may be a/11\.png or b/11\.png\)"):
        open_source(root / "t.csv")


@each("labels", ["t.csv", r"path:g\d+/(.)"])
def test_groups_are_the_folders_below_all_images(flat, labels):
    from tenfold.data.splits.groups import source_groups
    root = flat("in/g1/{}.png", "in/g2/{}x.png", **{"t.csv": table(path="in/g1/{}") + table(path="{}x", head="")})
    names, _ = source_groups("folder", open_source(root, labels=labels))
    assert names == ["g1"] * 12 + ["g2"] * 12


def test_groups_may_be_in_the_same_table(flat):
    from tenfold.data.splits.groups import source_groups
    source = open_source(flat("{}.png", **{"t.csv": table("{label},{third},{path}", "label,patient,id")}))
    assert source_groups("t.csv", source)[0] == [str(int(name) % 3) for name in NAMES]


def test_results_may_lie_beside_what_a_table_names_but_not_among_what_is_listed(flat, tables):
    from tenfold.preprocess.job import check_job
    root = flat("x/{}.png", **{"t.csv": table(path="x/{}.png")})
    recipe = make_recipe(tables(source={"labels": "t.csv"}))
    with pytest.raises(SourceFault, match="lies among the images"):
        check_job(recipe, open_source(root), root / "shards")
    for source in (open_source(root / "t.csv"), open_images(recipe, root)):
        check_job(recipe, source, root / "shards")


def test_a_recipe_opens_its_images_with_its_labels(flat, tables):
    root = flat("a/x{}.png", "b/y{}.png", "b/z{}.png")
    recipe = make_recipe(tables(source={"data": str(root), "labels": "path:/([xy])"}))
    assert open_images(recipe).classes == ("x", "y")
    assert open_images(recipe, flat("q/y{}.png", "q/x{}.png", "q/0{}.png")).classes == ("x", "y")
    with pytest.raises(SourceFault, match="names no images"):
        open_images(make_recipe(tables()))
