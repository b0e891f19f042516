"""A copy holds the whole character at any angle, size and place, and depends on nothing but its number."""

import dataclasses
import types

import cv2
import numpy as np
import pytest
from conftest import page

from data.recipe import Clean, Draw
from preprocess import draw
from preprocess.clean import clean, cut_out
from preprocess.decode import BadPicture
from preprocess.draw import MARGIN, PLAIN, View, chance, picture

INK = Clean(polarity="light", roi=True, padding=0.0)
PHOTO = Clean(channels=3)


def glyph(height, width, seed=0) -> np.ndarray:
    """Bright ink that reaches every side of its picture: uint8 (height, width, 1)."""
    image = np.random.default_rng([seed, height, width]).integers(0, 2, (height, width, 1), np.uint8) * 200 + 55
    image[np.random.default_rng(seed).random((height, width)) < 0.3] = 0
    image[0, 0] = image[-1, -1] = image[0, -1] = image[-1, 0] = 255
    return image if image.min() < image.max() else np.pad(image, ((0, 0), (0, 1), (0, 0)))


def views(how: Draw, count=40):
    corners = [View(t, s, a, d, -1.0, m) for t in (-1, -0.37, 0, 0.5, 1) for s in (0, 1) for a in (0, 1) for d in (0, 1)
               for m in (False, True)]
    return [*corners, PLAIN, *(dataclasses.replace(chance(5, 0, k, how), tone=-1.0) for k in range(count))]


