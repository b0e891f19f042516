"""Shadows are divided out of a page, and what looks like one but is ink stays."""

import cv2
import numpy as np
import pytest
from characters import character, components
from ink_pages import LETTERS, difference, ink_of, on_a_page

from tenfold.data.tables import Clean
from tenfold.preprocess.clean.ground import TWO_TONE, level_ground, two_tone
from tenfold.preprocess.clean.ink import find_ink
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.clean.steps import clean_page


def shaded(broad):
    """(a page in slanting light, half of it under the shadow of a hand, uint8 (200, 300, 1); where its ink is)."""
    y, x = np.mgrid[0:200, 0:300]
    light = (1 - 0.6 * x / 300) * (0.5 + 0.5 / (1 + np.exp((x + y - 230) / 12)))
    ink = (abs(abs(x - 150) - 30) < broad) & (abs(y - 100) < 50) | (abs(y - 100) < broad) & (abs(x - 150) < 30)
    noise = np.random.default_rng(0).normal(0, 2, light.shape)
    return np.clip(250 * light * np.where(ink, 0.2, 0.95) + noise, 0, 255).astype(np.uint8)[..., None], ink


@pytest.mark.parametrize("broad", [2, 4, 7])
def test_the_shadow_of_a_hand_is_divided_out(broad):
    image, ink = shaded(broad)
    level, grain = level_ground(255 - image, dark=True)
    assert np.percentile(level[~ink], 99.9) < 60
    assert np.percentile(level[ink], 5) > 110
    found, near = find_ink(level, 0.3, 12.0, grain) > 0, cv2.dilate(ink.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert found[ink].all()
    assert found[~near].mean() < 1e-3            # the grain in the shadow is none
    assert two_tone(image) > TWO_TONE
    assert two_tone(255 - image) > TWO_TONE


@pytest.mark.parametrize("strength", [0.2, 0.35, 0.5])
def test_a_shadow_with_an_edge_is_divided_out(strength):
    y, x = np.mgrid[:300, :300]
    for number, shade in enumerate((np.hypot(x - 40, y - 270) < 120, y < 120, x + 0.3 * y < 180)):
        cover = np.zeros((300, 300), np.float32)
        drawn = character("i", 9, 70)
        cover[100:100 + drawn.shape[0], 130:130 + drawn.shape[1]] = drawn
        light = 1 - strength * cv2.GaussianBlur(shade.astype(np.float32), (0, 0), 4)
        grain = np.random.default_rng(number).normal(0, 2, cover.shape)
        image = np.clip((245 - 215 * cover) * light + grain, 0, 255).astype(np.uint8)[..., None]
        cleaned, _ = clean_page(image, Clean(polarity="dark", **LETTERS), SetDecisions("dark"))
        assert components(cleaned, 100) == 2, number
        assert difference(cleaned, cover, 225) < 0.45, number


@pytest.mark.parametrize("lost", [0.25, 0.45])
@pytest.mark.parametrize("pen", [7, 9, 18])
def test_wedges_and_round_shadows_across_ink_are_divided_out(lost, pen):
    y, x = np.mgrid[:300, :300]
    cover = on_a_page("+", pen, 110)
    for number, shade in enumerate((x + y < 260, 2 * x + y > 560, np.hypot(x - 130, y - 160) < 60, abs(x - y) < 45)):
        for ink in ((30, 30, 30), (170, 45, 40)):
            colours = 240 + (np.array(ink) - 240.0) * cover[..., None]
            mask = ink_of(colours * (1 - lost * shade[..., None])).mask
            assert (mask[cover > 0.9] == 255).mean() > 0.97, (number, ink)
            assert np.count_nonzero(mask[cover == 0]) < 0.15 * np.count_nonzero(cover > 0.5), (number, ink)


def test_solid_figures_are_no_shadows():
    """Bold or pale, at an edge or inside, alone or beside and under darker ink: kept, or counted as lost."""
    y, x = np.mgrid[:240, :260]
    bar, round_ = (abs(x - 215) < 12) & (abs(y - 120) < 70), np.hypot(x - 150, y - 110)
    figures = (np.hypot(x - 110, y - 110) < 60, (abs(x - 90) < 45) & (y > 60), abs(y - 120) < 18,
               abs(x - 130) + abs(y - 120) < 80, (round_ < 75) & (round_ > 35))
    for tone in (30, 90, 140):
        for number, figure in enumerate(figures):
            for other in (np.zeros_like(bar), bar):
                tones = np.where(other, 30.0, np.where(figure, tone, 240.0))
                found = ink_of(cv2.GaussianBlur(tones, (0, 0), 0.7))
                kept = (found.mask[figure | other] == 255).mean()
                assert kept > 0.7, (tone, number)
                assert kept > 0.95 or found.lost_share > 0.05, (tone, number)
