"""Render copies of a cleaned picture; deterministic given their random views.

A copy is one affine warp from a level of a Lanczos pyramid, into the box around its hull, and one change of
contrast. Shrinking is done by Pillow, which prefilters, once per level; the warp is bilinear from a level
finer than the copy, which is nearer to the truth than Lanczos from a level as large, and six times faster
(benchmarks/log.md); where pixels fall on pixels they are copied as they are. The copies of many sources are
laid out together, so that Python's share of one is little more than its calls of OpenCV. Broader pens are
written once per source too, at full size, where a brush is round.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from tenfold.data.tables import Draw
from tenfold.preprocess.clean.steps import Cleaned, resize
from tenfold.preprocess.decode import BadPicture
from tenfold.preprocess.draw.geometry import place_on_canvas, scales
from tenfold.preprocess.draw.random_views import RandomView

_STEP = 2**0.25              # from one level of the pyramid to the next
_FINER = 2**0.25             # a level is so many times finer than the copies drawn from it, at least
_LARGER = 2.0                # no level is enlarged further: between its pixels straight lines are near enough
_RING = 3                    # canvas pixels beyond the hull that Lanczos may reach
BROADER = (0.5, 1.0)         # the broader pens, as shares of the recipe's broaden
_CIRCLE = np.linspace(0, 2 * math.pi, 12, endpoint=False)
_LONGEST = 32_000            # pixels along a side that cv2.warpAffine takes (it counts in int16)
_LARGEST = 1 << 28           # pixels of a padded picture


@dataclass(frozen=True)
class Picture:
    """A cleaned picture as a pyramid of sizes, from which copies are drawn."""
    levels: tuple[np.ndarray, ...]   # uint8 (h, w, C), the finest first
    size: tuple[int, int]            # height, width of the cleaned picture, which a level may exceed
    hull: np.ndarray                 # float32 (n, 2) in pixels of the cleaned picture
    background: tuple
    pivot: float
    bare: bool                       # nothing but background beyond the hull
    broader: tuple["Picture", ...] = ()      # the same, written with broader pens

    def draw(self, view: RandomView, config: Draw) -> np.ndarray:
        """Render one augmented copy, uint8 (H, W, C); deterministic given its view."""
        out = np.empty((1, *config.canvas, self.levels[0].shape[2]), np.uint8)
        draw_copies([self], view.times(1), config, out)
        return out[0]

    def level(self, scale: float, exact: bool = False) -> np.ndarray:
        """Return the smallest level that is fine enough for copies of this scale; `exact`: the picture itself."""
        if exact:
            return next((level for level in self.levels if level.shape[:2] == self.size), self.levels[0])
        need = _FINER * scale * max(self.size) * 0.999
        return next((level for level in reversed(self.levels) if max(level.shape) >= need), self.levels[0])


def draw_copies(pictures: list[Picture], views: RandomView, config: Draw,
                out: Sequence[np.ndarray] | np.ndarray) -> None:
    """Render n augmented copies into `out`: pictures[k] as views[k] has it into out[k], uint8 (H, W, C).

    A copy is the same whichever others are drawn with it.
    """
    pictures, levels, warps, boxes = lay_out(pictures, views, config)
    warps[:, :, 2] -= boxes[:, :2]
    low, high = config.contrast
    factors = np.where(views.tone < 0, 1.0, low + views.tone * (high - low))
    whole = [0, 0, *config.canvas[::-1]]
    for copy, picture, level, warp, box, factor in zip(
            out, pictures, levels, warps, boxes.tolist(), factors.tolist(), strict=True):
        left, top, right, bottom = box
        if box != whole:
            cv2.rectangle(copy, (0, 0), config.canvas[::-1], picture.background, cv2.FILLED)
        cv2.warpAffine(level, warp, (right - left, bottom - top), dst=copy[top:bottom, left:right],
                       flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=picture.background)
        if factor != 1:                     # levels moved away from, or towards, the pivot; half a LUT's time
            cv2.addWeighted(copy, factor, copy, 0, picture.pivot * (1 - factor), dst=copy)


def lay_out(pictures: list[Picture], views: RandomView,
            config: Draw) -> tuple[list[Picture], list[np.ndarray], np.ndarray, np.ndarray]:
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


def build_pyramid(cleaned: Cleaned, config: Draw) -> Picture:
    """Build what copies are drawn from, in every pen that the recipe asks for.

    BadPicture: a side so long, or so much longer than the other, that it cannot be drawn.
    """
    pens = [share * config.broaden for share in BROADER] if config.broaden else []
    return replace(_levels(cleaned, config), broader=tuple(_levels(_broadened(cleaned, p), config) for p in pens))


def _broadened(cleaned: Cleaned, share: float) -> Cleaned:
    """Bright strokes broader on each side by `share` of the longer side, in a picture padded for them."""
    r = max(1, round(share * float(np.ptp(cleaned.hull, axis=0).max())))
    padded = cv2.copyMakeBorder(cleaned.pixels, r, r, r, r, cv2.BORDER_CONSTANT, value=cleaned.background)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * r + 1, 2 * r + 1))
    around = r * np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=1) / math.cos(math.pi / len(_CIRCLE))
    hull = cv2.convexHull((cleaned.hull[:, None] + r + around).reshape(-1, 2).astype(np.float32)).reshape(-1, 2)
    return replace(cleaned, pixels=cv2.dilate(padded, brush).reshape(*padded.shape[:2], -1), hull=hull)


def _levels(cleaned: Cleaned, config: Draw) -> Picture:
    """Levels for all scales that the recipe can ask for."""
    least, largest = scales(cleaned.hull, cleaned.pixels.shape[:2], config)
    image, hull = _padded(cleaned, math.ceil(math.sqrt(config.aspect) / least))
    # enlarged where the copies are larger, but for the long ends that no canvas sees
    shares = [min(_FINER * largest, _LARGER, max(1.0, 2 * _FINER * max(config.canvas) / max(image.shape)))]
    while (share := min(1.0, shares[-1] / _STEP)) >= _FINER * least:
        shares.append(share)
    if len(shares) == 1 and shares[0] > 1:
        shares.append(1.0)                       # for copies as large as the picture: see _falls_on_pixels
    levels = [resize(image, *(max(1, math.ceil(side * share)) for side in image.shape[:2])) for share in shares]
    if max(levels[0].shape) > _LONGEST:
        raise BadPicture(f"too long and narrow: {cleaned.pixels.shape[1]}×{cleaned.pixels.shape[0]} pixels")
    return Picture(tuple(levels), image.shape[:2], hull, cleaned.background, cleaned.pivot, cleaned.bare)


def _padded(cleaned: Cleaned, side: int) -> tuple[np.ndarray, np.ndarray]:
    """(pixels, hull) with ground added until both sides have `side` pixels, a whole one of the
    smallest copy: a stroke thinner than that grows faint there, but does not fall between its pixels."""
    height, width, channels = cleaned.pixels.shape
    y, x = (max(0, side - have + 1) // 2 for have in (height, width))
    if not (x or y):
        return cleaned.pixels, cleaned.hull
    if (height + 2 * y) * (width + 2 * x) > _LARGEST:
        raise BadPicture(f"too long and narrow: {width}×{height} pixels")
    padded = cv2.copyMakeBorder(cleaned.pixels, y, y, x, x, cv2.BORDER_CONSTANT, value=cleaned.background)
    return padded.reshape(height + 2 * y, width + 2 * x, channels), cleaned.hull + np.array([x, y], np.float32)
