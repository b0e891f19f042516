"""Our copy is nearer to the truth than the first project's: both against one drawn 8 times as large, averaged down."""

import itertools

import cv2
import numpy as np
import pytest
from cases import each
from PIL import Image

from benchmarks.augmenting import per_copy
from tenfold.data.tables import Clean, Draw
from tenfold.preprocess.clean.steps import clean, find_ink, hull_of
from tenfold.preprocess.draw.geometry import place_on_canvas
from tenfold.preprocess.draw.pyramid import build_pyramid
from tenfold.preprocess.draw.random_views import RandomView

TIMES = 8


def letter() -> np.ndarray:
    """Dark curved strokes with soft edges on white, uint8 (350, 350)."""
    image = np.full((350, 350), 255, np.uint8)
    cv2.ellipse(image, (170, 190), (70, 90), 20, 0, 300, 20, 14, cv2.LINE_AA)
    cv2.line(image, (240, 100), (235, 290), 20, 9, cv2.LINE_AA)
    cv2.line(image, (110, 120), (190, 85), 20, 4, cv2.LINE_AA)
    return image


def truth(ink: np.ndarray, matrix: np.ndarray, canvas) -> np.ndarray:
    """Bright ink (h, w) on the canvas as the 2×3 matrix has it: drawn TIMES as large, then averaged."""
    high, wide = canvas
    large = matrix * TIMES
    large[:, 2] += (TIMES - 1) / 2
    drawn = cv2.warpAffine(ink, large, (wide * TIMES, high * TIMES), flags=cv2.INTER_CUBIC)
    return drawn.reshape(high, TIMES, wide, TIMES).mean((1, 3))


def error(ink, copy, matrix) -> float:
    return float(np.square(copy - truth(ink, matrix, copy.shape)).mean())


def error_of_ours(ink, angle, share, canvas) -> float:
    how = Draw(canvas=canvas, copies=1, rotation=180, scale=(0.3, 1.0))
    ready = build_pyramid(clean(ink[:, :, None], Clean(polarity="light", threshold=0.9, roi=True), how), how)
    view = RandomView(angle / 180, (share - 0.3) / 0.7, 0.3, 0.6, -1.0)
    matrix = place_on_canvas([ready.hull], np.array([ready.size], float), view.times(1), how)[0][0]
    matrix[:, 2] -= matrix[:, :2] @ corner(ink, ready)      # from the page, not from the region of interest
    return error(ink, ready.draw(view, how)[..., 0].astype(float), matrix)


def corner(ink, ready) -> np.ndarray:
    """x, y of the region's corner on the page: the hulls of both are around the same ink."""
    mask = np.pad(find_ink(ink[:, :, None], 0.9, Clean().offset), 1)
    return hull_of(mask).min(0) - 1 - ready.hull.min(0)


def error_of_theirs(ink, angle, share, canvas, resample) -> float:
    at = (0.3, 0.6)
    copy = 255.0 - per_copy(255 - ink, angle, share, at, 1.0, canvas, resample)
    # where their whole-pixel steps put it: turned about the middle, resized, placed
    smooth = cv2.bilateralFilter(255 - ink, 9, 75, 75)
    _, mask = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    x, y, w, h = cv2.boundingRect(mask)
    high, wide = canvas
    turned = Image.new("L", (w, h)).rotate(-angle, expand=True)
    factor = share * min((wide - 2) / turned.width, (high - 2) / turned.height)
    size = np.array([max(1, round(side * factor)) for side in turned.size])
    a = np.radians(angle)
    stretch = size / turned.size
    linear = stretch[:, None] * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    placed = np.array([int(p * (room - side)) for p, room, side in zip(at, (wide, high), size, strict=True)])
    middle = np.array([x + w / 2 - 0.5, y + h / 2 - 0.5])
    return error(ink, copy, np.column_stack([linear, placed + size / 2 - 0.5 - linear @ middle]))


def ours_is_nearer(canvas, angle):
    ink = 255 - letter()
    for share in (0.5, 0.75, 0.95):
        mine = error_of_ours(ink, angle, share, canvas)
        for resample in (Image.Resampling.NEAREST, Image.Resampling.BICUBIC):
            assert mine < error_of_theirs(ink, angle, share, canvas, resample), (share, resample)


SOME = [((64, 64), 0), ((64, 64), 100), ((90, 120), -45), ((350, 350), 17)]
ALL = itertools.product([(64, 64), (90, 120), (350, 350)], [0, 17, -45, 100])
test_ours_is_nearer_to_the_truth = each(("canvas", "angle"), SOME)(ours_is_nearer)
test_ours_is_nearer_at_any_angle_and_size = pytest.mark.slow(
    each(("canvas", "angle"), [case for case in ALL if case not in SOME])(ours_is_nearer))
