"""Dark ink on light or the reverse: one decision for a set, by each picture's vote and its certainty."""

import json

import numpy as np
import pytest
from characters import character, page
from conftest import save

from tenfold.data.recipe import make_recipe
from tenfold.preprocess.clean.polarity import CLEAR, dark_ink_log_odds
from tenfold.preprocess.survey.decisions import decide, rows_of_opposite_polarity
from tenfold.preprocess.survey.facts import Facts, SourceFacts


def test_the_negative_votes_the_other_way():
    rng = np.random.default_rng(0)
    for name in "iEo!=":
        for margin in (0, 0.5):
            image = page(rng, name, 9, margin)[0]
            odds, dark, light = dark_ink_log_odds(image)
            negative = dark_ink_log_odds(255 - image)
            assert abs(negative[0] + odds) < 0.7, name          # but for the pixels on Otsu's threshold
            assert dark < light
            assert abs(negative[1] - (255 - light)) <= 3


def test_characters_are_judged_tight_or_not():
    rng, right, clear_wrong = np.random.default_rng(1), [], []
    for name in ("E", "o", "i", "ü", "j", "÷", "/"):
        for margin in (0, 0.1, 1):
            for dark in (True, False):
                odds = dark_ink_log_odds(page(rng, name, 12, margin, dark=dark)[0])[0] * (1 if dark else -1)
                right.append(odds > 0)
                clear_wrong.append(odds < -CLEAR)
    assert np.mean(right) >= 0.9
    assert np.mean(clear_wrong) <= 0.05


@pytest.mark.parametrize("light", ["vignette", "slope", "wedge"])
def test_uneven_light_and_shadows_hide_no_polarity(light):
    y, x = np.mgrid[:120, :150]
    lost = {"vignette": ((x - 75) / 75.0) ** 2 + ((y - 60) / 60.0) ** 2, "slope": x / 75.0,
            "wedge": 2.0 * (x + y < 140)}[light] / 2
    for name in ("E", "o", "i"):
        cover = np.zeros((120, 150), np.float32)
        drawn = character(name, 6, 50)
        cover[35:35 + drawn.shape[0], 60:60 + drawn.shape[1]] = drawn
        image = np.rint((240 - 215 * cover) * (1 - 0.5 * lost)).astype(np.uint8)[..., None]
        assert dark_ink_log_odds(image)[0] > 0.5, name
        assert dark_ink_log_odds(255 - image)[0] < -0.5, name


TIGHT = ("--set", "clean.specks=0.5", "--set", "split.val=1", "--set", "split.test=1", "--set")


def rows(*votes):
    return Facts.of(SourceFacts(dark_ink=vote, tones=(20, 230)) for vote in votes)


def test_the_set_decides(tables):
    def decided(*votes, labels=None, polarity="auto"):
        recipe = make_recipe(tables(clean={"polarity": polarity}))
        return decide(recipe, rows(*votes), labels or [0] * len(votes)).polarity
    assert decided(8, 5, -1, -2, 7) == "dark"                            # the unsure are carried along
    assert decided(-8, -5, 1, 2, -7) == "light"
    assert decided(*[8] * 30, -9, -9) == "dark"
    assert decided(*[8] * 20, *[-9] * 9) == "each"                        # truly mixed
    assert decided(*[8] * 20, *[-9] * 9, labels=[0] * 20 + [1] * 9) == "dark"    # a class whose shape fools the vote
    assert decided(-1, 0.5, 0.4) == "light"
    assert decided(9, 9, polarity="light") == "light"
    assert rows_of_opposite_polarity("dark", rows(8, -9, -1)).tolist() == [1]
    assert rows_of_opposite_polarity("light", rows(8, -9, -1)).tolist() == [0]
    assert rows_of_opposite_polarity("each", rows(8, -9)).tolist() == []


def test_a_tight_set_with_shapes_that_fool_the_vote_is_decided_by_the_others(tmp_path, augment):
    for dark, right, wrong in ((True, "dark", "light"), (False, "light", "dark")):
        rng, images = np.random.default_rng(3), tmp_path / right
        for label in ("E", "i", "=", "o", "j"):
            for number in range(5):
                save(images / label / f"{number}.png", page(rng, label, 9, 0, dark=dark)[0])

        def build(polarity, images=images, right=right):
            return augment(images, *TIGHT, f"clean.polarity={polarity}", out=tmp_path / f"{right}-{polarity}")
        assert build("auto").code == build(right).code == 0
        index = json.loads((tmp_path / f"{right}-auto" / "dataset.json").read_text())
        assert index["common"]["polarity"] == right
        refused = build(wrong)
        assert refused.code == 2, refused
        assert f"--set clean.polarity={right}" in refused.err


def test_a_full_stop_cut_to_its_ink_is_kept_and_a_black_page_is_not(tmp_path, augment):
    rng = np.random.default_rng(4)
    for margin, name in ((0, "tight"), (1, "wide")):
        for label in "Ei":
            for number in range(6):
                save(tmp_path / name / label / f"{number}.png", page(rng, label, 9, margin)[0])
        for number in range(3):
            save(tmp_path / name / "stop" / f"{number}.png", np.full((14, 14, 1), 15 + number, np.uint8))
    more = [*["--set", "clean.specks=0.5", "--set", "split.val=1", "--set", "split.test=1"]]
    assert augment(tmp_path / "tight", *more, out=tmp_path / "a").code == 0
    index = json.loads((tmp_path / "a" / "dataset.json").read_text())
    assert index["set_aside"] == []
    assert "stop/0.png: blank: every pixel is the same" in augment(tmp_path / "wide", *more, out=tmp_path / "b").err
