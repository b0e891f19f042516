"""Networks by name: logits for any canvas, and a clear word about what they cannot take."""

import pytest
import torch
from torch.nn import functional as F

from data.errors import RecipeFault
from train.models import MODELS, build_model

EVERY = pytest.mark.parametrize("name", MODELS)


@EVERY
@pytest.mark.parametrize("canvas", [(8, 8), (20, 28), (33, 17), (8, 70)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("classes", [2, 300])
def test_it_gives_logits_and_learns(name, canvas, channels, classes):
    torch.manual_seed(0)
    model = build_model(name, {"widths": [4, 6]}, channels, classes, canvas)
    logits = model(torch.randn(5, channels, *canvas))
    assert logits.shape == (5, classes)
    F.cross_entropy(logits, torch.arange(5) % classes).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@EVERY
def test_the_defaults_fit_the_smallest_canvas_a_recipe_may_have(name):
    assert build_model(name, {}, 1, 2, (8, 8)).eval()(torch.zeros(1, 1, 8, 8)).shape == (1, 2)


@EVERY
def test_the_same_seed_gives_the_same_weights(name):
    made = []
    for _ in range(2):
        torch.manual_seed(4)
        made.append(build_model(name, {}, 1, 3, (20, 28)).state_dict())
    assert all(torch.equal(made[0][k], made[1][k]) for k in made[0])


@EVERY
def test_the_trial_draws_no_chance(name):
    torch.manual_seed(4)
    plain = MODELS[name](channels=1, classes=3, canvas=(20, 28)).state_dict()
    torch.manual_seed(4)
    built = build_model(name, {}, 1, 3, (20, 28)).state_dict()
    assert all(torch.equal(plain[k], built[k]) for k in plain)


@EVERY
def test_a_checkpoint_can_hold_all_of_it(name):
    state = build_model(name, {}, 1, 3, (20, 28)).state_dict()
    assert all(isinstance(v, torch.Tensor) for v in state.values())


def test_an_unknown_network_is_refused_with_the_nearest_name():
    with pytest.raises(RecipeFault, match=r"'resent': is not a network.*'resnet'"):
        build_model("resent", {}, 1, 3, (20, 28))


@EVERY
def test_an_unknown_argument_is_refused_with_the_nearest_name(name):
    with pytest.raises(RecipeFault, match=r"width: .*'widths'"):
        build_model(name, {"width": [3]}, 1, 3, (20, 28))
    with pytest.raises(RecipeFault, match="classes"):
        build_model(name, {"classes": 4}, 1, 3, (20, 28))


def test_a_canvas_too_small_is_refused():
    with pytest.raises(RecipeFault, match="64 pixels"):
        build_model("convnet", {"widths": [4] * 6}, 1, 3, (20, 28))


@pytest.mark.parametrize(("name", "places"), [("light", 18432), ("light2", 4608)])
def test_what_reaches_the_last_layer_at_the_size_of_glyphs(name, places):
    assert list(build_model(name, {}, 1, 52, (90, 90)).modules())[-1].in_features == places


@pytest.mark.parametrize("name", ["light", "light2"])
def test_no_canvas_is_too_small_for_the_nets_of_glyphs(name):
    for side in (1, 2, 3, 5, 9, 17):
        assert build_model(name, {}, 1, 2, (side, 8)).eval()(torch.zeros(1, 1, side, 8)).shape == (1, 2)


@EVERY
@pytest.mark.parametrize("arguments", [
    {"widths": "x"}, {"widths": []}, {"widths": 32}, {"widths": [0]}, {"widths": [-4]}, {"widths": [8.5]},
    {"widths": ["8"]}, {"widths": [2**40]}, {"widths": [2**70]}, {"widths": {"a": 1}}, {"widths": [[8]]},
    {"widths": [True]}, {"dropout": 2}, {"dropout": -0.1}, {"dropout": "x"}, {"dropout": None}, {"dropout": [0.1]},
    {"depth": -1}, {"depth": 0}, {"depth": 1.5}, {"depth": "x"}, {"stem_stride": 0}, {"stem_stride": -2},
    {"stem_stride": "x"}, {"stem_stride": 1.5}, {"stem_stride": 2**70}, {"stem_stride": [1, 2, 3]},
], ids=str)
def test_a_value_it_cannot_take_is_refused_in_one_line(name, arguments):
    with pytest.raises(RecipeFault) as caught:
        build_model(name, arguments, 1, 3, (20, 28))
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 500
