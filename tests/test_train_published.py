"""torchvision's networks fitted to channels, classes and size; their list; and the size they see pictures at."""

from functools import partial

import pytest
import torch
import train_helpers as t
from cases import each
from torch import nn

from tenfold.data.errors import RecipeFault
from tenfold.data.vision import torchvision
from tenfold.train.models.build import MODELS, build_model, cost, dry_run, maker
from tenfold.train.models.command import main
from tenfold.train.models.head import layers
from tenfold.train.models.published import names, usual_normalisation
from tenfold.train.normalise import Normalise, seen_size

CPU = torch.device("cpu")
QUICK = ["resnet18", "squeezenet1_1", "mobilenet_v3_small", "vit_b_32"]
OTHERS = [name for name in names() if name not in QUICK]


def built_dry(name, arguments, channels, classes, canvas):
    return dry_run(partial(maker(name, arguments), channels=channels, classes=classes), channels, canvas)


def takes_grey_pictures_and_a_deeper_head(name):
    model, image = built_dry(name, {"head_widths": [11], "dropout": 0.2}, 1, 7, (224, 224))
    assert model(image).shape == (1, 7)
    assert layers(model)[0][1].in_channels == 1
    assert [m.weight.shape[0] for _, m in layers(model)[-2:]] == [11, 7]


test_some_take_grey_pictures_and_a_deeper_head = each("name", QUICK)(takes_grey_pictures_and_a_deeper_head)
test_all_others_do_too = pytest.mark.slow(each("name", OTHERS)(takes_grey_pictures_and_a_deeper_head))


def agrees_with_torchvision(name):
    said = torchvision().models.get_model_weights(name).DEFAULT
    if name.startswith(("vit_h", "squeezenet", "regnet_y_128gf")):
        said = said.meta["num_params"], None     # counted at another size, or with other layers
    else:
        said = said.meta["num_params"], said.meta["_ops"] if said.transforms.keywords["crop_size"] == 224 else None
    found = cost(name, {}, 3, 1000, (224, 224))
    if name not in ("googlenet", "inception_v3"):        # theirs count the auxiliary classifiers
        assert found["parameters"] == said[0] or name.startswith("vit_h")
    if said[1]:
        assert found["multiply_adds"] / 1e9 == pytest.approx(said[1], rel=0.02, abs=0.002)


test_some_counts_agree_with_torchvisions_own = each("name", QUICK)(agrees_with_torchvision)
test_all_other_counts_agree_too = pytest.mark.slow(each("name", OTHERS)(agrees_with_torchvision))


def keeps_the_size_of_a_small_picture(name):
    seen = {}
    for stem in ("published", "small"):
        model, image = built_dry(name, {"stem": stem}, 3, 7, (64, 64))
        second = layers(model)[1][1]             # what the first layer and the pooling after it leave to it
        second.register_forward_hook(lambda _, given, out, stem=stem: seen.update({stem: given[0].shape[2:]}))
        model(image)
    assert seen["small"] == (64, 64)
    assert max(seen["published"]) <= 32


test_a_small_stem_keeps_the_size_of_a_small_picture = each("name", ["resnet18", "squeezenet1_0", "mobilenet_v3_small"])(
    keeps_the_size_of_a_small_picture)
test_small_stems_of_all_families_do = pytest.mark.slow(
    each("name", ["densenet121", "efficientnet_b0", "shufflenet_v2_x0_5", "googlenet"])(
        keeps_the_size_of_a_small_picture))


@each("name", ["vgg11", "alexnet", "vit_b_16", "convnext_tiny"])
def test_a_stem_that_is_not_large_in_that_way_is_refused(name):
    with pytest.raises(RecipeFault, match="no stem of stride 2"):
        build_model(name, {"stem": "small"}, 3, 2, (224, 224))


def test_a_stem_of_the_same_kernel_keeps_its_weights():
    made = []
    for stem in ("published", "small"):
        torch.manual_seed(3)
        made.append(build_model("mobilenet_v3_small", {"stem": stem}, 3, 2, (32, 32)).features[0][0])
    assert torch.equal(made[0].weight, made[1].weight)
    assert (made[0].stride, made[1].stride) == ((2, 2), (1, 1))


@each("name", ["squeezenet1_0", "squeezenet1_1"])
@each("arguments", [{}, {"head_widths": [9], "dropout": 0.1}], ids=str)
def test_a_squeezenets_new_head_can_leave_a_class_and_come_back(name, arguments):
    torch.manual_seed(0)
    model = build_model(name, arguments, 3, 4, (32, 32)).eval()
    logits = model(torch.rand(16, 3, 32, 32) - 0.5)
    assert logits.shape == (16, 4)
    last = layers(model)[-1][1]
    torch.nn.init.constant_(last.bias, -9.0)     # every class is far below zero
    logits = model(torch.rand(16, 3, 32, 32) - 0.5)
    assert (logits < 0).all()
    logits.sum().backward()
    assert (last.bias.grad != 0).all()


