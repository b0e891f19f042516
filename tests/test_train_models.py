"""Networks by name: logits for any canvas, counts that are published, and a clear word about what they cannot take."""

import itertools

import pytest
import torch
from cases import each
from torch import nn
from torch.nn import functional as F

from tenfold.data.errors import RecipeFault
from tenfold.train.models.build import MODELS, build_model, dry_run, maker
from tenfold.train.models.gradients import PLANES, Gradients

SMALL = {"wrn": {"depth": 10, "width": 1}, "cnn6": {"widths": [4, 6], "head_widths": [9, 8, 7]},
         "efficientnet_lite0": {}}
SMALL = {name: SMALL.get(name, {"widths": [4, 6]}) for name in MODELS} | {"squeezenet1_1": {}, "resnet18": {}}
EVERY = each("name", MODELS)


def parameters(name, arguments, channels, classes, canvas) -> int:
    model, _ = dry_run(lambda canvas: maker(name, arguments)(channels, classes, canvas), channels, canvas)
    return sum(p.numel() for p in model.parameters())


CANVASES = [(8, 8), (20, 28), (33, 17), (8, 70)]
FORMS = "canvas", "channels", "classes"


def it_gives_logits_and_learns(name, canvas, channels, classes):
    torch.manual_seed(0)
    model = build_model(name, SMALL[name], channels, classes, canvas, check=False)
    logits = model(torch.randn(5, channels, *canvas))
    assert logits.shape == (5, classes)
    F.cross_entropy(logits, torch.arange(5) % classes).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


test_it_gives_logits_and_learns = EVERY(each(FORMS, [
    ((8, 8), 1, 300), ((33, 17), 3, 2)])(it_gives_logits_and_learns))
test_so_it_does_in_any_combination = pytest.mark.slow(EVERY(each(FORMS, itertools.product(CANVASES, (1, 3), (2, 300)))(
    it_gives_logits_and_learns)))


@each("name", sorted(set(MODELS) - {"cnn6"}))
def test_the_defaults_fit_the_smallest_canvas_a_recipe_may_have(name):
    assert parameters(name, {}, 1, 2, (8, 8))


@each("name", sorted(set(SMALL) - {"resnet18"}))
def test_the_same_seed_gives_the_same_weights(name):
    made = []
    for _ in range(2):
        torch.manual_seed(4)
        made.append(build_model(name, SMALL[name], 1, 3, (40, 48), check=False).state_dict())
    assert all(torch.equal(made[0][k], made[1][k]) for k in made[0])


@each("name", [*SMALL, "swin_t"])
def test_the_rehearsal_takes_no_random_numbers(name):
    torch.manual_seed(4)
    dry_run(lambda canvas: maker(name, SMALL.get(name, {}))(1, 3, canvas), 1, (40, 48))
    after = torch.rand(3)
    torch.manual_seed(4)
    assert torch.equal(after, torch.rand(3))


@EVERY
def test_a_checkpoint_can_hold_all_of_it(name):
    state = build_model(name, SMALL[name], 1, 3, (20, 28), check=False).state_dict()
    assert all(isinstance(v, torch.Tensor) for v in state.values())


def it_has_as_many_parameters_as_were_published(name, arguments, channels, classes, canvas, count):
    assert parameters(name, arguments, channels, classes, canvas) == count


PUBLISHED = "name", "arguments", "channels", "classes", "canvas", "count"
test_it_has_as_many_parameters_as_were_published = each(PUBLISHED, [
    ("wrn", {"depth": 40, "width": 4}, 3, 10, (32, 32), 8_949_210),    # arXiv:1605.07146, table 4: 8.9M
    ("resnet18", {}, 3, 1000, (224, 224), 11_689_512),
    ("resnet18", {"stem": "small"}, 3, 10, (32, 32), 11_173_962),      # 11.17M: the usual one for CIFAR
    ("resnet", {"widths": [64, 128, 256, 512], "depth": 2, "stem_stride": 1}, 3, 10, (32, 32), 11_173_962),  # and ours
    ("squeezenet1_0", {}, 3, 1000, (224, 224), 1_248_424),
])(it_has_as_many_parameters_as_were_published)
test_so_have_larger_networks = pytest.mark.slow(each(PUBLISHED, [
    ("wrn", {}, 3, 10, (32, 32), 36_479_194),              # there: 36.5M
    ("wrn", {"se": True}, 3, 10, (32, 32), 36_479_194 + 4 * (3_370 + 13_140 + 51_880)),     # 2c²/16 + c/16 + c a step
    ("resnet50", {}, 3, 1000, (350, 350), 25_557_032), ("densenet169", {}, 3, 1000, (224, 224), 14_149_480),
    ("googlenet", {}, 3, 1000, (224, 224), 6_624_904),
])(it_has_as_many_parameters_as_were_published))


