"""Test-time augmentation: which views, what they look like, and what their mean is."""

import math

import pytest
import torch

from tenfold.data.errors import UserFault
from tenfold.data.tables import Augment, Draw
from tenfold.train.score.tta import SURE, MeanOfViews, _rotate, apply_view, choose_views


def draw(**more) -> Draw:
    return Draw(canvas=(9, 14), copies=1, **more)


def image(h=9, w=14, channels=3) -> torch.Tensor:
    return torch.rand(2, channels, h, w, generator=torch.Generator().manual_seed(0))


def test_the_recipes_random_views_say_which_views_there_are():
    assert choose_views(1, draw(place=False)) == [(False, 0.0, 0, 0)]
    assert choose_views(2, draw(flip=0.5, place=False)) == [(False, 0.0, 0, 0), (True, 0.0, 0, 0)]
    assert {v[1] for v in choose_views(3, draw(rotation=8, place=False))} == {0.0, 4.0, -4.0}
    assert {v[1] for v in choose_views(3, draw(rotation=180))} == {0.0, 10.0, -10.0}
    shifts = choose_views(25, draw())
    assert len({v[2:] for v in shifts}) == 25
    assert all(not v[0] and not v[1] and max(map(abs, v[2:])) <= 2 for v in shifts)
    every = choose_views(54, draw(flip=0.1, rotation=3))
    assert len(set(every)) == 54
    assert every[0] == (False, 0.0, 0, 0)
    assert choose_views(7, draw(flip=0.1, rotation=3)) == every[:7]
    assert choose_views(54, draw(place=False), Augment(flip=0.1, rotation=3, crop=4)) == every
    near = choose_views(9, draw(place=False), Augment(crop=1))       # no farther than the recipe's own views
    assert max(abs(shift) for view in near for shift in view[2:]) == 1


def test_more_views_than_there_are_is_one_line():
    with pytest.raises(UserFault, match="25 views"):
        choose_views(26, draw())
    with pytest.raises(UserFault, match="ask for 1 to 1"):
        choose_views(2, draw(place=False))


def test_a_view_that_changes_nothing_changes_nothing():
    assert torch.equal(apply_view(image(), False, 0.0, 0, 0), image())


def test_shifts_move_by_whole_pixels_and_carry_the_edge_on():
    x = image()
    out = apply_view(x, False, 0.0, 2, -1)
    assert torch.equal(out[:, :, 2:, :-1], x[:, :, :-2, 1:])
    assert torch.equal(out[:, :, 0], out[:, :, 2])
    assert torch.equal(out[:, :, :, -1], out[:, :, :, -2])
    assert torch.equal(apply_view(x, True, 0.0, 0, 0), x.flip(3))
    assert torch.equal(apply_view(apply_view(x, True, 0.0, 0, 0), True, 0.0, 0, 0), x)


@pytest.mark.parametrize("shape", [(9, 14), (40, 25), (1, 6)], ids=str)
def test_a_turn_keeps_shape_level_and_middle(shape):
    flat = torch.full((1, 1, *shape), 0.25)
    torch.testing.assert_close(apply_view(flat, False, 10.0, 0, 0), flat)
    assert apply_view(image(*shape), False, -7.0, 1, 1).shape == (2, 3, *shape)


def test_a_turn_goes_anticlockwise_about_the_middle_by_its_angle():
    y, x = torch.meshgrid(torch.arange(41.0) - 20, torch.arange(61.0) - 30, indexing="ij")
    spot = torch.exp(-((x - 15) ** 2 + y ** 2) / 8)[None, None]            # to the right of the middle
    out = apply_view(spot, False, 10.0, 0, 0)[0, 0]
    at = (out * x).sum() / out.sum(), (out * y).sum() / out.sum()
    assert at[0] == pytest.approx(15 * 0.98481, abs=0.05)
    assert at[1] == pytest.approx(-15 * 0.17365, abs=0.05)                 # y points down
    back = apply_view(out[None, None], False, -10.0, 0, 0)[0, 0]
    assert (back - spot[0, 0]).abs().max() < 0.1


class Alike(torch.nn.Module):
    """Sees no difference between a picture and its mirror image."""

    def forward(self, x):
        return torch.stack([x.mean((1, 2, 3)), x.amax((1, 2, 3)), x[:, 0].std((1, 2))], 1) * 5


def test_a_model_that_sees_no_mirror_scores_the_same():
    views = choose_views(2, draw(flip=0.5, place=False))
    plain = Alike()(image()).softmax(1)
    torch.testing.assert_close(MeanOfViews(Alike(), views)(image()).softmax(1), plain)


def test_the_mean_is_of_probabilities():
    views = choose_views(5, draw(flip=0.5))
    by_hand = torch.stack([Alike()(apply_view(image(), *v)).softmax(1) for v in views]).mean(0)
    torch.testing.assert_close(MeanOfViews(Alike(), views, temperature=100.0)(image()).softmax(1), by_hand)


def test_what_the_first_view_is_sure_of_is_not_seen_again():
    seen = []

    class Told(torch.nn.Module):
        """Is as sure of class 0 as a picture's first pixel says."""

        def forward(self, x):
            seen.append(len(x))
            return torch.stack([x[:, 0, 0, 0], torch.zeros(len(x))], 1)
    logit = math.log(SURE / (1 - SURE))
    x = torch.tensor([2.5, -2.5, 2.1, 0.0]).view(4, 1, 1, 1).expand(4, 1, 8, 8)        # sure from 2.2 on
    views = choose_views(3, draw(rotation=10))
    assert 2.1 < logit < 2.5
    MeanOfViews(Told(), views)(x)
    assert seen == [4, 2, 2]
    seen.clear()
    MeanOfViews(Told(), views, temperature=2.0)(x)             # half as sure
    assert seen == [4, 4, 4]
    seen.clear()
    torch.testing.assert_close(MeanOfViews(Told(), views)(x[:1]), Told()(x[:1]).log_softmax(1))
    assert seen == [1, 1]


def test_views_are_rotated_as_exactly_where_the_network_computes_in_bfloat16():
    x = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        low = _rotate(x, 0.2)
    assert torch.equal(low, _rotate(x, 0.2))
