"""Whitening: directions that are fitted once to the training images, never learn, and travel with the weights."""

import pytest
import torch
import train_helpers as t
from torch.nn import functional as F
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.shardset import open_set
from tenfold.train.learn.one_pass import pictures
from tenfold.train.models.whitening import _LEAST, FILTERS, Whitening, fit_whitening, patch_covariance
from tenfold.train.normalise import Normalise
from tenfold.train.run.checkpoint import load, restore

WHITENED = ("--set", "model.name=resnet", "--set", "model.widths=[4,6]", "--set", "model.whiten=true",
            "--set", "train.ema=0.9", "--set", "train.epochs=2")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return t.written(tmp_path_factory.mktemp("whitened") / "set", model={"args": {}})


def directions(best) -> torch.Tensor:
    model, *_ = restore(best)
    layer, = [m for m in model.modules() if isinstance(m, Whitening)]
    return layer.directions


def test_along_the_directions_patches_vary_alike_and_independently():
    torch.manual_seed(0)
    images = F.avg_pool2d(torch.randn(9, 3, 30, 31), 3, 1)               # neighbours are alike
    images += images.mean(1, keepdim=True)                               # and so are channels
    layer = Whitening(3)
    assert not layer.is_fitted
    fit_whitening([layer], iter(images.split(4)))
    positive, negative = layer(images)[:, :, 1:-1, 1:-1].transpose(0, 1).flatten(1).double().chunk(2)
    y = positive - negative
    variance = torch.linalg.eigvalsh(patch_covariance([images]))
    assert (y @ y.T / y.shape[1] - (variance / (variance + _LEAST)).diag()).abs().max() < 1e-4
    assert Whitening(3, stride=2)(images).shape == (9, FILTERS * 3, 14, 15)


def test_training_fits_them_to_the_training_images_and_leaves_them_alone(shards, capsys):
    ran = t.train(capsys, shards, *WHITENED)
    assert ran.code == 0, ran.err
    content = load("runs/x/best.pth")
    normalise = Normalise(content["mean"], content["std"], torch.device("cpu"))
    expected, files = Whitening(1), open_set(shards)
    fit_whitening([expected], (x for x, _ in pictures(files, files.recipe, normalise)("train")))
    for name in ("best", "last"):
        assert torch.equal(directions(f"runs/x/{name}.pth"), expected.directions)


def test_they_come_with_the_weights_and_are_not_fitted_again(shards, capsys, tmp_path):
    assert t.train(capsys, shards, *WHITENED).code == 0
    other = t.written(tmp_path / "other", model={"args": {}}, seed=5)
    ran = t.train(capsys, other, *WHITENED, "--set", "model.weights=runs/x/best.pth", out="runs/y")
    assert ran.code == 0, ran.err
    assert torch.equal(directions("runs/y/best.pth"), directions("runs/x/best.pth"))


def test_pictures_that_are_smaller_than_a_patch_have_one():
    assert patch_covariance([torch.rand(4, 1, 2, 2)]).isfinite().all()
