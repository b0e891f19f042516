"""The automatic mode: what is seen decides, no choice is made on noise, and the recipe says why."""

import dataclasses
import time
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import train_helpers as t
from characters import character
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

import tenfold
from tenfold.automatic import auto
from tenfold.automatic.angles import TURNED, UPRIGHT, shape_of, upright_share
from tenfold.automatic.candidates import candidates
from tenfold.automatic.checks import set_aside
from tenfold.automatic.choices import Draft, toml_value, write_recipe
from tenfold.automatic.fit import STEPS, Setting
from tenfold.automatic.ink import ink
from tenfold.automatic.look import Look
from tenfold.automatic.looking import _rows, look
from tenfold.automatic.machine import Machine
from tenfold.automatic.marks import InkFacts
from tenfold.automatic.mirrors import hog, may_be_mirrored, unmirrored_share
from tenfold.automatic.race import Trial, keep_weights
from tenfold.automatic.summary import interval
from tenfold.data.errors import UserFault
from tenfold.data.recipe import read_recipe, recipe_tables
from tenfold.data.sources.opening import open_source

MARKS = InkFacts(pen=0.05, wander=0.1, sizes=0.2, near_upright=0.9)
INK = Look(images=600, classes=6, least=100, most=100, size=(200, 200), shape=1.0, looked=64, colour=0.0, ink=1.0,
           polarity="dark", votes=(60, 4), marks=MARKS, seconds=0.01, official={}, counts=(100,) * 6)
PHOTOS = dataclasses.replace(INK, size=(193, 256), colour=0.9, ink=0.02, polarity="each", marks=None)
SIGNS = dataclasses.replace(PHOTOS, unmirrored=(0.9, 256))


class Fixed(Machine):
    """A machine whose rates are known: images a second of 32×32 and the narrowest network, less for others."""

    def __init__(self, rate: float):
        super().__init__(torch.device("cpu"))
        self.rate = rate

    def _rate(self, recipe, classes, batch, kind):
        width = (recipe.model.args.get("widths") or [32])[0]
        return self.rate * (32 / recipe.draw.canvas[0])**2 * (16 / width)**1.5


def setting(seen, seconds, rate=2000.0):
    return Setting("images", seen, Fixed(rate), 2, 0, seconds)


def letters(turn: float, seed: int = 0, count: int = 8):
    """(shapes, labels) of some characters of several classes, each turned by up to `turn` degrees."""
    rng, shapes, labels = np.random.default_rng(seed), [], []
    for label, name in enumerate("jE/!"):
        for _ in range(count):
            drawn = cv2.copyMakeBorder((255 * character(name, 5, 40)).astype(np.uint8), *4 * (30,), cv2.BORDER_CONSTANT)
            middle = drawn.shape[1] / 2, drawn.shape[0] / 2
            matrix = cv2.getRotationMatrix2D(middle, rng.uniform(-turn, turn), rng.uniform(0.8, 1.1))
            shapes.append(shape_of(cv2.warpAffine(drawn, matrix, drawn.shape[::-1])))
            labels.append(label)
    return np.stack(shapes), np.array(labels)


def test_characters_that_stand_upright_are_told_from_those_at_any_angle():
    assert upright_share(*letters(8)) > UPRIGHT
    assert upright_share(*letters(180)) < TURNED
    assert upright_share(*letters(0, count=1)) is None       # nothing to compare with, or too little
    assert upright_share(*letters(0, count=2)) is None


@pytest.mark.parametrize(("mirrored", "names"), [(False, "jE/i"), (True, "jE/i"), (False, "üoI=")])
def test_shapes_whose_mirror_images_are_others_are_told_from_those_that_look_either_way(mirrored, names):
    rng, pictures, labels = np.random.default_rng(0), [], []
    for label, name in enumerate(names):
        for number in range(15):
            edges = rng.integers(4, 12, 4).tolist()
            drawn = cv2.copyMakeBorder(155 * character(name, 5, 40), *edges, cv2.BORDER_CONSTANT)
            noisy = np.clip(drawn + rng.normal(50, 9, drawn.shape), 0, 255).astype(np.uint8)[..., None]
            pictures.append(noisy[:, ::-1] if mirrored and number % 2 else noisy)
            labels.append(label)
    share, count = unmirrored_share(np.stack([hog(p) for p in pictures]),
                                    np.stack([hog(p[:, ::-1]) for p in pictures]), np.array(labels))
    assert count == 60
    assert may_be_mirrored(share, count) == (mirrored or names == "üoI=")
    assert may_be_mirrored(1.0, 20)                          # too few to tell
    assert unmirrored_share(np.ones((2, 3)), np.ones((2, 3)), np.array([0, 1])) == (0.5, 0)   # none has another


