"""The candidates of the automatic mode: what was seen decides, and the recipe says why."""

import dataclasses
import itertools
import tomllib

import pytest
import torch
from automatic_helpers import INK, MARKS, PHOTOS, SIGNS, Card, Fixed, context

from tenfold.automatic.angles import Matches
from tenfold.automatic.candidates import candidates
from tenfold.automatic.choices import toml_value, write_recipe
from tenfold.automatic.fit import GOOD_STEPS
from tenfold.automatic.ink import ink
from tenfold.automatic.look import Look
from tenfold.automatic.machine import CountedMachine, Machine
from tenfold.automatic.pretrained import is_time_to_tune
from tenfold.automatic.selection import _learn_most_of_val
from tenfold.data.recipe import make_recipe, read_recipe


@pytest.mark.parametrize(("seen", "names"), [
    (INK, ["ink cut out, upright"]),
    (dataclasses.replace(INK, marks=dataclasses.replace(MARKS, rotations=Matches(0.2, 0.5))),
     ["ink cut out, at any angle"]),
    (dataclasses.replace(INK, marks=dataclasses.replace(MARKS, rotations=Matches(0.5, 0.7))),
     ["ink cut out, upright", "ink cut out, at any angle"]),
    (dataclasses.replace(INK, marks=dataclasses.replace(MARKS, rotations=Matches(0.2, 0.9))),    # + × =
     ["ink cut out, upright", "ink cut out, at any angle"]),
    (dataclasses.replace(INK, marks=dataclasses.replace(MARKS, position_spread=0.02, size_spread=0.01)),
     ["ink where it stands, upright"]),
    (dataclasses.replace(INK, colour_share=0.5), ["ink cut out, upright", "pretrained"]),
    (dataclasses.replace(INK, colour_share=0.5, marks=dataclasses.replace(MARKS, pen=0.6)),      # fruit on white
     ["pretrained", "ink cut out, upright"]),
    (dataclasses.replace(INK, colour_share=0.5, colours_tell=True), ["pretrained", "ink cut out, upright"]),
    (dataclasses.replace(INK, colour_share=0.5, marks=dataclasses.replace(MARKS, hidden_share=0.2)),      # cups
     ["pretrained", "ink cut out, upright"]),
    (dataclasses.replace(INK, marks=dataclasses.replace(MARKS, pen=0.01)),      # radiographs
     ["pretrained", "ink cut out, upright"]),
    (dataclasses.replace(INK, marks=dataclasses.replace(MARKS, pen=0.5)),       # grey scans with a border
     ["pretrained", "ink cut out, upright"]),
    (dataclasses.replace(INK, marks=dataclasses.replace(MARKS, pen=0.5), mirrored_classes=("left", "right")),
     ["shapes", "pretrained", "shapes, varied strongly"]),
    (dataclasses.replace(INK, mirrored_classes=("b", "d")), ["ink cut out, upright"]),
    (PHOTOS, ["pretrained", "shapes, at any angle"]),
    (dataclasses.replace(PHOTOS, images=3000, counts=(500,) * 6), ["pretrained"]),
], ids=lambda v: "" if isinstance(v, Look) else " or ".join(v))
def test_what_was_seen_leaves_few_ways_open(seen, names):
    assert [c.name for c in candidates(seen, Fixed(500), pretrained=True)] == names


def test_of_long_pictures_no_end_is_cut_off():
    for aspect, fit in ((1.0, "cover"), (1.6, "cover"), (2.4, "stretch"), (0.3, "stretch")):
        seen = dataclasses.replace(PHOTOS, aspect=aspect, size=(300, round(300 * aspect)))
        for pretrained in (True, False):
            found = candidates(seen, Fixed(500), pretrained)[0].make(context(seen, 300)).settings["draw.fit"]
            assert found == fit, (aspect, pretrained)


def test_what_may_not_be_mirrored_never_is():
    walls = dataclasses.replace(SIGNS, ink_share=0.54, marks=MARKS)      # in photographs, half of them of plain walls
    for seen in (SIGNS, dataclasses.replace(SIGNS, size=(32, 32)), walls):
        found = candidates(seen, Fixed(500), pretrained=True)
        assert [c.name for c in found] == ["shapes", "pretrained", "shapes, varied strongly", "from scratch"]
        swapped = dataclasses.replace(seen, unmirrored=(0.5, 256), mirrored_classes=("left", "right"))
        assert not swapped.may_mirror
        assert swapped.mirror_reason == "mirror images of left look like right"
        assert candidates(swapped, Fixed(500), pretrained=True)[0].name == "shapes"
        one_sided = candidates(dataclasses.replace(seen, unmirrored=(0.7, 256)), Fixed(500), pretrained=True)
        assert [c.name for c in one_sided] == ["pretrained", "shapes", "from scratch"]
        for candidate in found:
            recipe = candidate.make(context(seen, 300)).recipe("x")
            assert (recipe.draw.flip, recipe.augment.flip) == (0, 0)
    settings = candidates(PHOTOS, Fixed(500), pretrained=True)[0].make(context(PHOTOS, 300)).settings
    assert settings["draw.flip"] == 0.5


