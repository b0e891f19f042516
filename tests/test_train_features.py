"""A frozen backbone is computed once, and the weights are those of a run that computes it in every epoch."""

import re
from copy import deepcopy

import pytest
import torch
import train_helpers as t
from cases import each
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.train.learn import features, one_pass
from tenfold.train.learn.features import Features
from tenfold.train.learn.frozen import accept_features, agrees, split_network
from tenfold.train.models.build import MODELS, build_model
from tenfold.train.models.pretrained import freeze
from tenfold.train.models.published import names
from tenfold.train.run import feed
from tenfold.train.run.checkpoint import restore

FROZEN = ("--set", 'model.freeze=["backbone"]', "--set", "train.ema=0.9", "--set", "train.epochs=2")
RESNET = ("--set", "model.name=resnet", "--set", "model.widths=[4,6]")
SQUEEZENET = ("--set", "model.name=squeezenet1_1", "--set", "model.dropout=0.2")
SAMPLED = ("--set", "model.name=convnet", "--set", "model.widths=[4]", "--set", "model.head_widths=[7]", "--set",
           "train.sampling=0.5")
STEM = ("--set", "model.name=heavy11", "--set", "model.widths=[4,6]", "--set", 'model.freeze=["0","1"]')
SMALL = {name: {"widths": [4, 6]} for name in MODELS} | {"wrn": {"depth": 10, "width": 1},
                                                              "efficientnet_lite0": {}}
QUICK = ["squeezenet1_0", "mobilenet_v3_small", *MODELS]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return t.written(tmp_path_factory.mktemp("features") / "set", channels=3, model={"args": {}})


def train(capsys, shards, *more, out="runs/x"):
    return t.train(capsys, shards, *FROZEN, *more, out=out)


def alike(a, b) -> bool:
    a, b = t.weights(a), t.weights(b)
    return list(a) == list(b) and all(torch.allclose(a[k], b[k], rtol=1e-4, atol=1e-5) for k in a)


def metrics(run) -> torch.Tensor:
    return torch.tensor([[float(row[k]) for k in ("lr", "train_loss", "train_top1", "val_loss", "val_top1")]
                         for row in t.csv_rows(f"{run}/metrics.csv")])


def kept_features_lead_to_the_same_weights_and_figures(shards, net, capsys, monkeypatch):
    net = (*net, "--set", "train.precision=float32")         # else they are rounded at other places
    ran = train(capsys, shards, *net, out="runs/kept")
    assert ran.code == 0, ran.err
    assert "was computed once for each of 176 rows" in ran.out
    monkeypatch.setattr(feed, "keep_features", lambda *what: None)
    assert train(capsys, shards, *net, out="runs/anew").code == 0
    for file in ("best.pth", "last.pth"):
        assert alike(f"runs/kept/{file}", f"runs/anew/{file}")
    torch.testing.assert_close(metrics("runs/kept"), metrics("runs/anew"), rtol=1e-3, atol=1e-4)


test_kept_features_lead_to_the_same_weights_and_figures = each("net", [STEM])(
    kept_features_lead_to_the_same_weights_and_figures)
test_so_they_do_for_other_heads = pytest.mark.slow(each("net", [SQUEEZENET, RESNET, SAMPLED])(
    kept_features_lead_to_the_same_weights_and_figures))


def test_a_run_on_features_is_resumed_to_the_same_bits_and_opened_like_any_other(shards, capsys):
    assert train(capsys, shards, *SAMPLED, out="runs/alone").code == 0
    t.killed_at(6, capsys, shards, *FROZEN, *SAMPLED, states=False)
    assert train(capsys, shards, *SAMPLED, "--resume").code == 0
    assert t.same_weights("runs/x/last.pth", "runs/alone/last.pth")
    assert t.same_weights("runs/x/best.pth", "runs/alone/best.pth")
    assert restore("runs/x/best.pth")[0].eval()(torch.zeros(1, 3, *t.CANVAS)).shape == (1, 3)


