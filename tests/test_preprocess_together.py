"""Small arrays are examined and drawn many at once, straight from their file: the same as one by one, by the cache."""

import pickle
from dataclasses import replace

import numpy as np
from cases import each

from tenfold.data.recipe import make_recipe
from tenfold.data.sources.opening import open_source
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.clean.steps import clean
from tenfold.preprocess.draw.pyramid import build_pyramid
from tenfold.preprocess.draw.random_views import PLAIN, draw_view
from tenfold.preprocess.draw.together import drawn_from_source, pictures_together
from tenfold.preprocess.survey import cleaning
from tenfold.preprocess.survey.clean_cache import block_size, read_facts

PLAINLY = {"polarity": "keep", "threshold": 0, "roi": False, "specks": 0}


def arrays(path, shape, count=9, test=0):
    """An arrays file of noise, one picture of it blank, two the same; perhaps with a second array of test images."""
    x = np.random.default_rng(list(shape)).integers(0, 256, (count + test, *shape), np.uint8)
    x[4], x[6] = 9, x[5]
    y = np.arange(len(x)) % 2
    members = {"x": x, "y": y} if not test else {"x_train": x[:count], "y_train": y[:count],
                                                 "x_test": x[count:], "y_test": y[count:]}
    np.savez(path, **members)
    return open_source(path), x


def recipe_of(tables, channels, **draw):
    draw = {"contrast": [0.6, 1.2], "flip": 0.5, "shear": 8, "aspect": 1.3} | draw
    return make_recipe(tables(clean=PLAINLY | {"channels": channels}, draw=draw))


@each("fit, shape, test", [("inside", (28, 20, 1), 0), ("cover", (9, 30, 3), 5), ("stretch", (16, 17, 1), 5)], ids=str)
def test_many_at_once_are_the_same_as_one_by_one(fit, shape, test, tables, tmp_path):
    source, x = arrays(tmp_path / "x.npz", shape, test=test)
    recipe, reader = recipe_of(tables, shape[2], fit=fit), source.reader(tmp_path)
    assert drawn_from_source(recipe, reader)
    task = cleaning.CleanTask(cleaning.Cleaning(tmp_path, "k", reader, recipe, SetDecisions("keep")), 0, 3,
                              source.paths[3:], every=2)
    facts = cleaning.clean_block(task)
    one_by_one, _ = cleaning._clean_each(task)
    assert facts == one_by_one
    assert set(facts.faults) == {1}
    assert read_facts(tmp_path, 0, "k") == facts
    rows = np.array([0, 1, 5, len(x) - 1])
    pictures = pictures_together(reader.read_rows(rows), recipe.draw)
    for row, picture in zip(rows, pictures, strict=True):
        alone = build_pyramid(clean(x[row], recipe.clean, recipe.draw, SetDecisions("keep")), recipe.draw)
        for view in (PLAIN, *(draw_view(1, 2, copy, recipe.draw) for copy in range(4))):
            assert (picture.draw(view, recipe.draw) == alone.draw(view, recipe.draw)).all()


def test_what_is_cleaned_or_differs_is_not_drawn_from_its_source(tables, folder, tmp_path):
    reader = arrays(tmp_path / "x.npz", (28, 20, 1))[0].reader(tmp_path)
    taken = recipe_of(tables, 1)
    assert drawn_from_source(taken, reader)
    for key, value in {"polarity": "auto", "bilateral": 3, "threshold": 0.5, "roi": True, "channels": 3}.items():
        assert not drawn_from_source(replace(taken, clean=replace(taken.clean, **{key: value})), reader)
    assert not drawn_from_source(taken, open_source(folder(a=2, b=2)).reader(tmp_path))
    large = arrays(tmp_path / "large.npz", (90, 90, 1))[0].reader(tmp_path)
    assert not drawn_from_source(taken, large)
    assert drawn_from_source(recipe_of(tables, 1, copies=1), large)


def test_a_file_of_arrays_is_mapped_once_and_its_pixels_do_not_travel(tmp_path, monkeypatch):
    source, x = arrays(tmp_path / "x.npz", (60, 50, 1))
    reader, maps, memmap = source.reader(tmp_path), [], np.memmap
    monkeypatch.setattr(np, "memmap", lambda *a: maps.append(a) or memmap(*a))
    assert all((reader.read(row, "") == x[row]).all() for row in range(len(x)))
    assert len(maps) == 1
    assert len(pickle.dumps(reader)) < 1000
    assert (pickle.loads(pickle.dumps(reader)).read(3, "") == x[3]).all()


def test_blocks_grow_with_small_arrays_and_stay_few_enough_to_share(tmp_path):
    source, _ = arrays(tmp_path / "x.npz", (28, 28, 1))

    def blocks(count):
        return -(-count // block_size(replace(source, paths=[""] * count)))
    assert blocks(9) == blocks(128) == 1                 # nothing to share
    assert blocks(128 * 32) == 32
    assert blocks(814_255) < 1000