SIZES = [(1, 1), (1, 2), (2, 3), (3, 1), (5, 5), (17, 23), (1, 60), (200, 3), (60, 31), (400, 333), (9, 700)]
CANVASES = [(16, 16), (24, 17), (9, 40), (61, 8)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("canvas", CANVASES, ids=str)
@pytest.mark.parametrize("roi", [True, False], ids=["region", "page"])
@pytest.mark.parametrize("more", [{}, {"shear": 20.0, "aspect": 1.4}, {"broaden": 0.1}],
                         ids=["as it is", "slanted", "broader"])
def test_nothing_of_a_character_is_cut_off(size, canvas, roi, more, monkeypatch):
    seen = {}

    def warp(level, matrix, shape, **how):               # the same copy, and the wall that its canvas hangs on
        seen["wall"] = cv2.warpAffine(level, matrix + np.array([0, 0, 80]), (shape[0] + 160, shape[1] + 160), **how)
        return cv2.warpAffine(level, matrix, shape, **how)
    monkeypatch.setattr(draw, "cv2", types.SimpleNamespace(**{**vars(cv2), "warpAffine": warp}))
    how = Draw(canvas=canvas, copies=1, rotation=180, scale=(0.3, 1.0), flip=0.5, **more)
    image = glyph(*size)
    cleaned = cut_out(image, (image[..., 0] > 0).astype(np.uint8) * 255, dataclasses.replace(INK, roi=roi), how)
    ready = picture(cleaned, how)
    high, wide = canvas
    for view in views(how):
        pen = (ready, *ready.broader)[int(view.pen * (1 + len(ready.broader)))]
        matrix, scale = pen._placed(view, how)
        x, y = (np.column_stack([pen.hull, np.ones(len(pen.hull))]) @ matrix.T).T
        assert min(x.min(), y.min()) >= MARGIN - 0.5 - 1e-3, view
        assert x.max() <= wide - MARGIN - 0.5 + 1e-3, view
        assert y.max() <= high - MARGIN - 0.5 + 1e-3, view
        out = ready.draw(view, how)
        assert out.shape == (*canvas, 1)
        # beyond the canvas there is the last fading of a soft edge at most (Lanczos rings faintly)
        wall = seen["wall"].copy()
        assert np.abs(wall[80:-80, 80:-80].astype(int) - out[..., 0]).mean() < 1     # OpenCV rounds to 1/32 pixel
        wall[80:-80, 80:-80] = 0
        assert wall.max() <= 40, (view, scale, wall.max())
        got = out.sum() / 255
        assert wall.sum() / 255 <= 0.18 * got + 0.1
        # nothing fell between the canvas's pixels (Lanczos adds to small ink: it is cut off below 0)
        assert got >= 0.75 * cleaned.pixels.sum() / 255 * scale**2 - 0.5, view


def test_broader_pens_are_the_same_strokes_and_broader():
    how = Draw(canvas=(48, 48), copies=1, broaden=0.05)
    ready = picture(clean(page(1, 90, 70, 1), Clean(polarity="dark", threshold=0.9, roi=True), how), how)
    inks = [ready.draw(dataclasses.replace(PLAIN, pen=pen), how).astype(int) for pen in (0.0, 0.5, 0.9)]
    assert len(ready.broader) == 2
    assert inks[0].sum() < inks[1].sum() < inks[2].sum()
    assert {int(chance(0, 0, k, how).pen * 3) for k in range(30)} == {0, 1, 2}


@pytest.mark.parametrize("size", [(37, 53), (53, 37), (350, 350)], ids=str)
def test_the_border_of_the_canvas_stays_free_of_ink(size):
    how = Draw(canvas=(24, 31), copies=1, rotation=180, scale=(0.5, 1.0))
    ready = picture(clean(page(1, *size, 1), Clean(polarity="dark", threshold=0.9, roi=True), how), how)
    for view in views(how):
        out = ready.draw(view, how)[..., 0]
        edge = np.concatenate([out[0], out[-1], out[:, 0], out[:, -1]])
        assert edge.max() <= 50, view                    # the last fading of a soft edge
        assert out.max() > 30


def test_copies_are_drawn_where_there_is_room_up_to_the_edge():
    how = Draw(canvas=(40, 40), copies=1, scale=(0.5, 0.5))
    ready = picture(clean(glyph(20, 20), INK, how), how)
    left, right = (ready.draw(View(0, 0, a, 0.5, -1.0), how)[..., 0].sum(0) for a in (0, 1))
    assert left[:3].sum() > 0
    assert left[25:].sum() == 0
    assert right[-3:].sum() > 0
    assert right[:15].sum() == 0


@pytest.mark.parametrize("fit", ["inside", "cover", "stretch"])
@pytest.mark.parametrize("size", [(37, 53), (16, 90), (300, 20)], ids=str)
def test_the_plain_view_is_centred_and_the_same_each_time(fit, size):
    how = Draw(canvas=(31, 40), copies=1, fit=fit, rotation=90, scale=(0.6, 0.8), contrast=(0.1, 0.2), flip=1.0)
    image = np.zeros((*size, 3), np.uint8)
    image[size[0] // 4:-(size[0] // 4), size[1] // 4:-(size[1] // 4)] = 200           # a block in the middle
    ready = picture(clean(image, Clean(channels=3, polarity="light"), how), how)
    out = ready.draw(PLAIN, how)
    assert (out == ready.draw(PLAIN, how)).all()
    assert out.max() > 60                                # no contrast: that would leave 40
    assert np.abs(out.astype(int) - out[::-1, ::-1]).max() <= 30


def test_chance_depends_on_seed_source_and_copy_alone():
    how = Draw(canvas=(16, 16), copies=9, flip=0.5)
    seen = {chance(seed, source, copy, how) for seed in range(3) for source in range(5) for copy in range(7)}
    assert len(seen) == 3 * 5 * 7
    assert chance(1, 2, 3, how) == chance(1, 2, 3, dataclasses.replace(how, copies=4, canvas=(20, 20)))
    assert chance(1, 2, 3, how).turn != chance(1, 3, 2, how).turn


def test_chance_keeps_its_bounds_and_fills_them():
    how = Draw(canvas=(16, 16), copies=1, flip=0.25)
    some = [chance(0, source, 0, how) for source in range(800)]
    assert all(-1 <= v.turn <= 1 and min(v.size, v.across, v.down, v.tone) >= 0
               and max(v.size, v.across, v.down, v.tone) <= 1 for v in some)
    assert abs(np.mean([v.turn for v in some])) < 0.1
    assert np.std([v.size for v in some]) == pytest.approx(12**-0.5, abs=0.03)
    assert np.mean([v.mirror for v in some]) == pytest.approx(0.25, abs=0.05)
    assert not any(chance(0, s, 0, dataclasses.replace(how, flip=0.0)).mirror for s in range(50))
    middle = chance(0, 1, 0, dataclasses.replace(how, place=False))
    assert (middle.across, middle.down) == (0.5, 0.5)


@pytest.mark.parametrize("fit", ["inside", "cover", "stretch"])
@pytest.mark.parametrize("size", [(1, 2), (2, 1), (3, 200), (31, 47), (300, 211)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_drawing_is_pure_and_keeps_the_contract(fit, size, channels):
    how = Draw(canvas=(19, 26), copies=1, fit=fit, rotation=40, scale=(0.4, 1.0), contrast=(0.5, 1.5), flip=0.5)
    image = np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8)
    ready = picture(clean(image, Clean(channels=channels), how), how)
    before = [level.copy() for level in ready.levels]
    for k in range(5):
        view = chance(0, 0, k, how)
        one, two = ready.draw(view, how), ready.draw(view, how)
        assert one.dtype == np.uint8
        assert one.shape == (19, 26, channels)
        assert (one == two).all()
    assert all((a == b).all() for a, b in zip(before, ready.levels, strict=True))


def test_cover_shows_no_ground():
    how = Draw(canvas=(19, 26), copies=1, fit="cover", rotation=180, scale=(0.3, 1.0), flip=0.5)
    image = np.full((64, 41, 3), 200, np.uint8)
    image[5, 5] = 210
    ready = dataclasses.replace(picture(clean(image, PHOTO, how), how), background=(0, 0, 0))
    for view in views(how):
        assert ready.draw(view, how)[1:-1, 1:-1].min() > 150, view


def test_contrast_leaves_the_ground_alone():
    how = Draw(canvas=(30, 30), copies=1, scale=(0.9, 0.9), contrast=(0.5, 0.5))
    ready = picture(clean(glyph(20, 20), INK, how), how)
    full, half = ready.draw(PLAIN, how), ready.draw(dataclasses.replace(PLAIN, tone=0.0), how)
    assert (half == np.rint(full * 0.5)).all()
    assert half.max() > 100


@pytest.mark.parametrize("size", [(100, 100), (350, 211), (31, 90)], ids=str)
def test_shrinking_does_not_alias(size):
    checks = (np.indices(size).sum(0) % 2 * 255).astype(np.uint8)[..., None]
    how = Draw(canvas=(24, 24), copies=1, rotation=180, scale=(0.3, 0.6))
    ready = picture(clean(checks, Clean(), how), how)
    for k in range(20):
        out = ready.draw(chance(0, 0, k, how), how)
        middle = out[10:14, 10:14]
        assert middle.std() < 30 or size == (31, 90)


def test_levels_are_never_more_than_a_step_too_large():
    how = Draw(canvas=(24, 50), copies=1, rotation=180, scale=(0.1, 1.0))
    ready = picture(clean(glyph(40, 390), INK, how), how)
    for view in views(how):
        _, scale = ready._placed(view, how)
        level = ready._level(scale)
        assert level.shape[1] / ready.size[1] / scale < 1.5 or (level is ready.levels[-1] and level.shape[1] < 8)


@pytest.mark.parametrize("fit", ["inside", "cover"])
def test_what_is_too_narrow_to_be_drawn_is_set_aside_by_name(fit):
    how = Draw(canvas=(16, 16), copies=1, fit=fit, scale=(0.5, 1.0))
    image = np.zeros((2, 300_000, 1), np.uint8)
    image[:, ::2] = 255
    with pytest.raises(BadPicture, match="300000×2"):
        picture(clean(image, Clean(), how), how)
