"""The search space as the command line gives it."""

import pytest
import train_helpers as t
from cases import each

from tenfold.data.errors import RecipeFault
from tenfold.data.recipe import make_recipe
from tenfold.train.sweep.space import Key, as_set, check, grid, parse_space, with_settings


@each(("text", "choices"), [
    ("train.lr=0.001,2e-3", (0.001, 0.002)), ("train.batch=64,128", (64, 128)), ("seed=1,2", (1, 2)),
    ("model.name=light,light2", ("light", "light2")), ("clean.roi=true,false", (True, False)),
    ("draw.canvas=[28,28],[32,32]", ([28, 28], [32, 32])), ("split.val=5,0.1", (5, 0.1)),
    ("train.engine=auto,'threads'", ("auto", "threads")), ("train.lr=0.1", (0.1,))])
def test_values(text, choices):
    assert parse_space([text], "--grid") == [Key(text.partition("=")[0], choices)]


@each(("text", "key"), [
    ("model.dropout=0..0.5", ("model.dropout", (), 0.0, 0.5)), ("train.batch=16..64", ("train.batch", (), 16, 64)),
    ("train.lr=log:1e-4..1e-2", ("train.lr", (), 1e-4, 1e-2, True)),
    ("train.epochs=log:1..100", ("train.epochs", (), 1, 100, True)), ("x.y=-1..1", ("x.y", (), -1, 1))])
def test_ranges(text, key):
    found, = parse_space([text], "--search")
    assert found == Key(*key)
    assert type(found.low) is type(found.high) is type(key[3])


@each(("texts", "option", "words"), [
    (["train.lr"], "--grid", "train.lr=0.001,0.002"), (["train.lr="], "--grid", "not a key"),
    (["a.b.c=1"], "--grid", "not a key"), (["=1"], "--search", "log:"), (["train.lr=0..1"], "--grid", "is a range"),
    (["train.lr=1..0.5"], "--search", "empty range"), (["train.lr=1..1"], "--search", "empty range"),
    (["train.lr=log:0..1"], "--search", "no logarithm"), (["seed=1", "seed=2"], "--grid", "twice"),
    (["train.budget=1m,2m"], "--grid", "cannot vary"), (["name=a,b"], "--grid", "cannot vary")])
def test_faults(texts, option, words):
    with pytest.raises(RecipeFault, match=words):
        parse_space(texts, option)


def test_a_grid_is_every_combination():
    keys = parse_space(["train.lr=1,2", "model.widths=[8,16],[4]"], "--grid")
    assert list(grid(keys)) == [{"train.lr": lr, "model.widths": w} for lr in (1, 2) for w in ([8, 16], [4])]


def test_settings_are_laid_over_the_recipe_as_a_recipe_file_would_have_them():
    recipe = make_recipe(t.tables())
    found = with_settings(recipe, {"train.lr": 1, "model.widths": [4], "model.name": "resnet", "seed": 9,
                                   "draw.canvas": [8, 9]})
    assert (found.train.lr, found.model.name, found.seed, found.draw.canvas) == (1.0, "resnet", 9, (8, 9))
    assert found.model.args == {"widths": [4]}
    assert with_settings(recipe, {}) == recipe
    assert as_set({"train.lr": 0.00123456, "model.widths": [4, 8], "model.name": "light"}) == \
        "train.lr=0.001235 model.widths=[4,8] model.name=light"


@each(("text", "words"), [
    ("train.lrr=1,2", "lr"), ("trian.lr=1,2", "train"), ("train.lr=0.1,-1", "more than 0"),
    ("train.batch=1.5,2", "whole number"), ("train.batch=0..5", "at least 1"), ("seed=a,b", "whole number")])
def test_a_value_out_of_bounds_is_known_before_any_trial(text, words):
    with pytest.raises(RecipeFault, match=words):
        check(make_recipe(t.tables()), parse_space([text], "--search"))
