"""What is frozen stays as it is to the bit, and the rest of the network learns."""

import copy

import pytest
import torch
import train_helpers as t
from cases import each
from torch.nn import functional as F
from train_helpers import net, place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.errors import RecipeFault
from tenfold.train.models.pretrained import freeze


def steps(model, count=2):
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model.train()
    for _ in range(count):
        F.cross_entropy(model(torch.randn(6, 3, 32, 32) + 1), torch.arange(6) % 5).backward()
        optimizer.step()
        optimizer.zero_grad()


@each(("name", "prefixes", "learns"), [
    ("resnet18", ["backbone", "layer1.0"], ("fc.",)),
    ("resnet18", ["conv1", "bn1", "layer1"], ("layer2", "layer3", "layer4", "fc.")),
    ("mobilenet_v3_small", ["features"], ("classifier.",)), ("mobilenet_v3_small", ["backbone"], ("classifier.3.",)),
    ("wrn", ["0", "1"], tuple(f"{i}." for i in range(2, 10)))])
def test_what_is_frozen_stays_to_the_bit_and_the_rest_learns(name, prefixes, learns):
    model = net(name, **({"depth": 10, "width": 1} if name == "wrn" else {}))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    freeze(model, prefixes)
    steps(model)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]) != key.startswith(learns), key


def test_dropout_before_the_head_still_drops_when_all_else_is_frozen():
    model = net("squeezenet1_1")
    freeze(model, ["backbone"])
    model.train()
    assert model.classifier[0].training
    assert not any(m.training for m in model.features.modules())
    assert [k for k, p in model.named_parameters() if p.requires_grad] == ["classifier.1.weight", "classifier.1.bias"]


def test_a_frozen_network_can_be_copied():
    model = net()
    freeze(model, ["layer1"])
    twin = copy.deepcopy(model).train()
    assert not twin.layer1[0].bn1.training
    assert twin.layer2[0].bn1.training
    assert twin.layer1.train.__self__ is twin.layer1


def test_a_name_that_nothing_has_is_refused_with_the_nearest():
    with pytest.raises(RecipeFault, match=r"'layr1'.*did you mean 'layer1'"):
        freeze(net(), ["conv1", "layr1"])
    with pytest.raises(RecipeFault, match=r"'layer1.7'.*'layer1."):
        freeze(net(), ["layer1.7"])
    with pytest.raises(RecipeFault, match="nothing to train"):
        freeze(net(), ["backbone", "fc"])


def test_a_run_on_a_frozen_backbone_and_all_that_comes_after(tmp_path, capsys):
    shards = t.written(tmp_path / "set")
    small = ("--set", "model.name=resnet", "--set", "model.widths=[4,6]", "--set", "train.epochs=1")
    assert t.train(capsys, shards, *small, out="runs/first").code == 0
    more = (*small, "--set", "model.weights=runs/first/best.pth", "--set", 'model.freeze=["backbone"]',
            "--set", "model.size=30", "--set", "train.ema=0.9", "--set", "model.normalise=imagenet")
    assert t.train(capsys, shards, *more).code == 0
    before, after = t.weights("runs/first/best.pth"), t.weights("runs/x/best.pth")
    moved = {k for k in before if not torch.equal(before[k], after[k])}
    assert moved == {"8.weight", "8.bias"}
    last = t.weights("runs/x/last.pth")
    assert all(torch.equal(before[k], last[k]) for k in before if k not in moved)
    content = torch.load("runs/x/best.pth", weights_only=True)
    assert content["mean"] == [pytest.approx(0.449, abs=1e-3)]
    (tmp_path / "runs/first/best.pth").unlink()                  # needed no more
    assert t.train(capsys, shards, *more, "--resume").code == 0
    assert t.score(capsys, "runs/x/best.pth", "--shards", shards).code == 0
    assert "does not exist" in t.one_line(t.train(capsys, shards, *more))
