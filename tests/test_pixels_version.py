"""Pixels that another version drew are not mixed in silence."""

import json

import train_helpers as t

from tenfold.data.recipe import PIXELS_VERSION
from tenfold.data.shardset import open_set, write_index
from tenfold.predict.model import Model
from tenfold.train.inputs import with_pixels_of
from tenfold.train.models.build import build_model
from tenfold.train.run.checkpoint import describe, save
from tenfold.train.score.scoring import score

ODD = (None, "6", [6], True)     # not known, or of a foreign file


def of_version(folder, version):
    """The set in `folder` as if its pixels were of this version."""
    write_index(folder, json.loads((folder / "dataset.json").read_text()) | {"pixels_version": version})
    return open_set(folder)


def test_training_on_pixels_of_another_version_is_said(tmp_path, capsys):
    folder = t.written(tmp_path / "set")
    for version in (PIXELS_VERSION, PIXELS_VERSION - 1, *ODD):
        shards = of_version(folder, version)
        with_pixels_of(shards, shards.recipe)
        said = capsys.readouterr().out.splitlines()
        if version == PIXELS_VERSION - 1:
            line, = said
            assert line.startswith(f"note: {folder} holds pixels of version {version}, this Tenfold draws version ")
            assert "augment` makes the set again" in line
        else:
            assert said == [], version


def test_a_model_is_told_pixels_of_another_version(tmp_path):
    folder = t.written(tmp_path / "set")
    for trained, scored in ((5, 5), (5, 6), (None, 6)):
        shards = of_version(folder, trained)
        how = shards.recipe.model
        content = describe(shards, shards.recipe) | {"metrics": {}}
        save(tmp_path / "best.pth", content | {"weights": build_model(how.name, how.args, 1, 3, t.CANVAS).state_dict()})
        model = Model.open(tmp_path / "best.pth", "cpu")
        notes = score(model, of_version(folder, scored)).notes
        assert [f"was trained on pixels of version 5, {folder} holds version 6" in note for note in notes if
                "pixels" in note] == [True] * ((trained, scored) == (5, 6)), (trained, scored)
        assert any("pixels of version 5, this Tenfold draws" in note for note in model.notes) == (trained == 5)
