"""A copy holds the whole character at any angle, size and place, and depends on nothing but its number."""

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
from cases import each
from conftest import page

from tenfold.data.tables import Clean, Draw
from tenfold.preprocess.clean.steps import clean, cut_out
from tenfold.preprocess.decode import BadPicture
from tenfold.preprocess.draw.geometry import MARGIN, place_on_canvas
from tenfold.preprocess.draw.pyramid import build_pyramid
from tenfold.preprocess.draw.random_views import PLAIN, RandomView, draw_view, draw_views
from tenfold.preprocess.draw.render import draw_copies, lay_out

INK = Clean(polarity="light", roi=True, padding=0.0)
PHOTO = Clean(channels=3)


def glyph(height, width, seed=0) -> np.ndarray:
    """Bright ink that reaches every side of its picture: uint8 (height, width, 1)."""
    image = np.random.default_rng([seed, height, width]).integers(0, 2, (height, width, 1), np.uint8) * 200 + 55
    image[np.random.default_rng(seed).random((height, width)) < 0.3] = 0
    image[0, 0] = image[-1, -1] = image[0, -1] = image[-1, 0] = 255
    return image if image.min() < image.max() else np.pad(image, ((0, 0), (0, 1), (0, 0)))


def views(how: Draw, count=40):
    corners = [RandomView(t, s, a, d, -1.0, m) for t in (-1, -0.37, 0, 0.5, 1) for s in (0, 1) for a in (0, 1)
               for d in (0, 1) for m in (False, True)]
    return [*corners, PLAIN, *(dataclasses.replace(draw_view(5, 0, k, how), tone=-1.0) for k in range(count))]


SIZES = [(1, 1), (1, 2), (2, 3), (3, 1), (5, 5), (17, 23), (1, 60), (200, 3), (60, 31), (400, 333), (9, 700)]
CANVASES = [(16, 16), (24, 17), (9, 40), (61, 8)]


def placed(one, view, how):
    """(matrix, scale) of a single copy of a single picture, in the pen that it is in."""
    matrix, scale, _, _ = place_on_canvas([one.hull], np.array([one.size], float), view.times(1), how)
    return matrix[0], float(scale[0])


def nothing_is_cut_off(size, canvas, roi, more, every=1):
    how = Draw(canvas=canvas, copies=1, rotation=180, scale=(0.3, 1.0), flip=0.5, **more)
    image = glyph(*size)
    cleaned = cut_out(image, (image[..., 0] > 0).astype(np.uint8) * 255, dataclasses.replace(INK, roi=roi), how)
    ready = build_pyramid(cleaned, how)
    high, wide = canvas
    for view in views(how)[::every]:
        [pen], [level], [warp], _ = lay_out([ready], view.times(1), how)
        matrix, scale = placed(pen, view, how)
        x, y = (np.column_stack([pen.hull, np.ones(len(pen.hull))]) @ matrix.T).T
        assert min(x.min(), y.min()) >= MARGIN - 0.5 - 1e-3, view
        assert x.max() <= wide - MARGIN - 0.5 + 1e-3, view
        assert y.max() <= high - MARGIN - 0.5 + 1e-3, view
        out = ready.draw(view, how)
        assert out.shape == (*canvas, 1)
        # the same copy on a larger canvas: beyond ours there is the last fading of a soft edge at most
        wider = cv2.warpAffine(level, warp + np.array([0, 0, 80]), (wide + 160, high + 160), flags=cv2.INTER_LINEAR)
        assert np.abs(wider[80:-80, 80:-80].astype(int) - out[..., 0]).mean() < 1     # OpenCV rounds to 1/32 pixel
        wider[80:-80, 80:-80] = 0
        assert wider.max() <= 40, (view, scale, wider.max())
        got = out.sum() / 255
        assert wider.sum() / 255 <= 0.18 * got + 0.1
        # nothing fell between the canvas's pixels (Lanczos adds to small ink: it is cut off below 0)
        assert got >= 0.75 * cleaned.pixels.sum() / 255 * scale**2 - 0.5, view


