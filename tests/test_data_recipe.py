"""Recipes: what fits is kept exactly, what does not is refused in one line that helps."""

import json
from dataclasses import fields

import pytest
from cases import each
from conftest import toml

from tenfold.data import recipe as recipes
from tenfold.data.errors import RecipeFault
from tenfold.data.recipe import (
    make_recipe,
    parse_duration,
    pixel_differences,
    pixels_digest,
    read_recipe,
    recipe_tables,
)
from tenfold.data.recipe_lookup import find_recipe
from tenfold.data.settings import override
from tenfold.data.tables import Clean, Draw, Shards, Split


def test_tables_and_recipe_are_each_others_inverse(tables):
    one = make_recipe(tables(model={"width": 12, "deep": [1, 2]}, train={"lr": 1, "budget": "45s"}))
    again = make_recipe(json.loads(json.dumps(recipe_tables(one))))
    assert again == one
    assert one.model.args == {"width": 12, "deep": [1, 2]}
    assert one.train.lr == 1.0
    assert type(one.train.lr) is float


def test_what_is_not_a_key_of_model_is_an_argument_of_the_network(tables):
    model = make_recipe(tables(model={"freeze": ["a", "b.0"], "weights": "w.pth", "size": 64, "width": 3})).model
    assert model.args == {"width": 3}
    assert (model.freeze, model.weights, model.size, model.normalise) == (("a", "b.0"), "w.pth", 64, "dataset")


def test_a_recipe_is_named_after_its_file(tmp_path, tables):
    given = tables()
    del given["name"]
    path = tmp_path / "kätzchen.toml"
    path.write_text(toml(given), encoding="utf-8")
    assert read_recipe(path).name == "kätzchen"
    as_json = tmp_path / "same.json"
    as_json.write_text(json.dumps({**given, "name": "kätzchen"}))
    assert read_recipe(as_json) == read_recipe(path)


WRONG = [
    ({"clean": {"channels": 2}}, "channels"), ({"clean": {"polarity": "drak"}}, "did you mean 'dark'"),
    ({"clean": {"bilateral": -1}}, "bilateral"), ({"clean": {"bilateral": 32}}, "at most 31"),
    ({"clean": {"bilateral": 9.0}}, "whole number"), ({"clean": {"bilateral_sigma": 0}}, "more than 0"),
    ({"clean": {"threshold": 1.1}}, "at most 1"), ({"clean": {"offset": 256}}, "at most 255"),
    ({"clean": {"specks": 3}}, "at most 2"), ({"clean": {"roi": 1}}, "true or false"),
    ({"clean": {"padding": -0.1}}, "at least 0"), ({"clean": {"polarity": "keep"}}, "ink"),
    ({"draw": {"canvas": [7, 20]}}, "at least 8"), ({"draw": {"canvas": [8, 4097]}}, "at most 4096"),
    ({"draw": {"canvas": [20]}}, "canvas"), ({"draw": {"canvas": 20}}, "canvas"),
    ({"draw": {"canvas": [20.0, 20.0]}}, "whole number"), ({"draw": {"copies": 0}}, "at least 1"),
    ({"draw": {"copies": True}}, "whole number"), ({"draw": {"fit": "insde"}}, "did you mean 'inside'"),
    ({"draw": {"rotation": 181}}, "at most 180"), ({"draw": {"scale": [0.9, 0.5]}}, "lower bound"),
    ({"draw": {"scale": [0, 1]}}, "more than 0"), ({"draw": {"scale": [0.5, 1.5]}}, "at most 1"),
    ({"draw": {"contrast": [2.0, 1.0]}}, "lower bound"), ({"draw": {"flip": 2}}, "at most 1"),

    ({"draw": {"rotation": float("nan")}}, "finite"), ({"clean": {"bilateral_sigma": float("inf")}}, "finite"),
    ({"clean": {"bilateral_sigma": 10**400}}, "finite"), ({"train": {"weight_decay": float("inf")}}, "finite"),
    ({"split": {"val": 1.5}}, "fraction below 1"), ({"split": {"test": -1}}, "at least 0"),
    ({"split": {"val": "10"}}, "whole number or a number"), ({"split": {"val": float("nan")}}, "finite"),
    ({"split": {"folds": 1}}, "folds"), ({"split": {"folds": 3, "fold": 3}}, "fold"),
    ({"split": {"fold": 2}}, "fold"), ({"shards": {"compression": "gzp"}}, "did you mean 'gzip'"),
    ({"shards": {"megabytes": 0}}, "at least 1"), ({"source": {"max_bad": 1.01}}, "at most 1"),
    ({"source": {"max_pixels": 0}}, "at least 1"), ({"seed": -1}, "from 0"), ({"seed": True}, "from 0"),
    ({"seed": 2**63}, "from 0"), ({"name": "a/b"}, "name"), ({"name": ".x"}, "name"), ({"name": ""}, "name"),
    ({"name": 5}, "name"), ({"train": {"budget": "10 years"}}, "45s"), ({"train": {"budget": "0"}}, "45s"),
    ({"train": {"lr": 0}}, "more than 0"), ({"train": {"optimizer": "adamm"}}, "did you mean 'adam"),
    ({"draws": {}}, "did you mean 'draw'"), ({"sead": 1}, "did you mean 'seed'"),
    ({"draw": {"copys": 1}}, "did you mean 'copies'"), ({"clean": {"channel": 1}}, "did you mean 'channels'"),
    ({"model": {"name": "x", "args": {}, "width": 1}}, "unknown key 'width'"), ({"model": {"name": 5}}, "string"),
    ({"model": {"width": float("nan")}}, "finite"), ({"model": {"freeze": "backbone"}}, "a list like"),
    ({"model": {"size": -1}}, "at least 0"), ({"model": {"normalise": "imagnet"}}, "did you mean 'imagenet'"),
]


