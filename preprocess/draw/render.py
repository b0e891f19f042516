"""Render copies of cleaned pictures; deterministic given their random views.

A copy is one affine warp from a level of a Lanczos pyramid, into the box around its hull, and one change of
contrast. The warp is bilinear from a level finer than the copy, which is nearer to the truth than Lanczos from a
level as large, and six times faster (benchmarks/log.md); where pixels fall on pixels they are copied as they are.
The copies of many sources are laid out together, so that Python's share of one is little more than its calls of
OpenCV.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tenfold.data.tables import Draw
from tenfold.preprocess.draw.geometry import place_on_canvas
from tenfold.preprocess.draw.random_views import RandomView

if TYPE_CHECKING:
    from tenfold.preprocess.draw.pyramid import Picture

_RING = 3                    # canvas pixels beyond the hull that Lanczos may reach


def draw_copies(pictures: list["Picture"], views: RandomView, config: Draw,
                out: Sequence[np.ndarray] | np.ndarray) -> None:
    """Render n augmented copies into `out`: pictures[k] as views[k] has it into out[k], uint8 (H, W, C).

    A copy is the same whichever others are drawn with it.
    """
    pictures, levels, warps, boxes = lay_out(pictures, views, config)
    warps[:, :, 2] -= boxes[:, :2]
    low, high = config.contrast
    factors = np.where(views.tone < 0, 1.0, low + views.tone * (high - low))
    whole = [0, 0, *config.canvas[::-1]]
    # where the canvas lies within the picture, its outermost pixels are the picture's too, and not half background
    border = cv2.BORDER_CONSTANT if config.fit == "inside" else cv2.BORDER_REPLICATE
    for copy, picture, level, warp, box, factor in zip(
            out, pictures, levels, warps, boxes.tolist(), factors.tolist(), strict=True):
        left, top, right, bottom = box
        if box != whole:
            cv2.rectangle(copy, (0, 0), config.canvas[::-1], picture.background, cv2.FILLED)
        cv2.warpAffine(level, warp, (right - left, bottom - top), dst=copy[top:bottom, left:right],
                       flags=cv2.INTER_LINEAR, borderMode=border, borderValue=picture.background)
        if factor != 1:                     # levels moved away from, or towards, the pivot; half a LUT's time
            cv2.addWeighted(copy, factor, copy, 0, picture.pivot * (1 - factor), dst=copy)


def lay_out(pictures: list["Picture"], views: RandomView,
            config: Draw) -> tuple[list["Picture"], list[np.ndarray], np.ndarray, np.ndarray]:
    """Compute the warps of n copies.

    Returns for each: its picture in the pen that it is written with, the level it is drawn from, the matrix from there
    to the canvas (n, 2, 3), the box left, top, right, bottom that it lies in (n, 4).
    """
    pens = (views.pen * np.array([1 + len(p.broader) for p in pictures])).astype(int).tolist()
    pictures = [p.broader[pen - 1] if pen else p for p, pen in zip(pictures, pens, strict=True)]
    sizes = np.array([p.size for p in pictures], float)
    matrix, scale, low, high = place_on_canvas([p.hull for p in pictures], sizes, views, config)
    exact = _falls_on_pixels(matrix).tolist()
    levels = [p.level(s, e) for p, s, e in zip(pictures, scale.tolist(), exact, strict=True)]
    stretch = (sizes / np.array([level.shape[:2] for level in levels]))[:, None, ::-1]
    # a level's pixel centres lie at (p + ½)·stretch − ½ in the cleaned picture
    matrix[:, :, 2] += (matrix[:, :, :2] * (0.5 * stretch - 0.5)).sum(-1)
    matrix[:, :, :2] *= stretch
    whole = np.array([0, 0, *config.canvas[::-1]])
    around = np.concatenate([np.floor(low - _RING), np.ceil(high + _RING) + 1], axis=1)
    boxes = np.where([[p.bare] for p in pictures], around, whole)
    return pictures, levels, matrix, np.clip(boxes, 0, np.tile(whole[2:], 2)).astype(int)


def _falls_on_pixels(matrix: np.ndarray) -> np.ndarray:
    """bool (n,): which of the warps (n, 2, 3) move whole pixels, mirrored or not, so that nothing need be blurred."""
    turned, shift = np.abs(matrix[:, :, :2]) - np.eye(2), matrix[:, :, 2]
    return (np.abs(turned) < 1e-6).all((1, 2)) & (np.abs(shift - np.rint(shift)) < 1e-4).all(1)