MORE = [{}, {"shear": 20.0, "aspect": 1.4}, {"broaden": 0.1}]
SOME = [(size, CANVASES[(i + 2 * k) % 4], (i // 3 + k) % 2 > 0, MORE[(i + k) % 3], 5)     # every fifth view
        for i, size in enumerate(SIZES) for k in (0, 1)]
CUT_OFF = "size", "canvas", "roi", "more"
test_nothing_of_a_character_is_cut_off = each((*CUT_OFF, "every"), SOME)(nothing_is_cut_off)
test_nothing_is_cut_off_in_any_combination = pytest.mark.slow(
    each(CUT_OFF, itertools.product(SIZES, CANVASES, (True, False), MORE))(nothing_is_cut_off))


def test_broader_pens_are_the_same_strokes_and_broader():
    how = Draw(canvas=(48, 48), copies=1, broaden=0.05)
    ready = build_pyramid(clean(page(1, 90, 70, 1), Clean(polarity="dark", threshold=0.9, roi=True), how), how)
    inks = [ready.draw(dataclasses.replace(PLAIN, pen=pen), how).astype(int) for pen in (0.0, 0.5, 0.9)]
    assert len(ready.broader) == 2
    assert inks[0].sum() < inks[1].sum() < inks[2].sum()
    assert {int(draw_view(0, 0, k, how).pen * 3) for k in range(30)} == {0, 1, 2}


@pytest.mark.parametrize("size", [(37, 53), (53, 37), (350, 350)], ids=str)
def test_the_border_of_the_canvas_stays_free_of_ink(size):
    how = Draw(canvas=(24, 31), copies=1, rotation=180, scale=(0.5, 1.0))
    ready = build_pyramid(clean(page(1, *size, 1), Clean(polarity="dark", threshold=0.9, roi=True), how), how)
    for view in views(how):
        out = ready.draw(view, how)[..., 0]
        edge = np.concatenate([out[0], out[-1], out[:, 0], out[:, -1]])
        assert edge.max() <= 50, view                    # the last fading of a soft edge
        assert out.max() > 30


def test_copies_are_drawn_where_there_is_room_up_to_the_edge():
    how = Draw(canvas=(40, 40), copies=1, scale=(0.5, 0.5))
    ready = build_pyramid(clean(glyph(20, 20), INK, how), how)
    left, right = (ready.draw(RandomView(0, 0, a, 0.5, -1.0), how)[..., 0].sum(0) for a in (0, 1))
    assert left[:3].sum() > 0
    assert left[25:].sum() == 0
    assert right[-3:].sum() > 0
    assert right[:15].sum() == 0


@each("fit", ["inside", "cover", "stretch"])
@each("size", [(37, 53), (16, 90), (300, 20)], ids=str)
def test_the_plain_view_is_centred_and_the_same_each_time(fit, size):
    how = Draw(canvas=(31, 40), copies=1, fit=fit, rotation=90, scale=(0.6, 0.8), contrast=(0.1, 0.2), flip=1.0)
    image = np.zeros((*size, 3), np.uint8)
    image[size[0] // 4:-(size[0] // 4), size[1] // 4:-(size[1] // 4)] = 200           # a block in the middle
    ready = build_pyramid(clean(image, Clean(channels=3, polarity="light"), how), how)
    out = ready.draw(PLAIN, how)
    assert (out == ready.draw(PLAIN, how)).all()
    assert out.max() > 60                                # no contrast: that would leave 40
    assert np.abs(out.astype(int) - out[::-1, ::-1]).max() <= 30


@each("fit", ["cover", "stretch"])
@each("canvas", [(32, 32), (19, 26), (8, 61)], ids=str)
@each("channels", [1, 3])
@each("more", [{}, {"rotation": 30.0, "shear": 9.0, "aspect": 1.3}],
      ids=["plain", "turned"])
def test_what_is_as_large_as_the_canvas_comes_out_as_it_went_in(fit, canvas, channels, more):
    how = Draw(canvas=canvas, copies=1, fit=fit, flip=0.5, **more)
    image = np.random.default_rng(3).integers(0, 256, (*canvas, channels), np.uint8)
    ready = build_pyramid(clean(image, Clean(channels=channels), how), how)
    assert (ready.draw(PLAIN, how) == image).all()
    assert (ready.draw(dataclasses.replace(PLAIN, mirror=True), how) == image[:, ::-1]).all()


@each("fit", ["inside", "cover", "stretch"])
@each("size", [(1, 2), (2, 1), (3, 200), (31, 47), (300, 211)], ids=str)
@each("channels", [1, 3])
def test_drawing_is_pure_and_keeps_the_contract(fit, size, channels):
    how = Draw(canvas=(19, 26), copies=1, fit=fit, rotation=40, scale=(0.4, 1.0), contrast=(0.5, 1.5), flip=0.5)
    image = np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8)
    ready = build_pyramid(clean(image, Clean(channels=channels), how), how)
    before = [level.copy() for level in ready.levels]
    for k in range(5):
        view = draw_view(0, 0, k, how)
        one, two = ready.draw(view, how), ready.draw(view, how)
        assert one.dtype == np.uint8
        assert one.shape == (19, 26, channels)
        assert (one == two).all()
    assert all((a == b).all() for a, b in zip(before, ready.levels, strict=True))


@each("fit", ["cover", "stretch"])
@each("size", [(64, 41), (7, 5)], ids=str)
def test_a_canvas_within_the_picture_shows_no_ground(fit, size):
    how = Draw(canvas=(19, 26), copies=1, fit=fit, rotation=180, scale=(0.3, 1.0), flip=0.5)
    image = np.full((*size, 3), 200, np.uint8)
    image[3, 3] = 210
    ready = dataclasses.replace(build_pyramid(clean(image, PHOTO, how), how), background=(0, 0, 0))
    for view in views(how):
        assert ready.draw(view, how).min() > 190, view


def test_contrast_leaves_the_ground_alone():
    how = Draw(canvas=(30, 30), copies=1, scale=(0.9, 0.9), contrast=(0.5, 0.5))
    ready = build_pyramid(clean(glyph(20, 20), INK, how), how)
    full, half = ready.draw(PLAIN, how), ready.draw(dataclasses.replace(PLAIN, tone=0.0), how)
    assert (half == np.rint(full * 0.5)).all()
    assert half.max() > 100


@pytest.mark.parametrize("size", [(100, 100), (350, 211), (31, 90)], ids=str)
def test_shrinking_does_not_alias(size):
    checks = (np.indices(size).sum(0) % 2 * 255).astype(np.uint8)[..., None]
    how = Draw(canvas=(24, 24), copies=1, rotation=180, scale=(0.3, 0.6))
    ready = build_pyramid(clean(checks, Clean(), how), how)
    for k in range(20):
        out = ready.draw(draw_view(0, 0, k, how), how)
        middle = out[10:14, 10:14]
        assert middle.std() < 30 or size == (31, 90)


def test_levels_are_never_more_than_a_step_too_large():
    how = Draw(canvas=(24, 50), copies=1, rotation=180, scale=(0.1, 1.0))
    ready = build_pyramid(clean(glyph(40, 390), INK, how), how)
    for view in views(how):
        _, scale = placed(ready, view, how)
        level = ready.level(scale)
        assert level.shape[1] / ready.size[1] / scale < 1.5 or (level is ready.levels[-1] and level.shape[1] < 8)


@pytest.mark.parametrize("fit", ["inside", "cover", "stretch"])
def test_copies_drawn_together_are_those_drawn_one_by_one(fit):
    how = Draw(canvas=(19, 26), copies=1, fit=fit, rotation=40, scale=(0.4, 1.0), contrast=(0.5, 1.5), flip=0.5,
               shear=10.0, aspect=1.2, broaden=0.05)
    ink = Clean(polarity="dark", threshold=0.9, roi=True)
    ready = [build_pyramid(clean(page(seed, 90 + 9 * seed, 70, 1), ink, how), how) for seed in range(3)]
    sources, copies = np.array([0, 2, 1, 1, 2, 0, 0]), np.array([300, 0, 7, 129, 1_000_000, 0, 1])
    out = np.full((7, 19, 26, 1), 7, np.uint8)
    draw_copies([ready[s] for s in sources], draw_views(3, sources, copies, how), how, out)
    for made, source, copy in zip(out, sources.tolist(), copies.tolist(), strict=True):
        assert (made == ready[source].draw(draw_view(3, source, copy, how), how)).all()


def test_only_the_box_around_the_ink_is_warped_and_nothing_is_lost():
    how = Draw(canvas=(60, 70), copies=1, rotation=180, scale=(0.3, 0.9), shear=20.0, aspect=1.4)
    ready = build_pyramid(clean(page(1, 90, 70, 1), Clean(polarity="dark", threshold=0.9, roi=True), how), how)
    assert ready.bare
    whole = dataclasses.replace(ready, bare=False)
    for view in views(how):
        assert np.abs(ready.draw(view, how).astype(int) - whole.draw(view, how)).max() <= 1      # rounded coordinates
    # where more than ink is left on the page there is no such box
    paper = build_pyramid(clean(page(1, 90, 70, 1), Clean(polarity="dark", roi=True), how), how)
    assert not paper.bare


@pytest.mark.parametrize("fit", ["inside", "cover"])
def test_what_is_too_narrow_to_be_drawn_is_set_aside_by_name(fit):
    how = Draw(canvas=(16, 16), copies=1, fit=fit, scale=(0.5, 1.0))
    image = np.zeros((2, 300_000, 1), np.uint8)
    image[:, ::2] = 255
    with pytest.raises(BadPicture, match="300000×2"):
        build_pyramid(clean(image, Clean(), how), how)