@each(("over", "words"), WRONG, ids=[json.dumps(w[0])[:60] for w in WRONG])
def test_what_does_not_fit_is_refused_in_words(tables, over, words):
    with pytest.raises(RecipeFault) as caught:
        make_recipe(tables(**over), "my.toml")
    assert words in str(caught.value)
    assert "my.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@each(("table", "key"), [("draw", "canvas"), ("draw", "copies"), ("model", "name")])
def test_a_missing_key_is_named(tables, table, key):
    given = tables()
    del given[table][key]
    with pytest.raises(RecipeFault, match=f"'{key}' is missing"):
        make_recipe(given)


@each("value", [5, "x", [1], None, 1.5])
def test_a_table_that_is_none_is_refused(tables, value):
    for table in ("draw", "model", "train"):
        with pytest.raises(RecipeFault):
            make_recipe({**tables(), table: value})
    with pytest.raises(RecipeFault):
        make_recipe(value)


@each("text", [
    b"\xff\xfe", b"a = ", b"[draw\n", b"a = " + b"[" * 100_000, b"a = 1\na = 2", b"a = " + b"9" * 5000,
    b"[model]\nname = 'x'\nborn = 2020-01-01\n[draw]\ncanvas = [9, 9]\ncopies = 1\n",
], ids=range(7))
def test_a_file_that_is_no_recipe_is_refused(tmp_path, text):
    path = tmp_path / "odd.toml"
    path.write_bytes(text)
    with pytest.raises(RecipeFault, match=r"odd\.toml"):
        read_recipe(path)


@each("text", ["[]", "3", "[" * 100_000, '{"draw": '])
def test_json_that_is_no_recipe_is_refused(tmp_path, text):
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(RecipeFault, match=r"odd\.json"):
        read_recipe(path, ["seed=1"])


