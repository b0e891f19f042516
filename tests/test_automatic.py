"""The automatic mode: stopped it goes on, nothing made before is lost, and it keeps to its budget."""

import dataclasses
import itertools
import time
from functools import partial
from pathlib import Path

import pytest
import train_helpers as t
from automatic_helpers import INK, MARKS, context
from conftest import page, save
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

import tenfold
from tenfold.automatic import auto
from tenfold.automatic.checks import readable_part, set_aside, set_recipe_aside
from tenfold.automatic.choices import Draft
from tenfold.automatic.fit import GOOD_STEPS
from tenfold.automatic.ink import ink
from tenfold.automatic.race import Trial, keep_weights
from tenfold.automatic.selection import select_draft
from tenfold.automatic.summary import interval
from tenfold.data.errors import UserFault
from tenfold.data.recipe import read_recipe, recipe_tables


def taken_up(*args, **more) -> auto.Automatic:
    """A call that has taken up what an earlier one left."""
    call = auto.Automatic(*args, **more)
    call.take_up()
    return call


def test_the_interval_is_wilsons():
    assert interval(0.9, 100) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert interval(1.0, 10)[0] == pytest.approx(0.7225, abs=1e-4)
    assert interval(0.5, 0) == (0.0, 1.0)


def test_what_was_stopped_goes_on_with_its_trials(tmp_path):
    images = t.folder(tmp_path / "images")
    one = auto.Automatic(images, 60.0, started=0.0)
    one.state.trials.append(Trial("a", 0, 10.0, 0.5, 200, best="runs/a/best.pth"))
    one.state.chosen = Draft("a", "b").choose("seed", 3, "why")
    one.state.per_class = 3
    one.state.save(one.folder, 12.5)
    assert "Infinity" not in (one.folder / "auto.json").read_text()          # which is no JSON
    again = taken_up(images, 60.0).state
    assert dataclasses.replace(again, seconds=0.0) == one.state
    assert again.seconds == 12.5
    for other in (taken_up(images, 61.0), taken_up(images, 60.0, seed=1)):       # another call
        assert other.state.trials == []
    (one.folder / "auto.json").write_text('{"schema": 1}')
    assert taken_up(images, 60.0).state.chosen is None


def test_what_an_earlier_call_left_is_kept_under_another_name(tmp_path, capsys):
    one = auto.Automatic(t.folder(tmp_path / "images"), 60.0, name="x")
    one.out.mkdir(parents=True)
    for file in (one.out / "last.pth", one.recipe):
        file.write_text("mine")
    set_aside(one.out)
    set_recipe_aside(one.recipe, "")
    assert (one.out.with_name("x.previous") / "last.pth").read_text() == "mine"
    assert len(capsys.readouterr().out.splitlines()) == 2
    one.state.chosen = Draft("a", "b").choose("seed", 3, "why")
    one._write_recipe(one.state.chosen, ["a line"])
    one._write_recipe(one.state.chosen, ["a line"])          # its own is written over
    assert capsys.readouterr().out == ""
    one.recipe.write_text("mine, too")           # edited while the call ran, or after it was stopped
    one._write_recipe(one.state.chosen, ["a line"])
    one.recipe.unlink()
    assert [file.read_text() for file in sorted(one.recipe.parent.glob("*.toml"))] == ["mine", "mine, too"]
    one.recipe.write_text("# x: a recipe of the user's own")
    for name, fact in (("../x", "folders"), ("..", "folders"), ("x", "did not make")):
        with pytest.raises(UserFault, match=fact):
            auto.Automatic(tmp_path / "images", 60.0, name=name)


@pytest.mark.parametrize("many", [5, 3])
def test_groups_that_are_kept_whole_are_not_advised(tmp_path, many):
    """Of class a, one folder is missing, so the folders are no classes; of three in a class, no splits can be made."""
    for label, unit in itertools.product("abc", range(many + 1)):
        if (label, unit) != ("a", 0):
            for number in range(2):
                save(tmp_path / f"images/{label}/w{unit}/{number}.png", page(100 * ord(label) + 10 * unit + number))
    call = auto.Automatic(tmp_path / "images", 60.0)
    assert sum("split.groups" in note for note in call.source.notes) == 1
    seen = call._look()
    assert sum("split.groups" in note for note in call.source.notes) == (0 if seen.subfolders.are_groups else 1)
    assert seen.subfolders.are_groups == (many == 5)


@pytest.mark.parametrize("groups", ["folder", r"path:(w\d)/"])
def test_groups_that_are_given_stand_in_the_recipe_and_no_others_are_looked_for(tmp_path, groups):
    for label, unit in itertools.product("abc", range(4)):
        for number in range(2):
            save(tmp_path / f"images/{label}/w{unit}/{number}.png", page(100 * ord(label) + 10 * unit + number))
    call = auto.Automatic(tmp_path / "images", 60.0, groups=groups)
    seen = call._look()
    assert not any("split.groups" in note for note in [*call.source.notes, *seen.lines()])
    draft = ink(context(seen, 60.0), MARKS, True, False)
    assert draft.settings["split.groups"] == draft.recipe("x").split.groups == groups
    assert "--groups" in draft.reasons["split.groups"]


def test_images_that_are_too_few_of_every_class_are_refused(tmp_path):
    images = t.folder(tmp_path / "images")
    for of_class in images.iterdir():
        for file in sorted(of_class.iterdir())[2:]:
            file.unlink()
    with pytest.raises(UserFault, match="at most 2 images of a class, and one each"):
        auto.Automatic(images, 60.0)