def test_what_may_not_be_mirrored_never_is():
    for seen in (SIGNS, dataclasses.replace(SIGNS, size=(32, 32))):
        found = candidates(seen, Fixed(500), pretrained=True)
        assert [c.name for c in found] == ["shapes", "pretrained", "from nothing"]
        one_sided = candidates(dataclasses.replace(seen, unmirrored=(0.7, 256)), Fixed(500), pretrained=True)
        assert [c.name for c in one_sided] == ["pretrained", "shapes", "from nothing"]
        for candidate in found:
            recipe = candidate.make(setting(seen, 300)).recipe("x")
            assert (recipe.draw.flip, recipe.augment.flip) == (0, 0)
    settings = candidates(PHOTOS, Fixed(500), pretrained=True)[0].make(setting(PHOTOS, 300)).settings
    assert settings["draw.flip"] == 0.5


def test_a_part_of_a_set_has_as_many_of_each_class_as_there_are_or_the_same_number():
    uneven = dataclasses.replace(INK, images=160, classes=3, counts=(5, 50, 95), least=5, most=95,
                                 official={"test": 10})
    for images, kept in ((150, 150), (149, 149), (100, 99), (62, 61), (25, 25), (3, 25)):
        part = uneven.subset(images)
        assert part.images == kept + 10
        assert part == uneven.with_per_class(part.per_class)
        assert bool(part.per_class) == (kept < 150)
    assert uneven.subset(62).per_class == 28
    with_val = dataclasses.replace(uneven, images=190, counts=(5, 50, 95, 10, 10, 10), official={"test": 10, "val": 30})
    assert with_val.with_per_class(8).official == {"test": 10, "val": 24}
    assert with_val.with_per_class(8).images == 10 + 24 + 5 + 8 + 8
    assert uneven.with_per_class(0) is uneven


def test_a_recipe_that_is_written_is_the_recipe_that_was_chosen(tmp_path):
    for seen in (INK, PHOTOS):
        for candidate in candidates(seen, Fixed(500), pretrained=False):
            draft = candidate.make(setting(seen, 100))
            draft.choose("source.data", 'a "folder"\\with\nodd\x1b signs €', "ink #1\n[train]\nbatch = 3")
            write_recipe(draft, tmp_path / "x.toml", ["x: made\nby hand", "", "more"])
            assert read_recipe(tmp_path / "x.toml") == draft.recipe("x")
            assert all(len(line) <= 160 for line in (tmp_path / "x.toml").read_text().splitlines())


def test_toml_values_are_read_as_they_were():
    for value in ("", 'a"b', "\\u", "\x7f\t", 0.1, 1e-7, 3, True, [1, 2.5], ["a"], (0.5, 1.0), [[0.5, 0.1]]):
        read = tomllib.loads(f"x = {toml_value(value)}")["x"]
        assert read == pytest.approx(value, abs=1e-6) if isinstance(value, float) else read == (
            list(value) if isinstance(value, tuple) else value)


def test_enough_steps_fit_and_more_seconds_never_make_a_network_smaller():
    width = 0
    for seconds in (20, 60, 200, 600, 3000):
        draft = candidates(INK, Fixed(2000), False)[0].make(setting(INK, seconds))
        recipe = draft.recipe("x")
        images = 0.85 * Fixed(2000)._rate(recipe, 6, 64, "training") * seconds
        assert images / recipe.train.batch >= min(STEPS, images / 32) - 1
        assert recipe.train.epochs * recipe.draw.copies * INK.training_images >= images         # no second is left over
        assert recipe.model.args["widths"][0] * recipe.draw.canvas[0] >= width
        width = recipe.model.args["widths"][0] * recipe.draw.canvas[0]


def test_a_larger_set_gets_a_network_by_which_each_image_is_seen_some_times():
    many = dataclasses.replace(INK, images=60_000, counts=(10_000,) * 6, least=10_000, most=10_000)
    small, large = (candidates(seen, Fixed(2000), False)[0].make(setting(seen, 600)).recipe("x")
                    for seen in (INK, many))
    seen_images = 0.85 * Fixed(2000)._rate(large, 6, 64, "training") * 600
    assert large.model.args["widths"] < small.model.args["widths"]
    assert seen_images >= 8 * many.training_images


@pytest.mark.parametrize(("seen", "names"), [
    (INK, ["ink cut out, upright"]),
    (dataclasses.replace(INK, marks=dataclasses.replace(MARKS, near_upright=0.2)), ["ink cut out, at any angle"]),
    (dataclasses.replace(INK, marks=dataclasses.replace(MARKS, near_upright=0.5)),
     ["ink cut out, upright", "ink cut out, at any angle"]),
    (dataclasses.replace(INK, marks=dataclasses.replace(MARKS, wander=0.02, sizes=0.01)),
     ["ink where it stands, upright"]),
    (PHOTOS, ["pretrained"]),
], ids=lambda v: "" if isinstance(v, Look) else " or ".join(v))
def test_what_was_seen_leaves_few_ways_open(seen, names):
    assert [c.name for c in candidates(seen, Fixed(500), pretrained=True)] == names