def test_an_interrupt_while_features_are_computed_leaves_nothing_behind(shards, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(Features, "put", interrupted)
    assert train(capsys, shards, *RESNET).code == 130
    assert not list(t.Path("runs/x").glob("*.pth"))


@each(("more", "words"), [
    (("--set", "augment.flip=0.5"), "computed anew in every epoch: [augment] changes the pictures"),
    (("--set", "train.epochs=1"), ""), (("--set", 'model.freeze=["1"]'), ""), (("--set", "model.freeze=[]"), "")])
def test_where_features_cannot_be_kept_or_do_not_pay_they_are_not(shards, more, words, capsys):
    ran = train(capsys, shards, *RESNET, *more)
    assert ran.code == 0, ran.err
    assert words in ran.out
    assert "computed once" not in ran.out
    assert bool(words) == ("anew" in ran.out)


@each(("name", "value", "words"), [("_SETTLED", -1e9, "of the budget are left for it"),
                                   ("free_device_memory", lambda device: 1000, "more than a third of the free memory"),
                                   ("agrees", lambda *_: False, "cannot be taken apart")])
def test_why_features_are_not_kept_is_said_in_a_line(shards, name, value, words, capsys, monkeypatch):
    monkeypatch.setattr(features if name == "agrees" else one_pass, name, value)
    monkeypatch.setattr(one_pass._Limit, "__init__", limited(one_pass._Limit.__init__, name == "_SETTLED"))
    ran = train(capsys, shards, *RESNET)
    assert ran.code == 0, ran.err
    assert [words in line for line in ran.out.splitlines() if "anew in every epoch" in line] == [True]


def limited(init, on):
    return lambda self, seconds, rows: init(self, 1e-6 if on else seconds, rows)


def frozen(name, size=32, **arguments):
    torch.manual_seed(0)
    model = build_model(name, SMALL.get(name, {}) | arguments, 3, 5, (size, size), check=False)
    freeze(model, ["backbone"])
    return model.to(memory_format=torch.channels_last)


def it_is_taken_apart_before_the_head(name):
    size = 224 if name.startswith(("vit", "maxvit", "swin")) else 32 if name in QUICK else 96
    model, x = frozen(name, size), torch.randn(2, 3, size, size)
    both = split_network(model)
    assert agrees(model, both.parts(model), x.to(memory_format=torch.channels_last))
    assert not any(p.requires_grad for node in both.frozen.nodes if node.op == "call_module"
                   for p in model.get_submodule(node.target).parameters())
    assert len(both.rest.nodes) <= 13


test_ours_and_some_published_networks_are_taken_apart_before_the_head = each("name", QUICK)(
    it_is_taken_apart_before_the_head)
def one_of_each_family() -> list[str]:
    """One of torchvision's names with the same letters at the beginning: one ResNet, one Swin."""
    families = {re.match(r"[a-z]*", name)[0]: name for name in sorted(names(), reverse=True)}
    return [name for name in families.values() if name not in QUICK and not name.startswith("vit_")]


test_so_is_one_published_network_of_each_family = pytest.mark.slow(
    each("name", one_of_each_family())(it_is_taken_apart_before_the_head))


def test_parts_that_lead_elsewhere_are_noticed_and_nothing_changes():
    model = frozen("resnet", widths=[4, 6], dropout=0.5)
    state, x = deepcopy(model.state_dict()), torch.randn(4, 3, 32, 32)
    before = torch.get_rng_state()
    good = split_network(model).parts(model)
    assert agrees(model, good, x)
    assert not agrees(model, (lambda x: good[0](x) + 1, good[1]), x)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


def test_a_copy_of_a_network_that_takes_features_has_layers_of_its_own():
    model = frozen("resnet", widths=[4, 6])
    rest = split_network(model).parts(model)[1]
    accept_features(model, rest, torch.Size([6]))
    twin, feature = deepcopy(model).eval(), torch.randn(3, 6)
    assert list(twin.state_dict()) == list(model.state_dict())
    before = model.eval()(feature).clone()
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    assert not model(feature).any()
    torch.testing.assert_close(twin(feature), before)


@each("like", [torch.randn(2, 5), torch.randn(2, 3, 4, 5), torch.randn(2, 4, 5, 3).permute(0, 3, 1, 2),
               torch.randn(3, 2, 4).transpose(0, 1), torch.randn(2, 9)[:, ::2], torch.randn(2, 3).bfloat16()], ids=str)
def test_rows_come_back_as_they_lay_in_memory(like):
    kept, label = Features(4, like), torch.tensor([7, 8])
    kept.put(0, like, label)
    kept.put(2, like + 1, label + 2)
    values, labels = kept.take(torch.tensor([3, 0]))
    assert torch.equal(values, torch.stack([like[1] + 1, like[0]]))
    assert labels.tolist() == [10, 7]
    assert values.dtype == like.dtype
    assert values.stride() == like.stride() or not features._is_dense(like)
