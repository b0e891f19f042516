"""Every step is pure, keeps the image contract, and finds the ink that is there."""

import numpy as np
import pytest
from cases import each
from conftest import page

from tenfold.data.tables import Clean, Draw
from tenfold.preprocess.clean import steps
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.decode import BadPicture

DRAW = Draw(canvas=(16, 21), copies=1)
SHAPES = [(1, 2, 1), (1, 2, 3), (2, 1, 3), (3, 3, 1), (1, 400, 3), (37, 53, 1), (37, 53, 3), (120, 7, 3)]
STEPS = {
    "dark": lambda x: steps.level_ground(x, True)[0], "light": lambda x: steps.level_ground(x, False)[0],
    "smooth": lambda x: steps.smooth(x, 9, 50.0),
    "keep_ink": lambda x: steps.keep_ink(x, np.full(x.shape[:2], 255, np.uint8)),
    "resize": lambda x: steps.resize(x, 5, 7), "rim": steps.rim,
}
MASKS = {"adaptive": lambda x: steps.find_ink(x, 0.3, 12.0), "plain": lambda x: steps.find_ink(x, 0.0, 12.0),
         "dust": lambda x: steps.remove_dust((x[..., 0] > 99).astype(np.uint8) * 255, x, 0.5).mask}


def noise(shape):
    return np.random.default_rng(list(shape)).integers(0, 256, shape, np.uint8)


@each("shape", SHAPES, ids=str)
@each("step", STEPS.values(), ids=STEPS)
def test_steps_are_pure_and_keep_the_contract(step, shape):
    image = noise(shape)
    before = image.copy()
    out = step(image)
    assert (image == before).all()
    assert out.dtype == np.uint8
    assert out.ndim == 3
    assert out.shape[2] == shape[2]
    assert (step(image) == out).all()
    assert not np.shares_memory(out, image)


@each("shape", SHAPES, ids=str)
@each("step", MASKS.values(), ids=MASKS)
def test_masks_are_black_and_white(step, shape):
    image = noise(shape)
    before = image.copy()
    mask = step(image)
    assert (image == before).all()
    assert mask.dtype == np.uint8
    assert mask.shape == shape[:2]
    assert set(np.unique(mask)) <= {0, 255}


@each("shape", SHAPES, ids=str)
@each("how", [
    Clean(), Clean(polarity="auto", roi=True),
    Clean(polarity="dark", bilateral=9, threshold=0.3, specks=0.001, roi=True),
    Clean(polarity="light", threshold=1.0, specks=0.5), Clean(polarity="auto", bilateral=31, padding=1.0, roi=True)],
      ids=range(5))
@each("fit", ["inside", "stretch"])
def test_any_picture_is_cleaned_or_set_aside(shape, how, fit):
    image = noise(shape)
    try:
        cleaned = steps.clean(image, how, Draw(canvas=(16, 21), copies=1, fit=fit))
    except BadPicture:
        return
    assert cleaned.pixels.dtype == np.uint8
    assert cleaned.pixels.ndim == 3
    assert cleaned.pixels.shape[2] == shape[2]
    assert len(cleaned.background) == shape[2]
    assert cleaned.hull.dtype == np.float32


def test_dark_on_light_and_light_on_dark_come_out_alike():
    for seed in range(6):
        dark = page(seed)
        how = Clean(polarity="auto", threshold=0.9, roi=True)
        assert (steps.clean(dark, how, DRAW).pixels == steps.clean(255 - dark, how, DRAW).pixels).all()


@each("value", [0, 128, 255])
@each("how", [Clean(), Clean(polarity="auto", roi=True)], ids=range(2))
def test_a_blank_page_is_set_aside(value, how):
    with pytest.raises(BadPicture, match="blank"):
        steps.clean(np.full((9, 14, 1), value, np.uint8), how, DRAW)


def test_a_page_of_grain_is_blank():
    with pytest.raises(BadPicture, match="no ink"):
        steps.clean(np.random.default_rng(0).integers(236, 242, (37, 53, 1), np.uint8),
                    Clean(polarity="dark", threshold=0.9, roi=True), DRAW)


def test_the_region_is_the_ink_and_its_fading_edge():
    image = np.full((60, 80, 1), 240, np.uint8)
    image[20:35, 50:60] = 20
    cleaned = steps.clean(image, Clean(polarity="dark", threshold=1.0, roi=True, padding=0.0), DRAW)
    assert cleaned.pixels.shape == (17, 12, 1)
    assert (cleaned.pixels[1:-1, 1:-1] == 234).all()         # 255 × (240 - 20) / 240
    x, y = cleaned.hull.T
    assert (x.min(), y.min(), x.max(), y.max()) == (-0.5, -0.5, 11.5, 16.5)
    wider = steps.clean(image, Clean(polarity="dark", threshold=1.0, roi=True, padding=0.2), DRAW)
    assert wider.pixels.shape == (23, 18, 1)


def test_ink_at_the_very_edge_keeps_room_to_fade():
    image = np.full((20, 30, 1), 240, np.uint8)
    image[:8, 12:30] = 20
    cleaned = steps.clean(image, Clean(polarity="dark", roi=True, padding=0.0), DRAW)
    assert cleaned.pixels.shape == (10, 20, 1)
    assert cleaned.pixels[0].max() == cleaned.pixels[:, -1].max() == 0


def test_shadows_and_bleed_through_are_wiped():
    image = page(3, 90, 120, 1)
    slope = np.linspace(0, 60, 120).astype(np.uint8)[None, :, None]
    settings = Clean(polarity="dark", threshold=0.5, specks=0.5)
    cleaned, ink = steps.clean_page(image - slope, settings, SetDecisions("dark"))
    mask = ink.mask
    far = np.ones_like(mask, bool)
    far[np.argwhere(mask)[:, 0].min() - 1:np.argwhere(mask)[:, 0].max() + 2] = False
    assert (cleaned[far] == 0).all()


def test_resize_keeps_the_mean_and_does_not_alias():
    checks = (np.indices((512, 300)).sum(0) % 2 * 255).astype(np.uint8)[..., None]
    small = steps.resize(checks, 100, 60)
    assert small.std() < 3
    assert abs(small.mean() - 127.5) < 2
    assert (steps.resize(checks, 512, 300) == checks).all()


def test_a_picture_is_of_one_tone_only_where_no_pixel_differs():
    rng = np.random.default_rng(0)
    for shape in ((1, 1, 1), (1, 9, 3), (30, 7, 1), (64, 65, 3)):
        image = np.full(shape, 77, np.uint8)
        assert steps.is_one_tone(image)
        image[tuple(rng.integers(0, shape))] = 78
        assert steps.is_one_tone(image) == (image.size == 1)
