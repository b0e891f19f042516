"""What the automatic mode says at the end follows from the figures, and not from noise."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import train_helpers as t
from PIL import Image

from tenfold.automatic.choices import Draft
from tenfold.automatic.race import Trial
from tenfold.automatic.summary import (
    _doubt_lines,
    budget_lines,
    chosen_line,
    clear_rise,
    left_lines,
    race_line,
    result_lines,
)
from tenfold.automatic.training import odd_line
from tenfold.data.recipe import make_recipe
from tenfold.data.sources.opening import open_source
from tenfold.preprocess.pipeline import augment


def history(*top1: float, rows: int = 1000) -> list[dict]:
    """Rows of metrics.csv, one every ten seconds."""
    return [{"seconds": 10.0 * number, "val_top1": share, "val_rows": rows} for number, share in enumerate(top1, 1)]


def run_with(top1: float | None, rows: list[dict]) -> SimpleNamespace:
    """A run whose last weights are in best.pth."""
    return SimpleNamespace(val_top1=top1, history=rows, best_row=rows[-1])


@pytest.mark.parametrize(("rows", "top1", "rise"), [
    (10_000, [0.5, 0.6, 0.7, 0.75, 0.8], 0.05), (10_000, [0.5, 0.6, 0.7, 0.8, 0.801], 0),
    (30, [0.5, 0.6, 0.7, 0.75, 0.8], 0),         # one or two pictures
    (10_000, [0.8], 0), (10_000, [0.5, 0.6, 0.7, 0.8, 0.7], 0), (0, [float("nan")] * 5, 0)])
def test_more_time_is_advised_only_if_the_end_rises_by_more_than_chance(rows, top1, rise):
    assert clear_rise(history(*top1, rows=rows)) == pytest.approx(rise)


@pytest.mark.parametrize(("top1", "rows", "words"), [
    (0.8, 200, "a longer budget may help: val top-1 rose from 61.0% in its trial of 12 s to 80.0%"),
    (0.63, 200, "a longer budget would probably help little: val top-1 did not clearly rise, from 61.0%"),
    (0.7, 10, "a longer budget would probably help little"), (0.5, 200, "a longer budget would probably help little")])
def test_a_trial_and_the_run_show_what_a_longer_budget_may_gain(top1, rows, words):
    run = run_with(top1, history(0.1, 0.2, top1, rows=rows))
    trials = [Trial("other", 0, 9.0, 0.9, rows), Trial("own", 0, 6.0, 0.3, rows), Trial("own", 1, 12.0, 0.61, rows)]
    assert budget_lines(run, trials, "own")[0].startswith(words)


def test_without_a_trial_the_end_of_the_run_tells_less_and_without_val_nothing_does():
    rising = run_with(0.8, history(0.5, 0.6, 0.7, 0.75, 0.8, rows=10_000))
    failed = [Trial("own", 0, 6.0, None, 0, fault="x"), Trial("own", 1, 6.0, 0.1, 200, began=False)]
    for trials in ([], failed[:1], failed[1:], [Trial("other", 0, 9.0, 0.9, 200)]):
        assert budget_lines(rising, trials, "own") == [
            "a longer budget may help: val top-1 rose by 5.0 points in the last fifth of training, partly because the "
            "learning rate fell"]
    flat = run_with(0.8, history(0.8, 0.8, 0.8))
    assert budget_lines(flat, [], "own") == []
    no_val = run_with(None, history(float("nan"), rows=0))
    assert budget_lines(no_val, [Trial("own", 0, 6.0, 0.5, 200)], "own") == []


def test_a_choice_that_is_not_the_highest_is_explained():
    trials = [Trial("first", 0, 9.0, 0.70, 40), Trial("second", 0, 9.0, 0.75, 40)]
    assert "no other is better by more than a standard error" in chosen_line(Draft("first", "x"), trials)
    assert chosen_line(Draft("second", "x"), trials) == "chosen: second (x)"
    assert chosen_line(Draft("first", "x"), []) == "chosen: first (x)"
    late = [Trial("first", 0, 9.0, 0.70, 20, began=False), trials[1]]        # of which nothing is known
    assert chosen_line(Draft("first", "x"), late) == "chosen: first (x)"
    assert race_line(late).startswith("tried, val top-1 of 20 to 40 rows: first")


def test_a_budget_that_is_left_is_explained():
    draft = Draft("pretrained", "pictures").choose("train.epochs", 4).choose("model.freeze", ["stem"])
    assert left_lines(draft, 30, 600, 4) == left_lines(draft, 300, 600, 3) == []
    assert left_lines(draft, 300, 600, 4) == [
        "note: 300 s of the budget are left: the recipe plans 4 epochs (train.epochs)"]
    left = left_lines(draft.choose("model.freeze", ["backbone"]), 300, 600, 0)[0]
    assert "gains nothing" not in left           # a longer one may train more layers, or take larger pictures
    assert "a longer budget may choose" in left
    assert left_lines(draft.choose("train.epochs", "auto"), 300, 600, 4) == []


def test_labels_are_in_doubt_where_few_of_a_class_are_taken_for_another():
    def advice(*mistakes: tuple[str, str, int], support: int = 10) -> list[str]:
        """Of `support` test images of each class, so many with this label are surely predicted as another class."""
        predictions = [{"path": f"{true}/{i}.png", "true": true, "predicted": predicted, "probability": 0.95}
                       for true, predicted, count in mistakes for i in range(count)]
        per_class = {name: {"support": support, "f1": 1.0} for name in ("left", "right", "up")}
        return _doubt_lines(SimpleNamespace(predictions=predictions, per_class=per_class), Path("runs/x"))
    assert advice() == []
    assert advice(("left", "right", 2)) == [
        "check the labels of 2 test images, predicted as another class (in brackets) with 90% or more; "
        "runs/x/predictions.csv has all:", "  left/0.png (right), left/1.png (right)"]
    confused, labels, _ = advice(("left", "right", 4), ("right", "left", 5), ("up", "left", 1))
    assert confused.startswith("5 of 10 test images of 'right' are predicted as 'left' with 90% or more")
    assert labels.startswith("check the labels of 1 test image, predicted as another")
    assert advice(("up", "left", 13), support=100)[0].startswith("check the labels of 13 test images")     # all of them


@pytest.mark.parametrize("folder", ["a", "a folder/" * 40])
def test_at_most_twelve_images_are_named_whose_labels_are_in_doubt_the_surest_mistakes_first(folder):
    predictions = [{"path": f"{folder}/{number:02d}.png", "true": "a", "predicted": "b",
                    "probability": 0.9 + number / 999} for number in range(40)]
    score = SimpleNamespace(predictions=predictions, per_class={"a": {"support": 1000}})
    head, *named = _doubt_lines(score, Path("runs/x"))
    assert "labels of 40 test images" in head
    assert "runs/x/predictions.csv has all" in head
    text = " ".join(named)
    assert [f"/{number:02d}.png (b)" in text for number in range(40)] == 28 * [False] + 12 * [True]
    assert text.index("39.png") < text.index("28.png")
    assert text.endswith("and 28 others")
    assert len(named) <= 8
    assert all(len(line) <= 118 and not line.startswith("  (b)") for line in named)


def test_images_that_look_odd_are_counted_and_one_is_named(tmp_path):
    images = t.folder(tmp_path / "images")
    Image.fromarray(np.tile(t.stripe(1, np.random.default_rng(0))[:, :, 0], 20)).save(images / "down" / "long.png")
    built = augment(make_recipe(t.tables()), open_source(images), tmp_path / "set", workers=1)
    line, = odd_line(built, Path("recipes/auto-x.toml"))
    assert line.startswith("note: 1 image may be unfit, such as down/long.png, which is of an odd shape (560×20)")
    assert "tenfold report --recipe recipes/auto-x.toml" in line
    (images / "down" / "long.png").unlink()
    built = augment(make_recipe(t.tables()), open_source(images), tmp_path / "other", workers=1)
    assert odd_line(built, Path("x.toml")) == []


@pytest.mark.parametrize(("seen", "words"), [
    (0, "12 test images that were not seen in training (95%"), (3, "12 test images, of which 3 were seen in training"),
    (None, "12 test images (95%")])
def test_test_images_that_were_trained_on_are_not_said_to_be_unseen(seen, words):
    score = SimpleNamespace(facts={"seen_in_training": seen}, top1=0.5, macro_f1=0.5, images=12, notes=(), per_class={},
                            is_guessing=True)
    run = SimpleNamespace(facts={"steps": 9, "seconds": 1.0, "notes": []}, val_top1=0.5, history=[])
    assert words in result_lines(run, score, Path("runs/x"))[1]
