"""Pictures of far more or less contrast than a model was trained on are told, by `predict` and by `score`."""

import numpy as np
import pytest
import torch
import train_helpers as t
from PIL import Image
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

import tenfold
from tenfold.data.contrast import is_other_contrast, trained_contrast
from tenfold.data.recipe import make_recipe

SAID = "images that this model was trained on"


@pytest.mark.parametrize(("contrast", "trained", "other"), [
    ([255, 255], [1, 1], True), ([1, 1], [255, 255], True), ([0, 200], [1, 1], False), ([4, 4], [1, 1], False),
    ([60, 255], [15, 15], False), ([61, 255], [15, 15], True), ([255, 255], [64, 90], False), ([255, 255], None, False),
    ([10, 80], [100, 255], False)])
def test_contrast_is_other_where_it_is_many_times_higher_or_lower(contrast, trained, other):
    assert is_other_contrast(contrast, trained) == other


def test_a_recipe_that_stretches_ink_does_not_ask_for_contrast():
    for clean, known in (({}, [1, 1]), ({"polarity": "dark", "roi": True}, None)):
        assert trained_contrast({"contrast": [1, 1]}, make_recipe(t.tables(clean=clean))) == known


def arrays(path: str, times: int, dtype=np.uint8) -> str:
    """Bars of 0 and 1 on 0, times so many, upright in class "down"."""
    x = np.zeros((24, 12, 10), dtype)
    for i, one in enumerate(x):
        (one.T if i % 2 else one)[2 + i % 5:4 + i % 5, 2:9] = times
    if path.endswith(".npz"):
        np.savez(path, x=x, y=np.arange(24) % 2, classes=["across", "down"])
    else:
        for i, one in enumerate(x):
            t.Path(path, ("across", "down")[i % 2]).mkdir(parents=True, exist_ok=True)
            Image.fromarray(one).save(t.Path(path, ("across", "down")[i % 2], f"{i}.png"))
    return path


def model_of(data: str):
    recipe = make_recipe(t.tables(split={"val": 2, "test": 2}, draw={"canvas": [12, 10]}))
    return tenfold.load(t.untrained(tenfold.augment(data, recipe, workers=1).folder), "cpu")


@pytest.mark.parametrize(("trained", "given", "said"), [
    (1, 255, True), (255, 1, True), (255, 100, False), (1, 1, False)])
def test_predictions_and_scores_of_other_contrast_are_told(trained, given, said, capsys):
    model = model_of(arrays("trained.npz", trained))
    pictures, given_data = np.load(arrays("given.npz", given))["x"], "given.npz"
    capsys.readouterr()
    model.predict(pictures)
    assert (SAID in capsys.readouterr().out) == said
    notes = tenfold.score(model, data=given_data).notes
    assert sum(SAID in note for note in notes) == said
    content = torch.load("best.pth", weights_only=True)
    del content["contrast"]                      # an older checkpoint
    torch.save(content, "best.pth")
    capsys.readouterr()
    tenfold.load("best.pth", "cpu").predict(pictures)
    assert SAID not in capsys.readouterr().out


def test_deep_pictures_whose_levels_are_cut_off_are_told(capsys):
    model = model_of(arrays("trained", 1, np.uint16))
    for times, said in ((1, False), (200, True)):
        capsys.readouterr()
        model.predict(arrays(f"given{times}", times, np.uint16))
        assert ("24 of 24 pictures, such as given200/across/0.png, hold levels beyond the range"
                in capsys.readouterr().out) == said
