"""Every network has a head, found in one way: freezing, learning rates and pretrained weights mean the same layers."""

from functools import partial

import pytest
import torch
from cases import each
from torch import nn

from tenfold.data.errors import CheckpointFault
from tenfold.data.tables import Model, Train
from tenfold.train.learn.optimizer import make_optimizer
from tenfold.train.models.build import MODELS, build_model, maker, without_memory
from tenfold.train.models.head import find_head
from tenfold.train.models.pretrained import freeze, load_weights
from tenfold.train.models.published import names

SMALL = {"wrn": {"depth": 10, "width": 1}, "cnn6": {"widths": [4, 6], "head_widths": [9, 8, 7]},
         "efficientnet_lite0": {}}
OURS = {name: SMALL.get(name, {"widths": [4, 6]}) for name in MODELS}
QUICK = ["alexnet", "convnext_tiny", "googlenet", "inception_v3", "mobilenet_v3_small", "resnet18", "squeezenet1_0",
         "swin_t", "vit_b_32"]
# the modules of the head by the architectures' own papers and torchvision's code, by how the names begin
LAST = {"alexnet": "classifier.6", "convnext": "classifier.2", "densenet": "classifier", "efficientnet": "classifier.1",
        "googlenet": "fc", "inception": "fc", "maxvit": "classifier.5", "mnasnet": "classifier.1",
        "mobilenet_v2": "classifier.1", "mobilenet_v3": "classifier.3", "regnet": "fc", "resne": "fc", "wide": "fc",
        "shufflenet": "fc", "squeezenet": "classifier.1", "swin": "head", "vgg": "classifier.6", "vit": "heads.head"}


def layers_of_the_head_and_no_others_learn(name, arguments):
    """`freeze` leaves the head's weights, and they alone have the full rate where the backbone has another."""
    model = without_memory(partial(maker(name, arguments), 3, 7), (64, 64) if name in OURS else (224, 224))
    widths = arguments.get("head_widths", [])
    of_classes = [n for n, m in model.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))][-1 - len(widths):]
    expected = [f"{n}.{k}" for n in of_classes for k, _ in model.get_submodule(n).named_parameters()]
    shapes = [model.get_submodule(n).weight.shape[0] for n in of_classes]
    assert shapes == [*widths, 7]
    if not widths and name in names():
        assert of_classes == [LAST[max((start for start in LAST if name.startswith(start)), key=len)]]
    optimizer = make_optimizer(model, Train(optimizer="sgd", backbone_lr=0.1))
    share = {id(p): group["share"] for group in optimizer.param_groups for p in group["params"]}
    assert [n for n, p in model.named_parameters() if share[id(p)] == 1] == expected
    assert {share[id(p)] for n, p in model.named_parameters() if n not in expected} == {0.1}
    freeze(model, ["backbone"])
    assert [n for n, p in model.named_parameters() if p.requires_grad] == expected


def deeper(name) -> list[dict]:
    return [{}] if name.startswith("light") else [{}, {"head_widths": [11, 10], "dropout": 0.2}]


test_freezing_and_rates_mean_one_head_in_ours_and_some_published_networks = each(("name", "arguments"), [
    *((name, OURS[name] | more) for name in OURS for more in deeper(name)),
    *((name, {}) for name in QUICK), ("squeezenet1_0", {"head_widths": [9], "dropout": 0.2}),
    ("resnet18", {"head_widths": [9, 8]})])(layers_of_the_head_and_no_others_learn)
test_so_they_do_in_every_published_network = pytest.mark.slow(each("name", names())(each("arguments", [
    {}, {"head_widths": [11], "dropout": 0.2}])(layers_of_the_head_and_no_others_learn)))


@each(("name", "there", "here"), [("resnet", [], [9]), ("wrn", [9], []), ("convnet", [9, 8], [9]), ("cnn6", [8], [9]),
                                  ("squeezenet1_1", [9], []), ("squeezenet1_1", [8], [9, 8])])
def test_weights_of_a_network_with_another_head_are_laid_over_all_but_the_head(name, there, here, tmp_path):
    make = partial(build_model, name, channels=3, canvas=(64, 64), classes=4, check=False)
    arguments = OURS.get(name, {})
    theirs, mine = make(arguments | {"head_widths": there}), make(arguments | {"head_widths": here})
    torch.save(theirs.state_dict(), tmp_path / "there.pth")
    found, before = theirs.state_dict(), {k: v.clone() for k, v in mine.state_dict().items()}
    load_weights(mine, Model(name, weights=str(tmp_path / "there.pth")))
    head = find_head(mine)
    for key, value in mine.state_dict().items():
        assert torch.equal(value, (before if head.holds(key) else found)[key]), key


@each(("name", "there", "here"), [("resnet", [4, 6, 8], [4, 6]), ("convnet", [4, 6, 8], [4, 6]), ("heavy11", [4, 6, 6],
                                                                                                  [4, 6])])
def test_the_first_blocks_of_a_longer_network_are_not_taken_for_all_of_it(name, there, here, tmp_path):
    build = partial(build_model, name, channels=3, canvas=(64, 64), classes=4, check=False)
    torch.save(build({"widths": there}).state_dict(), tmp_path / "there.pth")
    with pytest.raises(CheckpointFault, match="does not fit"):
        load_weights(build({"widths": here}), Model(name, weights=str(tmp_path / "there.pth")))
