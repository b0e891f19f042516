"""Weights from elsewhere are laid over a network; what does not fit is named."""

import functools

import pytest
import torch
from cases import each
from train_helpers import net, place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.errors import CheckpointFault
from tenfold.data.tables import Model
from tenfold.train.models.pretrained import load_weights


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


def test_a_first_layer_on_edges_of_another_number_of_channels_begins_anew(tmp_path, capsys):
    """Its inputs are seven planes of each channel, whose sum means nothing."""
    how = {"gradients": 2, "widths": [4]}
    torch.save({"weights": net("convnet", channels=1, **how).state_dict(), "schema": 1}, tmp_path / "grey.pth")
    mine = net("convnet", channels=3, **how)
    first = next(name for name, value in mine.state_dict().items() if value.ndim == 4)
    before = mine.state_dict()[first].clone()
    load_weights(mine, Model("convnet", weights=str(tmp_path / "grey.pth")))
    assert torch.equal(mine.state_dict()[first], before)
    assert f"new: {first}" in capsys.readouterr().out


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