def test_all_layers_of_a_pretrained_network_are_trained_if_enough_views_fit():
    last, whole = "pretrained", "pretrained, all layers"

    def tuned(seen, machine, seconds=600):
        asked = dataclasses.replace(context(seen, seconds), machine=machine)
        found = candidates(seen, machine, True, lambda: is_time_to_tune(asked))
        made = found[-1].make(asked)
        size = made.settings.get("model.size") or made.settings["draw.canvas"][0]
        assert found[-1].name != whole or made.recipe("x").model.freeze == ()
        return [c.name for c in found], size
    few = dataclasses.replace(PHOTOS, images=300, counts=(50,) * 6)
    some = dataclasses.replace(PHOTOS, images=1200, counts=(200,) * 6)
    many = dataclasses.replace(PHOTOS, images=9000, counts=(1500,) * 6)
    for machine in (Card, Fixed):
        assert tuned(few, machine(1e5)) == tuned(many, machine(1e5)) == ([whole], 224)
        assert tuned(many, machine(4e4)) == ([whole], 160)
        assert tuned(some, machine(1e5)) == ([last, whole], 224)         # which is better, depends
    assert tuned(many, Fixed(1e3))[0] == [last]              # too slow
    assert tuned(few, Fixed(1e5), 0.01)[0] == [last, "shapes, at any angle"]
    sizes = [size for seconds in (20, 60, 200, 600) for names, size in [tuned(few, Fixed(3e4), seconds)]
             if names == [whole]]
    assert sizes == sorted(sizes)                            # more time never makes it smaller
    assert (len(sizes), sizes[-1]) == (4, 224)


def test_all_layers_are_tried_beside_shapes_if_each_trial_has_time_for_them():
    seen = dataclasses.replace(PHOTOS, images=300, counts=(50,) * 6, unmirrored=(0.7, 256))
    whole, head = (candidates(seen, Fixed(500), True, lambda a=a: a) for a in (True, False))
    assert [c.name for c in whole] == ["pretrained, all layers", "shapes, varied strongly"]
    assert [c.name for c in head] == ["pretrained", "shapes, varied strongly", "from scratch"]
    assert whole[0].least > head[0].least
    assert Fixed(500).is_accelerated is False
    assert candidates(seen, Card(500), True)[0].least > head[0].least        # its kernels are prepared first
    candidates(INK, Fixed(500), True, lambda: pytest.fail("nothing is measured for ink"))


def test_few_images_of_signs_are_varied_strongly_and_a_race_asks_whether_that_is_better():
    few = dataclasses.replace(SIGNS, images=180, counts=(30,) * 6, smallest_class=30, largest_class=30)
    found = candidates(few, Fixed(500), pretrained=True)
    assert [c.name for c in found][::2] == ["shapes, varied strongly", "shapes"]
    strong, mild = (candidate.make(context(few, 300)).recipe("x").draw for candidate in found[::2])
    assert strong.rotation > mild.rotation
    assert strong.scale[0] < mild.scale[0]


def test_enough_steps_fit_and_more_seconds_never_make_a_network_smaller():
    width = 0
    for seconds in (20, 60, 200, 600, 3000):
        draft = candidates(INK, Fixed(2000), False)[0].make(context(INK, seconds))
        recipe = draft.recipe("x")
        images = 0.85 * Fixed(2000)._rate(recipe, 6, 64, "training") * seconds
        assert images / recipe.train.batch >= min(GOOD_STEPS, images / 32) - 1
        assert recipe.train.epochs == "auto"     # no second is left over
        assert recipe.model.args["widths"][0] * recipe.draw.canvas[0] >= width
        width = recipe.model.args["widths"][0] * recipe.draw.canvas[0]


def test_thin_strokes_get_a_larger_canvas_before_a_larger_network():
    thin = dataclasses.replace(INK, marks=dataclasses.replace(MARKS, pen=0.03))
    for seconds, canvas in ((20, 32), (250, 64)):            # as soon as enough steps fit
        recipe = candidates(thin, Fixed(2000), False)[0].make(context(thin, seconds)).recipe("x")
        assert (recipe.draw.canvas, recipe.model.args["widths"][0]) == ((canvas, canvas), 16)


def test_signs_get_a_larger_canvas_before_a_larger_network():
    for seconds, canvas, width in ((20, 32, 16), (120, 40, 16), (300, 40, 32)):
        recipe = candidates(SIGNS, Fixed(2000), False)[0].make(context(SIGNS, seconds)).recipe("x")
        assert (recipe.draw.canvas, recipe.model.args["widths"][0]) == ((canvas, canvas), width)


