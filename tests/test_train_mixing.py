"""Cutmix and mixup: images and labels are mixed by the same share, each image with one other."""

import pytest
import torch
from cases import each
from test_train_augment import SHAPE, B, images, made, ran
from torch.nn import functional as F

from tenfold.data.errors import RecipeFault
from tenfold.data.recipe import make_recipe
from tenfold.data.tables import Augment as Settings
from tenfold.train.learn.loss import mixed_cross_entropy


@each("alpha", [0.2, 1.0, 3.0])
def test_cutmix_pastes_a_box_of_the_partner_and_its_area_is_the_share(alpha):
    batch = 500
    image = torch.arange(batch).float().view(-1, 1, 1, 1).expand(batch, 1, *SHAPE)
    label = torch.arange(batch)
    out, (mine, theirs, share) = ran(made(Settings(cutmix=0.7, cutmix_alpha=alpha)), image, label)
    assert torch.equal(mine, label)
    assert sorted(theirs) == list(range(batch))                      # each image is pasted once
    of_mine, of_theirs = (out == k.view(-1, 1, 1, 1) for k in (mine, theirs))
    assert (of_mine | of_theirs).all()
    other = mine != theirs
    assert torch.allclose(of_mine[other].float().mean((1, 2, 3)), share[other])
    box = of_theirs[other][:, 0]
    assert torch.equal(box.any(2).sum(1) * box.any(1).sum(1), box.sum((1, 2)))
    assert abs((share < 1).double().mean() - 0.7) < 0.1 + (0.15 if alpha < 1 else 0)     # a tiny box has no pixel


def test_the_shares_are_beta():
    u = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    for alpha in (0.2, 1.0, 3.0):
        share = made(Settings(mixup=1.0, mixup_alpha=alpha))._beta("mixup", u).double()
        assert (share >= 0).all()
        assert (share <= 1).all()
        assert share.mean().item() == pytest.approx(0.5, abs=0.01)
        assert share.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)


def test_mixup_blends_images_as_it_blends_labels():
    image, label = images()
    out, (_, theirs, share) = ran(made(Settings(mixup=0.6)), image, label)
    augment = made(Settings(mixup=0.6))
    other = augment.draw(0, 0, B)[:, -1].argsort()
    assert torch.equal(theirs, label[other])
    s = share.view(-1, 1, 1, 1)
    assert torch.allclose(out, s * image + (1 - s) * image[other], atol=1e-6)
    assert 0.3 < (share < 1).double().mean() < 0.9


def test_an_image_is_cut_or_blended_never_both():
    batch = 2000
    image = torch.arange(batch).float().view(-1, 1, 1, 1).expand(batch, 1, *SHAPE)
    out, (mine, theirs, share) = ran(made(Settings(cutmix=0.5, mixup=0.4, mixup_alpha=1.0)), image, torch.arange(batch))
    pure = ((out == mine.view(-1, 1, 1, 1)) | (out == theirs.view(-1, 1, 1, 1))).all((1, 2, 3))
    blended = (out == out[:, :, :1, :1]).all((1, 2, 3)) & (share < 1) & ~pure
    assert (pure ^ blended).all()
    assert blended.double().mean() == pytest.approx(0.4, abs=0.04)


@each("weights", [None, torch.tensor([0.5, 1.0, 2.0, 0.1, 1.4])], ids=["alike", "weights"])
@each("smoothing", [0.0, 0.1])
def test_the_loss_of_a_mixed_label(weights, smoothing):
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    a, b = torch.tensor([0, 1, 2, 3, 4, 0]), torch.tensor([1, 1, 0, 2, 3, 4])

    def plain(label):
        losses = F.cross_entropy(logits, label, label_smoothing=smoothing, reduction="none")
        each = torch.ones(6) if weights is None else weights[label]
        return (losses * each).sum() / each.sum()
    for share, label in ((1.0, a), (0.0, b)):    # all of one: that one's loss
        loss, told = mixed_cross_entropy(logits, (a, b, torch.full((6,), share)), weights, smoothing)
        assert loss.item() == pytest.approx(plain(label).item(), rel=1e-6)
        assert torch.equal(told, label)
    assert mixed_cross_entropy(logits, a, weights, smoothing)[0].item() == pytest.approx(plain(a).item(), rel=1e-6)
    if not smoothing:
        assert plain(a).item() == pytest.approx(F.cross_entropy(logits, a, weights).item(), rel=1e-6)
    share = torch.tensor([0.9, 0.2, 0.5, 0.4, 0.6, 0.0])
    loss, told = mixed_cross_entropy(logits, (a, b, share), weights, smoothing)
    assert torch.equal(told, torch.tensor([0, 1, 2, 2, 4, 4]))       # the larger share
    if weights is None:
        mixed = F.one_hot(a, 5) * share[:, None] + F.one_hot(b, 5) * (1 - share[:, None])
        assert loss.item() == pytest.approx(F.cross_entropy(logits, mixed, label_smoothing=smoothing).item(), rel=1e-6)


def test_cutmix_and_mixup_cannot_both_be_certain():
    tables = {"draw": {"canvas": [8, 8], "copies": 1}, "model": {"name": "resnet"}}
    make_recipe(tables | {"augment": {"cutmix": 0.5, "mixup": 0.5}})
    with pytest.raises(RecipeFault, match="cutmix"):
        make_recipe(tables | {"augment": {"cutmix": 0.6, "mixup": 0.5}})