def test_uneven_classes_are_drawn_more_evenly_and_official_splits_stand():
    uneven = dataclasses.replace(INK, least=10, most=200, official={"train": 500, "test": 100})
    settings = candidates(uneven, Fixed(500), False)[0].make(setting(uneven, 60)).settings
    assert settings["train.sampling"] == 0.5
    assert "split.test" not in settings
    assert "split.val" in settings


def test_what_is_too_few_or_cannot_be_read_is_said_before_training():
    assert len(INK.lines()) == 1
    notes = dataclasses.replace(INK, unread=0.1, least=3, counts=(100, 3, 4, 100, 100, 100)).lines()[1:]
    assert "10%" in notes[0]
    assert notes[1].startswith("note: 2 of 6 classes")
    draft = ink(setting(dataclasses.replace(INK, unread=0.1), 60), MARKS, True, False)
    assert draft.settings["source.max_bad"] == 0.25


def test_the_interval_is_wilsons():
    assert interval(0.9, 100) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert interval(1.0, 10)[0] == pytest.approx(0.7225, abs=1e-4)
    assert interval(0.5, 0) == (0.0, 1.0)


def test_a_folder_of_ink_is_looked_at(tmp_path):
    source = open_source(t.folder(tmp_path / "images"))
    seen = look(source, tmp_path)
    assert (seen.images, seen.classes, seen.official) == (len(source), len(source.classes), {})
    assert seen == dataclasses.replace(look(source, tmp_path), seconds=seen.seconds)         # the same each time


def test_of_many_classes_some_are_looked_at_with_others_of_their_class():
    labels = np.arange(3000) % 1000
    seen = labels[_rows(labels)]
    assert len(seen) > 150
    assert min(np.unique(seen, return_counts=True)[1]) > 1
    few = np.sort(np.random.default_rng(0).integers(0, 7, 5000))
    assert len(set(_rows(few))) == 256
    assert sorted(_rows(np.array([0, 1, 1]))) == [0, 1, 2]


def test_what_was_stopped_goes_on_with_its_trials(tmp_path):
    images = t.folder(tmp_path / "images")
    one = auto.Automatic(images, 60.0, started=0.0)
    one.state.trials.append(Trial("a", 0, 10.0, 0.5, 200, best="runs/a/best.pth"))
    one.state.chosen = Draft("a", "b").choose("seed", 3, "why")
    one.state.per_class = 3
    one.state.save(one.folder, 12.5)
    again = auto.Automatic(images, 60.0).state
    assert dataclasses.replace(again, seconds=0.0) == one.state
    assert again.seconds == 12.5
    for other in (auto.Automatic(images, 61.0), auto.Automatic(images, 60.0, seed=1)):       # another call
        assert other.state.trials == []
    (one.folder / "auto.json").write_text('{"schema": 1}')
    assert auto.Automatic(images, 60.0).state.chosen is None


def test_what_an_earlier_call_left_is_kept_under_another_name(tmp_path, capsys):
    one = auto.Automatic(t.folder(tmp_path / "images"), 60.0, name="x")
    one.out.mkdir(parents=True)
    for file in (one.out / "last.pth", one.recipe):
        file.write_text("mine")
    set_aside(one.out, one.recipe)
    assert (one.out.with_name("x.previous") / "last.pth").read_text() == "mine"
    assert len(capsys.readouterr().out.splitlines()) == 2
    one.recipe.write_text("mine, too")
    set_aside(one.out, one.recipe)
    assert [file.read_text() for file in sorted(one.recipe.parent.glob("*.toml"))] == ["mine", "mine, too"]
    one.recipe.write_text("# x: a recipe of the user's own")
    for name, fact in (("../x", "folders"), ("..", "folders"), ("x", "did not make")):
        with pytest.raises(UserFault, match=fact):
            auto.Automatic(tmp_path / "images", 60.0, name=name)


def test_a_class_without_an_image_for_each_split_is_named(tmp_path):
    images = t.folder(tmp_path / "images")
    for file in sorted((images / "across").iterdir())[2:]:
        file.unlink()
    with pytest.raises(UserFault, match="2 images of 'across'"):
        auto.Automatic(images, 60.0)


def test_official_splits_count_for_what_is_trained_on():
    official = dataclasses.replace(INK, images=70_000, official={"train": 10_000, "test": 60_000})
    assert official.training_images == pytest.approx(9_500)
    assert INK.training_images == pytest.approx(390)


