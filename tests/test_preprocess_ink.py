"""The whole character survives cleaning: no component is lost, torn or turned inside out, on any page."""

import cv2
import numpy as np
import pytest
from characters import CHARACTERS, COMPONENTS, character, components, page
from ink_pages import LETTERS, difference, ink_of, on_a_page

from tenfold.data.tables import Clean, Draw
from tenfold.preprocess.clean.ground import TWO_TONE, level_ground, two_tone
from tenfold.preprocess.clean.ink import find_ink, remove_dust
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.clean.steps import clean, clean_page
from tenfold.preprocess.decode import BadPicture
from tenfold.preprocess.draw.pyramid import build_pyramid
from tenfold.preprocess.draw.random_views import PLAIN, draw_view

DIGITS = {"offset": 30.0, "roi": True}                                                      # as sample.toml
DRAW = Draw(canvas=(96, 96), copies=1, rotation=180, scale=(0.6, 0.95))


def pages(seed, margin, lights=("none",), count=40):
    """Random pages: (name, image, coverage, tone, whether its ink is dark)."""
    rng = np.random.default_rng(seed)
    names = sorted(CHARACTERS)
    while count:
        name, light, dark = names[rng.integers(len(names))], lights[rng.integers(len(lights))], bool(rng.integers(2))
        image, cover, tone = page(rng, name, np.exp(rng.uniform(np.log(3), np.log(40))), margin, light, dark)
        if 28 <= max(image.shape) <= 1000 and cover.min() < 0.5:        # all of one tone is a case of its own
            yield name, image, cover, tone, dark
            count -= 1


@pytest.mark.parametrize(("how", "margin", "lights"), [
    (LETTERS, 0, ["none"]), (LETTERS, 0.3, ["none", "slope"]), (LETTERS, 2, ["none", "slope", "vignette", "shadow"]),
    (DIGITS, 0, ["none"]), (DIGITS, 1, ["none"])],
    ids=["tight", "near", "wide", "tight, one level", "wide, one level"])
def test_every_component_is_on_the_page_and_on_every_copy(how, margin, lights):
    for number, (name, image, cover, tone, dark) in enumerate(pages(7, margin, lights)):
        settings = Clean(polarity="dark" if dark else "light", **how)
        cleaned, _ = clean_page(image, settings, SetDecisions(settings.polarity))
        assert components(cleaned, tone / 2) == COMPONENTS[name], (number, name)
        assert difference(cleaned, cover, tone, near=not how.get("threshold")) < 0.45, (number, name)
        ready = build_pyramid(clean(image, settings, DRAW), DRAW)
        for copy in range(3):
            drawn = ready.draw(draw_view(1, number, copy, DRAW), DRAW)
            assert components(drawn, drawn.max() / 2) == COMPONENTS[name], (number, name, copy)


def test_characters_come_out_as_they_were_drawn():
    differences = [difference(clean_page(image, how, SetDecisions(how.polarity))[0], cover, tone)
                   for _, image, cover, tone, dark in pages(3, 1, ["none", "slope"])
                   for how in [Clean(polarity="dark" if dark else "light", **LETTERS)]]
    assert np.median(differences) < 0.05


def test_small_characters_and_hatches_are_no_grain():
    hatch = np.zeros((40, 40), np.float32)
    hatch[4:-4, 4:-4:2] = 1
    covers = {f"{name} {pen}": character(name, pen, 12) for name in CHARACTERS for pen in (1.5, 2, 3)}
    covers["hatch"] = hatch
    for name, cover in covers.items():
        for turned in (cover, cover.T):
            if turned.min() < 0.5:               # all of one tone is a case of its own
                image = np.ascontiguousarray(np.rint(255 - 225 * turned).astype(np.uint8)[..., None])
                _, ink = clean_page(image, Clean(polarity="dark", **LETTERS), SetDecisions("dark"))
                assert np.count_nonzero((ink.mask == 0) & (turned > 0.9)) <= 0.1 * np.count_nonzero(turned > 0.9), name