@each(("name", "canvas", "places"), [
    ("light", (90, 90), 18432), ("light2", (90, 90), 4608), ("cnn6", (444, 444), 9216), ("convnet", (33, 17), 1024)])
def test_what_reaches_the_fully_connected_layers(name, canvas, places):
    model, _ = dry_run(lambda canvas: MODELS[name](1, 52, canvas), 1, canvas)
    assert next(m for m in model.modules() if isinstance(m, nn.Linear)).in_features == places


def test_an_unknown_network_is_refused_with_the_nearest_name():
    with pytest.raises(RecipeFault, match=r"'resent': is not a network.*'resnet'"):
        build_model("resent", {}, 1, 3, (20, 28))
    with pytest.raises(RecipeFault, match="'mobilenet_v3_small'"):
        build_model("mobilnet_v3_small", {}, 1, 3, (20, 28))


@EVERY
def test_an_unknown_argument_is_refused_with_the_nearest_name(name):
    with pytest.raises(RecipeFault, match=r"drop: .*'dropout'"):
        build_model(name, {"drop": 0.3}, 1, 3, (20, 28))
    with pytest.raises(RecipeFault, match="classes"):
        build_model(name, {"classes": 4}, 1, 3, (20, 28))


def is_refused_with_the_smallest_that_fits(name, arguments, canvas, side):
    with pytest.raises(RecipeFault, match=f"pictures of {canvas[0]}×{canvas[1]} .* {side}×{side} at the least"):
        build_model(name, arguments, 1, 3, canvas)
    assert parameters(name, arguments, 1, 3, (side, side))


TOO_SMALL = "name", "arguments", "canvas", "side"
test_a_canvas_too_small_is_refused_with_the_smallest_that_fits = each(TOO_SMALL, [
    ("convnet", {"widths": [4] * 6}, (20, 28), 64), ("cnn6", {}, (444, 63), 64), ("alexnet", {}, (62, 63), 63),
    ("squeezenet1_0", {}, (8, 8), 21)])(is_refused_with_the_smallest_that_fits)
test_so_it_is_for_networks_that_take_long = pytest.mark.slow(each(TOO_SMALL, [
    ("vgg11", {}, (31, 31), 32), ("densenet121", {}, (28, 90), 29),
    ("googlenet", {}, (14, 14), 15)])(is_refused_with_the_smallest_that_fits))          # as torchvision says: min_size


def test_whole_patches_are_asked_for():
    with pytest.raises(RecipeFault, match="multiples of 16"):
        build_model("vit_b_16", {}, 3, 3, (32, 40))


@pytest.mark.parametrize("name", ["light", "light2"])
def test_no_canvas_is_too_small_for_the_nets_of_glyphs(name):
    for side in (1, 2, 3, 5, 9, 17):
        assert build_model(name, {}, 1, 2, (side, 8), check=False).eval()(torch.zeros(1, 1, side, 8)).shape == (1, 2)


WRONG = [
    {"widths": "x"}, {"widths": []}, {"widths": 32}, {"widths": [0]}, {"widths": [-4]}, {"widths": [8.5]},
    {"widths": ["8"]}, {"widths": [2**40]}, {"widths": [2**70]}, {"widths": {"a": 1}}, {"widths": [[8]]},
    {"widths": [True]}, {"dropout": 2}, {"dropout": -0.1}, {"dropout": "x"}, {"dropout": None}, {"dropout": [0.1]},
    {"depth": -1}, {"depth": 0}, {"depth": 1.5}, {"depth": "x"}, {"stem_stride": 0}, {"stem_stride": -2},
    {"stem_stride": "x"}, {"stem_stride": 1.5}, {"stem_stride": 2**70}, {"stem_stride": [1, 2, 3]},
    {"depth": 12, "width": 0}, {"kernel": 4}, {"head_widths": [0]}, {"head_widths": 5}, {"repeat": 0}]