def test_a_recipe_that_is_not_there_is_refused(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(RecipeFault):
            read_recipe(path)


def test_override_lays_values_over_tables():
    before = {"draw": {"copies": 3}}
    after = override(before, ["draw.copies=9", "draw.canvas=[8, 9]", "model.name=light", "seed = 4", "train.x=a=b"])
    assert after == {"draw": {"copies": 9, "canvas": [8, 9]}, "model": {"name": "light"}, "seed": 4,
                     "train": {"x": "a=b"}}
    assert before == {"draw": {"copies": 3}}


@each("text", ["", "=", "draw", "draw.copies", ".x=1", "draw.=1", "a.b.c=1", "draw..x=2",
               "name.x=1"])
def test_an_override_that_is_no_assignment_is_refused(text):
    with pytest.raises(RecipeFault, match="--set"):
        override({"name": "x", "draw": {}}, [text])


@each("raw", ["", "[[[", "9" * 5000, "[" * 50_000, "{", '"', "'''", "inf", "nan", "1\n2"])
def test_an_odd_override_is_never_more_than_a_fault(tables, raw):
    with pytest.raises(RecipeFault):
        make_recipe(override(tables(), [f"draw.rotation={raw}"]))


@each(("text", "seconds"), [("45s", 45), ("10m", 600), ("1.5h", 5400), ("90", 90), (" .5 m ", 30),
                            (30, 30), (2.5, 2.5)])
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@each("text", ["", "0", "0s", "-5", "10 min", "m", "1e3", "nan", "inf", "9" * 400, None,
               True, "1m30s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(RecipeFault):
        parse_duration(text)


def _other(one):
    """A value of the field that differs from its default and from the tiny recipe's."""
    special = {"canvas": [21, 28], "copies": 4, "fit": "cover", "rotation": 7, "scale": [0.4, 0.9],
               "contrast": [0.5, 0.9], "flip": 0.5, "place": False, "channels": 3, "polarity": "light",
               "bilateral": 3, "bilateral_sigma": 9.0, "threshold": 0.5, "offset": 3.0, "specks": 0.3,
               "roi": False, "padding": 0.3, "broaden": 0.1, "val": 0.3, "test": 0.3, "folds": 3, "compression": "lz4",
               "megabytes": 5, "groups": "folder", "near_duplicates": "report",
               "small_classes": "train"}
    if one.name == "fold":
        return {"folds": 3, "fold": 1}
    return {one.name: special[one.name] if one.name in special else one.default + 0.5}


@each(("table", "cls"), [("clean", Clean), ("draw", Draw), ("split", Split), ("shards", Shards)])
def test_every_key_of_the_pixel_tables_counts(tables, table, cls):
    base = make_recipe(tables())
    for one in fields(cls):
        other = make_recipe(tables(**{table: _other(one)}))
        assert pixels_digest(other) != pixels_digest(base), one.name
        assert any(line.startswith(f"{table}.{one.name}:") for line in pixel_differences(base, other)), one.name


def test_the_trainers_keys_do_not_count_for_pixels(tables):
    base, other = make_recipe(tables()), make_recipe(tables(train={"lr": 0.5}, model={"name": "other"}))
    assert pixels_digest(base) == pixels_digest(other)
    assert pixel_differences(base, other) == []
    assert pixels_digest(make_recipe(tables(seed=4))) != pixels_digest(base)


def test_every_table_is_described():
    for cls in recipes._TABLES.values():
        assert cls.__doc__


def test_a_bare_name_means_a_file_in_recipes(tmp_path, monkeypatch, tables):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeFault, match=r"mine: No such file.*nor is there mine\.toml, recipes/mine\.toml"):
        read_recipe("mine")
    (tmp_path / "recipes").mkdir()
    (tmp_path / "mine").mkdir()                  # a folder of images is no recipe
    for folder, name in (("recipes", "mine.toml"), ("recipes", "a.b.toml"), (".", "other.json")):
        (tmp_path / folder / name).write_text(json.dumps(tables()) if name.endswith("json") else toml(tables()))
    assert [str(find_recipe(n)) for n in ("mine", "mine.toml", "recipes/mine", "a.b", "other.json", "none")] == [
        *["recipes/mine.toml"] * 3, "recipes/a.b.toml", "other.json", "none"]
    assert read_recipe("mine") == read_recipe("recipes/mine.toml")
    (tmp_path / "mine.toml").write_text(toml(tables(seed=9)))
    assert read_recipe("mine.toml").seed == 9    # as given goes first