def test_dust_goes_and_dots_stay():
    rng = np.random.default_rng(2)
    for pen in (4, 7, 12, 30):
        image, cover, _ = page(rng, "i", pen, 1)
        dusty, far = image.copy(), image.copy()
        top, left = (int(v[0]) for v in np.nonzero(cover > 0.5))
        dusty[max(0, top - 3), max(0, left - 2 * pen):max(0, left - 2 * pen) + 1] = image.min()
        for sprinkled in (dusty, far):
            mask = clean(sprinkled, Clean(polarity="dark", **LETTERS), DRAW).ink.mask
            assert components(mask, 0) == 2, pen
    mask = np.zeros((400, 400), np.uint8)
    cv2.line(mask, (50, 50), (50, 120), 255, 7)
    for x, y, r in ((50, 30, 4), (60, 60, 1), (350, 350, 4)):      # a dot, a grain, and a spot far away
        cv2.circle(mask, (x, y), r, 255, -1)
    ink = remove_dust(mask, mask[..., None], 0.5)
    assert components(ink.mask, 0) == 2
    assert ink.mask[30, 50]
    assert ink.dropped[60, 60]
    assert ink.dropped[350, 350]
    assert ink.lost_components == 1                        # the far spot is as broad as the pen
    assert (remove_dust(mask, mask[..., None], 0.0).mask == mask).all()
    assert not ((ink.mask > 0) & (ink.dropped > 0)).any()
    assert ((ink.mask > 0) | (ink.dropped > 0) == (mask > 0)).all()       # nothing vanishes uncounted


def test_the_width_of_the_pen_is_measured():
    for pen in (3, 5, 8, 15, 31):
        mask = np.zeros((300, 300), np.uint8)
        cv2.line(mask, (60, 40), (60, 260), 255, pen)
        found = remove_dust(mask, mask[..., None], 0.5).pen
        assert abs(found - cv2.boundingRect(mask)[2]) <= 0.15 * pen + 1, (pen, found)


def test_a_figure_of_one_tone_is_ink_where_the_paper_is_known():
    stop = np.full((12, 12, 1), 20, np.uint8)
    for how in (LETTERS, DIGITS):
        cleaned = clean(stop, Clean(polarity="dark", **how), DRAW, SetDecisions("dark", paper=240))
        drawn = build_pyramid(cleaned, DRAW).draw(PLAIN, DRAW)
        assert components(drawn, 110) == 1
        with pytest.raises(BadPicture, match="blank"):
            clean(stop, Clean(polarity="dark", **how), DRAW, SetDecisions("dark", paper=24))
        with pytest.raises(BadPicture, match="blank"):
            clean(stop, Clean(polarity="dark", **how), DRAW)


def test_uneven_light_is_divided_out():
    y, x = np.mgrid[0:200, 0:150]
    light = 1 - 0.4 * x / 150 - 0.1 * y / 200
    reflects = np.where((abs(x - 75) < 40) & (abs(y - 100) < 4), 0.2, 0.95)
    image = np.rint(250 * light * reflects).astype(np.uint8)[..., None]
    level, _ = level_ground(255 - image, dark=True)
    assert level[reflects > 0.5].max() < 12
    ink = level[reflects < 0.5]
    assert abs(int(ink.max()) - int(ink.min())) < 12
    assert abs(ink.mean() - 255 * (1 - 0.2 / 0.95)) < 6


@pytest.mark.parametrize("width", [4, 12, 24])
def test_the_edge_of_a_scan_sets_no_pen(width):
    cover = np.zeros((300, 300), np.float32)
    for name, left in (("i", 130), ("÷", 190)):
        drawn = character(name, 5, 40)
        cover[120:120 + drawn.shape[0], left:left + drawn.shape[1]] = drawn
    image = np.rint(245 - 215 * cover).astype(np.uint8)[..., None]
    image[:, :width] = 15
    cleaned, ink = clean_page(image, Clean(polarity="dark", **LETTERS), SetDecisions("dark"))
    assert components(cleaned[:, 60:], 100) == 5
    assert ink.pen < 7


def test_a_block_at_an_edge_makes_no_dust_of_a_character():
    y, x = np.mgrid[:300, :300]
    for number, block in enumerate(((x < 90) & (y < 70), np.hypot(x - 12, y - 40) < 45, (x > 230) & (y > 220))):
        for name in ("i", "÷", "E"):
            cover = on_a_page(name, 5, 45, left=150, top=140)
            found = ink_of(np.where(block, 20, 240 - 210 * cover))
            assert components(found.mask, 0) == COMPONENTS[name] + 1, (number, name)
            assert found.pen < 8


def test_ink_that_the_threshold_leaves_out_is_counted():
    y, x = np.mgrid[:200, :200]
    pale = (abs(x - 118) < 7) & (abs(y - 100) < 40)
    tones = np.where((abs(x - 70) < 40) & (abs(y - 100) < 40), 20.0, np.where(pale, 215.0, 255.0))
    found = ink_of(tones)
    lacks = 40 * np.count_nonzero(pale & (found.mask == 0)) / (255 - tones).sum()
    assert lacks > 0.02
    assert found.lost_share == pytest.approx(lacks, rel=0.4)
    assert ink_of(np.where(pale, 215.0, 255.0)).lost_share == 0