@pytest.mark.parametrize("rate", [1.0, 100.0, 2000.0])
def test_as_many_pictures_pass_through_a_pretrained_network_as_there_is_time_for(rate):
    draft = candidates(PHOTOS, Fixed(rate), pretrained=True)[0].make(setting(PHOTOS, 60, rate))
    size = draft.settings["model.size"] or draft.settings["draw.canvas"][0]
    used = PHOTOS.with_per_class(draft.settings.get("source.per_class", 0))
    assert (used.images < PHOTOS.images) == (rate < 2000)
    assert used.least == 10 or used.images_but_test <= 60 * rate * (32 / size)**2
    draft.recipe("x")


def test_a_budget_that_is_too_short_is_refused_before_anything_is_done(tmp_path):
    with pytest.raises(UserFault, match="too short"):
        tenfold.auto(t.folder(tmp_path / "images"), budget="5s")


def test_of_more_images_than_can_be_read_in_the_budget_a_part_is_used(tmp_path):
    call = auto.Automatic(t.folder(tmp_path / "images"), 60.0, workers=1)
    part = call._readable(dataclasses.replace(INK, seconds=0.2))         # 120 s for all
    assert 10 <= part.per_class <= 35
    assert f"{part.per_class} of a class" in part.lines()[0]
    assert call._readable(INK) == INK
    for far_too_many in (dataclasses.replace(INK, seconds=10.0), dataclasses.replace(INK, seconds=0.2, images=1100,
                                                                                     official={"test": 500})):
        with pytest.raises(UserFault, match="too short"):
            call._readable(far_too_many)
    call.clock.started -= 90                                      # no time is left
    with pytest.raises(UserFault, match="too short"):
        call._readable(INK)


def test_training_goes_on_from_a_trial_of_the_same_network_and_pictures(tmp_path, monkeypatch):
    (trained := tmp_path / "best.pth").write_bytes(b"weights")

    def kept(key: str, value: object) -> str:
        tried, chosen = (ink(setting(INK, 60.0), MARKS, True, False) for _ in range(2))
        trial = Trial(tried.name, 0, 9.0, 0.5, 200, best=str(trained))
        with monkeypatch.context() as patch:
            if key:
                patch.setattr("tenfold.train.run.checkpoint.load",
                              lambda path: {"recipe": recipe_tables(tried.choose(key, value).recipe("trial"))})
            return keep_weights(chosen, [trial], tmp_path / "trial.pth")
    assert Path(kept("train.epochs", 3)).read_bytes() == b"weights"          # of another length, and fewer copies
    for key, other in (("model.widths", [4, 8]), ("draw.canvas", [64, 64]), ("source.per_class", 50), ("seed", 1)):
        assert not kept(key, other), key                     # or images of the test split may have been learnt
    assert not kept("", "damaged")


def test_a_race_has_time_for_two_trials_in_a_minute_and_a_fixed_share_of_a_long_budget(tmp_path):
    images = t.folder(tmp_path / "images", images=30)
    race = {budget: auto.Automatic(images, budget)._race_seconds for budget in (20.0, 60.0, 90.0, 600.0)}
    assert race[60.0] / 2 > 12                               # of which some five go by before a training begins
    assert race[20.0] < 9
    assert race[600.0] / 600 == race[90.0] / 90 == 0.3


def test_a_plan_in_steps_is_the_same_however_slow_the_machine_is(tmp_path, monkeypatch):
    images = t.folder(tmp_path / "images", images=30)

    def chosen(gone: float, cores: int) -> dict:
        monkeypatch.setattr("joblib.cpu_count", lambda: cores)
        return auto.Automatic(images, 100.0, plan="steps", started=time.monotonic() - gone)._choose(INK).settings
    first = chosen(0.0, cores=2)
    assert chosen(5000.0, cores=16) == first
    planned = first["train.epochs"] * first["draw.copies"] * INK.training_images
    assert STEPS < planned / first["train.batch"] < 6 * STEPS            # all of it is done, so it is no more than fits
    with pytest.raises(UserFault, match="'steps'"):
        auto.Automatic(images, 100.0, plan="step")


@pytest.mark.slow
def test_a_folder_becomes_a_scored_model_and_a_recipe_that_makes_it_again(tmp_path, capsys):
    result = tenfold.auto(t.folder(tmp_path / "images", images=90), budget="60s", workers=1)
    assert result.score.top1 > 0.8
    assert result.run.best.exists()
    recipe = read_recipe(result.recipe)
    assert recipe.draw.copies * 195 > len(result.run.history)
    assert sum(row["seconds"] for row in result.run.history[-1:]) < 60
    assert not Path("best.pth").exists()
    assert "95% interval" in "\n".join(result.lines)
    assert result.lines[0] in result.recipe.read_text()