def test_a_polarity_that_few_clear_pictures_decide_says_so():
    for polarity, votes, said in (("dark", (103, 137), True), ("dark", (137, 103), False), ("light", (137, 103), True)):
        reason = dataclasses.replace(INK, polarity=polarity, votes=votes).polarity_reason
        assert ("clear ones of them decide" in reason) == said


def test_a_larger_set_gets_a_network_by_which_each_image_is_seen_some_times():
    many = dataclasses.replace(INK, images=60_000, counts=(10_000,) * 6, smallest_class=10_000,
                               largest_class=10_000)
    small, large = (candidates(seen, Fixed(2000), False)[0].make(context(seen, 600)).recipe("x")
                    for seen in (INK, many))
    seen_images = 0.85 * Fixed(2000)._rate(large, 6, 64, "training") * 600
    assert large.model.args["widths"] < small.model.args["widths"]
    assert seen_images >= 8 * many.training_images


@pytest.mark.parametrize("seen", [INK, SIGNS, PHOTOS], ids=["ink", "signs", "photographs"])
def test_where_few_steps_fit_a_regression_on_edges_takes_the_place_of_a_network(seen):
    for rate in (0.1, 100.0, 2000.0):
        recipe = candidates(seen, Fixed(rate), False)[0].make(context(seen, 60, rate)).recipe("x")
        steps = 0.85 * rate * 60 / 32            # of the narrowest network on 32×32
        known = not recipe.model.args["widths"], recipe.model.head, recipe.model.freeze
        assert known == ((True, "fitted", ("backbone",)) if steps < 300 else (False, "random", ()))


def test_where_few_steps_of_a_residual_network_fit_a_smaller_one_on_edges_takes_its_place():
    for rate, gradients in ((500.0, 2), (2000.0, None)):
        recipe = candidates(PHOTOS, Fixed(rate), False)[0].make(context(PHOTOS, 60, rate)).recipe("x")
        assert recipe.model.args.get("gradients") == gradients


def test_a_regression_weights_the_classes_that_a_network_would_be_drawn_more_often():
    uneven = dataclasses.replace(INK, smallest_class=10, largest_class=200)
    regression, network = (candidates(uneven, Fixed(rate), False)[0].make(context(uneven, 60, rate)).recipe("x").train
                           for rate in (0.1, 2000.0))
    assert (regression.class_weights, regression.sampling) == ("balanced", 0)
    assert (network.class_weights, network.sampling) == ("none", 0.5)


@pytest.mark.parametrize("rate", [1.0, 100.0, 2000.0])
def test_as_many_pictures_pass_through_a_pretrained_network_as_there_is_time_for(rate):
    draft = candidates(PHOTOS, Fixed(rate), pretrained=True)[0].make(context(PHOTOS, 60, rate))
    size = draft.settings["model.size"] or draft.settings["draw.canvas"][0]
    used = PHOTOS.with_per_class(draft.settings.get("source.per_class", 0))
    assert (used.images < PHOTOS.images) == (rate < 2000)
    assert used.smallest_class == 10 or used.train_val_images <= 60 * rate * (32 / size)**2
    draft.recipe("x")


@pytest.mark.parametrize(("size", "rate", "canvas", "enlarged"), [
    ((32, 32), 1e6, 32, 224), ((193, 256), 1e6, 256, 288), ((256, 193), 1e6, 256, 288), ((3000, 4000), 1e6, 288, 0),
    ((193, 256), 10.0, 96, 0)])
def test_a_pretrained_network_sees_pictures_enlarged_as_far_as_it_pays(size, rate, canvas, enlarged):
    seen = dataclasses.replace(PHOTOS, size=size)
    recipe = candidates(seen, Fixed(rate), pretrained=True)[0].make(context(seen, 60, rate)).recipe("x")
    assert (recipe.draw.canvas, recipe.model.size or 0) == ((canvas, canvas), enlarged)


def test_no_size_is_taken_for_faster_than_a_smaller_one():
    class Busy(Fixed):
        """Is slow for a while, as beside other processes, while the rate at 224 pixels is measured."""

        def forward_rate(self, recipe, classes):
            return 42.0 if recipe.draw.canvas[0] == 224 or recipe.model.size == 224 else 500.0
    asked = dataclasses.replace(context(PHOTOS, 600), machine=Busy(500))
    draft = candidates(PHOTOS, Fixed(500), pretrained=True)[0].make(asked)
    assert "42 images/s" in draft.reasons["model.size"]


def test_a_network_is_folded_once_for_all_sizes():
    machine, recipe = Machine.here("cpu"), make_recipe({"draw": {"canvas": [32, 32], "copies": 1},
                                                        "model": {"name": "efficientnet_lite0"}}, name="x")
    first = machine._network(recipe, (32, 32), 3, "pass")
    assert machine._network(recipe, (64, 64), 3, "pass") is first
    assert machine._network(recipe, (64, 64), 3, "training") is not first