def is_refused_in_one_line(name, arguments):
    with pytest.raises(RecipeFault) as caught:
        build_model(name, arguments, 1, 3, (20, 28))
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 500


ALL_WRONG = list(itertools.product(MODELS, WRONG))
test_a_value_it_cannot_take_is_refused_in_one_line = each(("name", "arguments"), ALL_WRONG[::9])(is_refused_in_one_line)
test_so_is_any_value_by_any_network = pytest.mark.slow(each(("name", "arguments"), ALL_WRONG)(is_refused_in_one_line))


@each("arguments", [{"stem": "tiny"}, {"init": 3}, {"head_widths": ["x"]}, {"dropout": 7}], ids=str)
def test_so_it_is_for_published_networks(arguments):
    with pytest.raises(RecipeFault, match="cannot be built"):
        build_model("resnet18", arguments, 3, 3, (20, 28))


def test_squeeze_and_excitation_weighs_channels():
    from tenfold.train.models.blocks import SqueezeExcitation
    torch.manual_seed(0)
    x = torch.randn(2, 8, 5, 7)
    ratio = SqueezeExcitation(8)(x) / x
    assert ((ratio > 0) & (ratio < 1)).all()
    torch.testing.assert_close(ratio, ratio[:, :, :1, :1].expand_as(ratio))


@each("channels", [1, 4, 7, 8, 12])
@each("stride", [1, 2, 3])
def test_a_projection_is_a_convolution_of_one_pixel(channels, stride):
    torch.manual_seed(0)
    from tenfold.train.models.blocks import Projection
    ours = Projection(channels, 5, stride)
    x = torch.randn(2, 9, 10, channels).permute(0, 3, 1, 2)
    assert torch.allclose(ours(x), F.conv2d(x, ours.weight, stride=stride), atol=1e-6)


def test_a_network_on_gradients_sees_shapes_and_no_tones():
    layer, image = Gradients(2), torch.nn.functional.interpolate(torch.randn(2, 3, 9, 7), (21, 15), mode="bicubic")
    seen = layer(image)
    assert seen.shape == (2, 3 * PLANES, 10, 7)
    assert seen.isfinite().all()
    torch.testing.assert_close(layer(5 - image), seen, atol=1e-5, rtol=1e-4)             # dark on light, another ground
    torch.testing.assert_close(layer(100 * image), layer(1000 * image), atol=2e-2, rtol=1e-2)      # another contrast
    turned, planes = layer(image.transpose(2, 3)), seen.transpose(2, 3).unflatten(1, (3, PLANES))
    signs = torch.tensor([1, -1, 1, 1, -1, -1, 1.])          # an angle a becomes a quarter turn less a: cos 2a changes
    torch.testing.assert_close(turned.unflatten(1, (3, PLANES)), planes * signs[:, None, None], atol=1e-4, rtol=1e-3)
    flat = torch.full((1, 1, 8, 8), 3.0, requires_grad=True)
    assert layer(flat).abs().max() < 1e-2
    assert torch.autograd.grad(layer(flat).sum(), flat)[0].isfinite().all()


def test_a_head_on_gradients_alone_is_linear_in_them():
    torch.manual_seed(0)
    network = build_model("convnet", {"gradients": 4, "widths": [], "dropout": 0.0}, 1, 3, (13, 12)).eval()
    edges = torch.nn.Sequential(*list(network)[:-1])(image := torch.randn(2, 1, 13, 12))
    torch.testing.assert_close(network(image), F.linear(edges, network[-1].weight, network[-1].bias))
    assert sum(p.numel() for p in network.parameters()) == 3 * (PLANES * 3 * 3 + 1)
    with pytest.raises(RecipeFault, match="widths"):
        build_model("convnet", {"widths": []}, 1, 3, (13, 12))