def test_a_folder_of_any_name_gives_names_of_files(tmp_path):
    for name in ("x" * 250, "\u56fe" * 80, "a b\n\x1b'\"$(x)", "-x", ". .", "\U00020000" * 60):
        images = t.folder(tmp_path / name, images=4)
        call = auto.Automatic(images, 60.0)
        assert call.folder.is_dir()
        assert len(call.recipe.name.encode()) < 220
        assert call.name.replace("-", "").replace("_", "").isalnum() or name == ". ."


def test_nothing_is_made_among_the_images(tmp_path, monkeypatch):
    images = t.folder(tmp_path / "images")
    for here in (images, images / "down"):
        monkeypatch.chdir(here)
        before = sorted(images.rglob("*"))
        with pytest.raises(UserFault, match="from a folder outside it"):
            auto.Automatic(Path("." if here == images else ".."), 60.0)
        assert sorted(images.rglob("*")) == before


def test_a_budget_that_is_too_short_is_refused_before_anything_is_done(tmp_path):
    with pytest.raises(UserFault, match="too short"):
        tenfold.auto(t.folder(tmp_path / "images"), budget="5s")


def test_of_more_images_than_can_be_read_in_the_budget_a_part_is_used(tmp_path):
    call = auto.Automatic(t.folder(tmp_path / "images"), 60.0, workers=1)
    part_of = partial(readable_part, clock=call.clock, cores=1)
    part = part_of(dataclasses.replace(INK, seconds=0.2))         # 120 s for all
    assert 10 <= part.per_class <= 35
    assert f"at most {part.per_class} of each class" in part.lines()[0]
    assert part_of(INK) == INK
    for far_too_many in (dataclasses.replace(INK, seconds=10.0), dataclasses.replace(INK, seconds=0.2, images=1100,
                                                                                     official={"test": 500})):
        with pytest.raises(UserFault, match="too short"):
            part_of(far_too_many)
    call.clock.started -= 90                                      # no time is left
    with pytest.raises(UserFault, match="too short"):
        part_of(INK)


def test_training_goes_on_from_a_trial_of_the_same_network_and_pictures(tmp_path, monkeypatch):
    (trained := tmp_path / "best.pth").write_bytes(b"weights")

    def kept(key: str, value: object) -> str:
        tried, chosen = (ink(context(INK, 60.0), MARKS, True, False) for _ in range(2))
        trial = Trial(tried.name, 0, 9.0, 0.5, 200, best=str(trained))
        with monkeypatch.context() as patch:
            if key:
                patch.setattr("tenfold.train.run.checkpoint.load",
                              lambda path: {"recipe": recipe_tables(tried.choose(key, value).recipe("trial"))})
            return keep_weights(chosen, [trial], tmp_path / "trial.pth")
    assert Path(kept("train.epochs", 3)).read_bytes() == b"weights"          # of another length, and fewer copies
    assert kept("split.val", 0.3)                            # the test split is the same
    for key, other in (("model.widths", [4, 8]), ("draw.canvas", [64, 64]), ("source.per_class", 50), ("seed", 1),
                       ("split.test", 0.3)):
        assert not kept(key, other), key                     # or images of the test split may have been learnt
    assert not kept("", "damaged")


def test_a_race_has_time_for_two_trials_in_a_minute_and_a_fixed_share_of_a_long_budget(tmp_path):
    images = t.folder(tmp_path / "images", images=30)
    race = {budget: auto.Automatic(images, budget).clock.race_seconds() for budget in (20.0, 60.0, 90.0, 600.0)}
    assert race[60.0] / 2 > 12                               # of which some five go by before a training begins
    assert race[20.0] < 9
    assert race[600.0] / 600 == race[90.0] / 90 == 0.3


def test_a_plan_in_steps_is_the_same_however_slow_the_machine_is(tmp_path, monkeypatch):
    images = t.folder(tmp_path / "images", images=30)

    def chosen(gone: float, cores: int) -> dict:
        monkeypatch.setattr("joblib.cpu_count", lambda: cores)
        call = auto.Automatic(images, 100.0, plan="steps", started=time.monotonic() - gone)
        return select_draft(call, INK).settings
    first = chosen(0.0, cores=2)
    assert chosen(5000.0, cores=16) == first
    assert first["split.val"] == 0.05                        # nothing is chosen by it
    planned = first["train.epochs"] * first["draw.copies"] * INK.training_images
    assert GOOD_STEPS < planned / first["train.batch"] < 6 * GOOD_STEPS     # all of it is done, no more than fits
    with pytest.raises(UserFault, match="'steps'"):
        auto.Automatic(images, 100.0, plan="step")


@pytest.mark.slow
def test_a_folder_becomes_a_scored_model_and_a_recipe_with_what_was_printed(tmp_path):
    result = tenfold.auto(t.folder(tmp_path / "images", images=90), budget="60s", workers=1)
    assert result.score.top1 > 0.8
    assert result.run.best.exists()
    assert result.recipe.is_absolute()
    recipe = read_recipe(result.recipe)
    assert recipe.draw.copies * 195 > len(result.run.history)
    assert sum(row["seconds"] for row in result.run.history[-1:]) < 60
    assert not Path("best.pth").exists()
    assert "95% interval" in "\n".join(result.lines)
    assert result.lines[0] in result.recipe.read_text()