def test_val_is_small_only_where_it_chooses_nothing():
    for seen, share in ((INK, 0.05), (dataclasses.replace(PHOTOS, images=300, counts=(50,) * 6), 0.15)):
        draft = candidates(seen, Fixed(500), True)[0].make(context(seen, 60))
        _learn_most_of_val(draft)
        assert draft.settings["split.val"] == share
    assert draft.settings["train.refit"]                     # a fitted head: val chooses its weight decay


def test_uneven_classes_are_drawn_more_evenly_and_official_splits_stand():
    uneven = dataclasses.replace(INK, smallest_class=10, largest_class=200, official={"train": 500, "test": 100})
    settings = candidates(uneven, Fixed(500), False)[0].make(context(uneven, 60)).settings
    assert settings["train.sampling"] == 0.5
    assert "split.test" not in settings
    assert "split.val" in settings


def test_what_is_too_few_or_cannot_be_read_is_said_before_training():
    assert len(INK.lines()) == 1
    notes = dataclasses.replace(INK, unusable_share=0.1, smallest_class=3,
                                counts=(100, 3, 4, 100, 100, 100)).lines()[1:]
    assert notes[0].startswith("note: 7 of 71 pictures looked at cannot be used")
    assert notes[1].startswith("note: 2 of 6 classes")


def test_a_recipe_is_never_refused_for_pictures_that_it_cannot_use():
    """What they are was seen before it was chosen, and nobody could mend its settings meanwhile."""
    for votes, polarity, settings in (((60, 4), "dark", {"clean.polarity": "dark", "source.max_opposite": 1.0}),
                                      ((50, 14), "dark", {"clean.polarity": "auto"}),
                                      ((30, 34), "each", {"clean.polarity": "auto"})):
        seen = dataclasses.replace(INK, votes=votes, polarity=polarity)
        draft = ink(context(seen, 60), MARKS, True, False)
        assert draft.settings.items() >= (settings | {"source.max_bad": 1.0}).items()


def test_a_recipe_that_is_written_is_the_recipe_that_was_chosen(tmp_path):
    for seen in (INK, PHOTOS):
        for candidate in candidates(seen, Fixed(500), pretrained=False):
            draft = candidate.make(context(seen, 100))
            draft.choose("source.data", 'a "folder"\\with\nodd\x1b signs €', "ink #1\n[train]\nbatch = 3")
            write_recipe(draft, tmp_path / "x.toml", ["x: made\nby hand", "", "more"])
            assert read_recipe(tmp_path / "x.toml") == draft.recipe("x")
            assert all(len(line) <= 160 for line in (tmp_path / "x.toml").read_text().splitlines())


def test_every_setting_has_a_reason():
    looks = [INK, PHOTOS, SIGNS]
    for changed in ({"size": (32, 32)}, {"aspect": 3.0}, {"aspect": 1.5}, {"colour_share": 0.3},
                    {"images": 18_000, "counts": (3000,) * 6, "smallest_class": 3000, "largest_class": 3000},
                    {"images": 180, "counts": (30,) * 6, "smallest_class": 10, "largest_class": 30}):
        looks += [dataclasses.replace(seen, **changed) for seen in looks[:3]]
    for marks in ({"rotations": None}, {"rotations": Matches(0.2, 0.5)}, {"position_spread": 0, "size_spread": 0},
                  {"hidden_share": 0.2}):
        looks.append(dataclasses.replace(INK, marks=dataclasses.replace(MARKS, **marks)))
    without: dict[str, set[str]] = {}
    machines = [CountedMachine(torch.device("cpu")),
                *(kind(rate) for rate in (1.0, 2000.0, 1e6) for kind in (Fixed, Card))]
    for seen, machine, whole in itertools.product(looks, machines, (False, True)):
        for candidate in candidates(seen, machine, False) + candidates(seen, machine, True, lambda w=whole: w):
            draft = candidate.make(dataclasses.replace(context(seen, 60), machine=machine))
            _learn_most_of_val(draft)
            without.setdefault(draft.name, set()).update(key for key, why in draft.reasons.items() if not why)
    assert not any(without.values()), without
    assert len(without) >= 8                     # so many candidates were asked


def test_toml_values_are_read_as_they_were():
    for value in ("", 'a"b', "\\u", "\x7f\t", 0.1, 1e-7, 3, True, [1, 2.5], ["a"], (0.5, 1.0), [[0.5, 0.1]]):
        read = tomllib.loads(f"x = {toml_value(value)}")["x"]
        assert read == pytest.approx(value, abs=1e-6) if isinstance(value, float) else read == (
            list(value) if isinstance(value, tuple) else value)