def test_a_squeezenet_of_a_thousand_classes_is_torchvisions_own():
    torch.manual_seed(0)
    mine = build_model("squeezenet1_1", {}, 3, 1000, (64, 64)).eval()
    theirs = torchvision().models.squeezenet1_1().eval()
    theirs.load_state_dict(mine.state_dict())
    image = torch.rand(2, 3, 64, 64)
    assert torch.equal(mine(image), theirs(image))


def test_kaiming_sets_the_deviation_of_convolutions():
    torch.manual_seed(0)
    conv = build_model("squeezenet1_1", {"init": "kaiming"}, 3, 2, (32, 32)).features[3].expand3x3
    assert isinstance(conv, nn.Conv2d)
    assert conv.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.03)      # fan-out 64 channels × 3×3


def test_the_usual_normalisation_is_the_one_that_weights_name():
    usual = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for name in names():
        said = torchvision().models.get_model_weights(name).DEFAULT.transforms.keywords
        if name not in ("googlenet", "inception_v3"):    # their code turns the usual one into halves
            assert (tuple(map(tuple, usual_normalisation(name, 3)))
                    == (said.get("mean", usual[0]), said.get("std", usual[1])))
    assert usual_normalisation("resnet18", 1) == ([pytest.approx(0.449)], [pytest.approx(0.226)])


@each(("canvas", "size", "seen"), [
    ((20, 28), 0, (20, 28)), ((20, 28), 20, (20, 28)), ((20, 28), 10, (10, 14)), ((33, 17), 34, (66, 34)),
    ((32, 32), 224, (224, 224))])
def test_the_shorter_side_becomes_the_size_in_proportion(canvas, size, seen):
    assert seen_size(canvas, size) == seen
    image = torch.randint(0, 256, (2, *canvas, 3), dtype=torch.uint8)
    x = Normalise([0.5] * 3, [0.25] * 3, CPU, size)(image)
    assert x.shape == (2, 3, *seen)
    plain = Normalise([0.5] * 3, [0.25] * 3, CPU)(image)
    if seen == canvas:
        assert torch.equal(x, plain)
    assert x.mean().item() == pytest.approx(plain.mean().item(), abs=0.1)


def test_shrinking_does_not_alias():
    checks = (torch.arange(64)[:, None] + torch.arange(64)) % 2 * 255
    x = Normalise([0.5], [0.5], CPU, 20)(checks.to(torch.uint8).view(1, 64, 64, 1))
    assert x[..., 2:-2, 2:-2].std() < 0.05       # without prefilter: 0.5 and more


@pytest.mark.slow
def test_the_list_has_every_network_of_ours_and_with_all_of_torchvisions(capsys):
    assert main(["--json", "--set", "draw.canvas=[32,40]", "--classes", "7"]) == 0
    facts = t.last_json(capsys.readouterr().out)
    rows = {row["name"]: row for row in facts["models"]}
    assert (facts["size"], facts["classes"]) == ([32, 40], 7)
    assert {"resnet18", "resnext50_32x4d", "densenet169"} < set(rows)        # of the recipes' authors
    assert rows["light"]["parameters"] == sum(p.numel() for p in build_model("light", {}, 3, 7, (32, 40)).parameters())
    assert "nothing is left" in rows["cnn6"]["fault"]
    assert rows["wrn"]["multiply_adds"] > 1e9


def test_the_recipes_own_network_comes_first_at_its_size(capsys, monkeypatch):
    short = {"convnet": MODELS["convnet"]}       # the whole list is long, and counted above
    monkeypatch.setattr("tenfold.train.models.build.MODELS", short)
    monkeypatch.setattr("tenfold.train.models.command._USED", ["squeezenet1_0"])
    assert main(["--json", "--recipe", str(t.ROOT / "recipes/sample.toml"), "--set", "model.size=56"]) == 0
    facts = t.last_json(capsys.readouterr().out)
    assert facts["size"] == [56, 56]
    assert [row["network"] for row in facts["models"]] == ["sample: convnet", "convnet", "squeezenet1_0"]
    assert facts["models"][0]["arguments"]["widths"] == [32, 64, 128]
    settings = ("--set", "draw.canvas=[32,32]", "--set", "model.name=convnet", "--set", "model.widths=[4]")
    assert main(["--json", *settings]) == 0      # no recipe: what --set asks for is not passed over
    first, plain, _ = t.last_json(capsys.readouterr().out)["models"]
    assert (first["network"], first["arguments"]) == ("--set: convnet", {"widths": [4]})
    assert first["parameters"] < plain["parameters"]
