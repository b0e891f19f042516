"""The column of the labels or groups of a table is named behind its file: "train.csv:breed"."""

import shutil

import pytest
from cases import each
from conftest import PNG
from label_helpers import NAMES, TWO, kind, table
from layout_helpers import counts

from tenfold.automatic.naming import default_name
from tenfold.data.errors import SourceFault
from tenfold.data.recipe import change_recipe, make_recipe
from tenfold.data.sources.opening import open_images, open_source
from tenfold.data.sources.table_files import divide_column
from tenfold.data.splits.groups import source_groups

BOTH = table("{path},{label},{third}", "id,jenis,warna utama")
PLACES = ["train.csv:", "{root}/train.csv:"]


@each("place", PLACES)
@each(("column", "classes"), [("jenis", ("cat", "dog")), ("warna utama", ("0", "1", "2")),
                              ("Warna_Utama", ("0", "1", "2"))])
def test_a_column_is_named_behind_the_table(flat, tables, place, column, classes):
    root = flat("in/{}.jpg", **{"train.csv": BOTH})
    labels = place.format(root=root) + column
    for source in (open_source(root, labels=labels), open_source(f"{root}/train.csv:{column}"),
                   open_source(root / "train.csv", labels=labels),
                   open_source(f"{root}/train.csv:{column}", labels="train.csv:id"),
                   open_images(make_recipe(tables(source={"labels": labels})), root),
                   open_images(change_recipe(make_recipe(tables()), [f"source.labels={labels}"]), root)):
        assert source.classes == classes
        assert len(source) == 12


def test_a_column_without_a_name_has_a_number(flat):
    root = flat("{}.jpg", **{"t.csv": table("{path},{third},{label}", "")})
    assert counts(open_source(root, labels="t.csv:3")) == TWO


def test_one_of_several_columns_of_marks_may_be_the_label(flat):
    root = flat("{}.jpg", **{"t.csv": "id,a,b\n" + "".join(f"{n},{int(n) % 2},{int(n) % 3 % 2}\n" for n in NAMES)})
    assert open_source(root, labels="t.csv:a").classes == ("0", "1")


@each("data", ["{}", "{}/train.csv"])
def test_the_refusal_of_several_columns_shows_how_to_name_one(flat, data):
    root = flat("{}.jpg", **{"train.csv": BOTH})
    with pytest.raises(SourceFault, match="has the columns jenis and warna utama, and any") as caught:
        open_source(data.format(root))
    way = str(caught.value).partition("say which, such as ")[2].rstrip(")")
    assert open_source(way).classes == open_source(root, labels=way).classes == ("cat", "dog")


@each("column", ["nothing", "id", "5"])
def test_a_column_that_does_not_exist_is_refused_with_those_that_do(flat, column):
    root = flat("{}.jpg", **{"t.csv": BOTH})
    for call in (lambda: open_source(root, labels=f"t.csv:{column}"), lambda: open_source(f"{root}/t.csv:{column}"),
                 lambda: source_groups(f"t.csv:{column}", open_source(root, labels="t.csv:jenis"))):
        with pytest.raises(SourceFault, match=f"has no column '{column}' beside the paths in id: it has jenis, warna"):
            call()


@each("name", ["C:\\t.csv", "a:b.csv", "t.csv", "images", "x.csv:y.tsv"])
def test_a_file_whose_name_holds_a_colon_is_itself(name):
    assert divide_column(name) == (name, "")


def test_a_file_that_exists_is_no_column_of_another(flat):
    root = flat("{}.jpg", **{"t.csv": BOTH})
    shutil.copytree(root, root.with_name("x.csv:jenis"))
    (root.parent / "x.csv:jenis" / "t.csv").write_text(table())
    assert counts(open_source(root.with_name("x.csv:jenis"))) == TWO


def test_the_name_of_a_run_says_which_column_it_is_of(flat):
    root = flat("{}.jpg", **{"t.csv": BOTH})
    assert default_name(root / "t.csv:jenis") != default_name(root / "t.csv:warna")


@each("head", ["id,jenis,asal", "image,patient,writer"])
def test_a_column_of_groups_is_named_likewise(flat, head):
    root = flat("{}.png", **{"t.csv": table("{path},{label},{third}", head)})
    source = open_source(root, labels=f"t.csv:{head.split(',')[1]}")
    with pytest.raises(SourceFault, match=r"or say which by .*t\.csv:COLUMN"):
        source_groups("t.csv", source)
    assert source_groups(f"t.csv:{head.split(',')[2]}", source)[0] == [str(int(name) % 3) for name in NAMES]


@each("head", ["id,label,who", ""])
def test_groups_are_found_with_and_without_a_line_of_names(flat, head):
    root = flat("in/{}.png", **{"t.csv": table("{path},{label},{third}", head)})
    source = open_source(root, labels="t.csv" if head else "t.csv:2")
    assert source_groups("t.csv:who" if head else "t.csv:3", source)[0] == [str(int(name) % 3) for name in NAMES]


# --- which column holds the paths -----------------------------------------------------------------------------------

@each("head", ["id,sample,label", "id,sample,class", "id,sample,target", "id,sample,category id"])
def test_a_column_of_labels_is_none_of_paths_though_more_images_are_called_so(flat, head):
    root = flat(**{f"{i}.png": PNG for i in range(12)},
                **{"t.csv": "\n".join([head, *(f"{i + 8},{i % 3},{i // 2}" for i in range(12))])})
    source = open_source(root, labels="t.csv")
    assert "columns id, " + head.rpartition(",")[2] in source.notes[0]
    assert source.paths == ["10.png", "11.png", "8.png", "9.png"]


def test_two_columns_that_may_both_be_the_paths_are_refused(flat):
    lines = [f"{i},{11 - i},{kind(str(i))}" for i in range(12)]
    files = {f"{i}.png": PNG for i in range(12)}
    with pytest.raises(SourceFault, match="the columns a and b, and either may be the paths"):
        open_source(flat(**files, **{"t.csv": "\n".join(["a,b,label", *lines])}) / "t.csv")
    for head in ("id,b,label", "a,path,label", ",b,label"):
        assert counts(open_source(flat(**files, **{"t.csv": "\n".join([head, *lines])}))) == TWO