def test_the_threshold_sees_no_repeated_edge_and_no_hollow_stroke():
    for side in (9, 40, 200):
        image = np.full((side, side, 1), 200, np.uint8)
        image[:2, :2] = 0
        assert (find_ink(image, 0.3, 12.0)[2:] == 255).all()
        assert (find_ink(image * 0, 0.3, 12.0) == 0).all()


def test_ink_is_told_from_photographs():
    assert np.mean([two_tone(image) > TWO_TONE for _, image, *_ in pages(5, 1)]) > 0.85
    y, x = np.mgrid[0:64, 0:80]
    waves = [np.clip(127 + 90 * np.sin((x * f + y) / 9) + np.random.default_rng(f).normal(0, 12, x.shape), 0, 255)
             for f in range(1, 6)]
    assert all(two_tone(wave.astype(np.uint8)[..., None]) < TWO_TONE for wave in waves)


def test_faint_ink_is_neither_hollow_nor_split():
    for name in ("o", "E", "i", "÷", "."):
        for contrast in (40, 60):
            _, cover, _ = page(np.random.default_rng(4), name, 30, 0.5)
            image = np.rint(230 - contrast * cover).astype(np.uint8)[..., None]
            mask = clean_page(image, Clean(polarity="dark", **LETTERS), SetDecisions("dark"))[1].mask
            assert components(mask, 0) == COMPONENTS[name], (name, contrast)
            assert (mask[cover > 0.9] == 255).mean() > 0.99, (name, contrast)


def test_a_pale_colour_is_ink_and_no_dust_beside_black():
    """Yellow lacks only a ninth of a grey."""
    image = np.full((60, 60, 3), 255, np.uint8)
    cv2.line(image, (20, 10), (20, 50), (0, 0, 0), 7)
    cv2.circle(image, (40, 30), 6, (255, 255, 0), -1)
    _, found = clean_page(image, Clean(channels=3, polarity="dark", **LETTERS), SetDecisions("dark"))
    assert components(found.mask, 0) == 2
    assert not found.facts()["lost"][1]


def test_ink_that_is_stretched_to_the_canvas_is_measured_there():
    image = np.full((200, 300, 1), 250, np.uint8)
    cv2.line(image, (60, 40), (240, 160), 20, 9)
    draw = Draw(canvas=(30, 40), copies=1, fit="stretch", broaden=0.1, rotation=5)
    cleaned = clean(image, Clean(polarity="dark", **LETTERS), draw)
    assert cleaned.pixels.shape[:2] == (30, 40)
    assert (cleaned.hull.max(0) - cleaned.hull.min(0)).tolist() == pytest.approx([40, 30], abs=2)
    assert max(picture.levels.pen.brush for picture in build_pyramid(cleaned, draw).broader) <= 4


def test_a_channel_of_one_tone_is_all_ground():
    image = np.full((40, 30, 3), (250, 128, 255), np.uint8)
    image[10:20, 8:12, 0] = 20
    level, _ = level_ground(255 - image, dark=True)
    assert level[..., 1:].max() == 0
    assert (level[..., 0] > 0).sum() == 40
    ink = clean_page(image, Clean(channels=3, polarity="dark", **LETTERS), SetDecisions("dark"))[1]
    assert components(ink.mask, 0) == 1


def test_a_picture_of_one_colour_is_blank():
    with pytest.raises(BadPicture, match="every pixel is the same"):
        clean_page(np.full((20, 30, 3), (9, 9, 200), np.uint8), Clean(channels=3), SetDecisions("keep"))


@pytest.mark.parametrize(("ink", "paper"), [
    ((200, 60, 60), (120, 180, 250)), ((30, 60, 180), (240, 235, 150)), ((220, 60, 50), (130, 170, 220)),
    ((230, 140, 30), (250, 250, 250)), ((20, 20, 20), (180, 220, 170)), ((30, 60, 200), (200, 60, 60))], ids=str)
def test_coloured_ink_on_coloured_paper(ink, paper):
    for name in ("i", "o", "÷"):
        _, cover, _ = page(np.random.default_rng(6), name, 9, 1)
        colours = np.array(paper) + (np.array(ink, float) - paper) * cover[..., None]
        image = np.rint(colours + np.random.default_rng(7).normal(0, 2, colours.shape)).clip(0, 255).astype(np.uint8)
        cleaned, found = clean_page(image, Clean(channels=3, polarity="dark", **LETTERS), SetDecisions("dark"))
        assert components(found.mask, 0) == COMPONENTS[name], name
        assert (found.mask[cover > 0.9] == 255).all(), name
        assert cleaned[cover == 0].mean() < 12, name
