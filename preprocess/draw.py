"""Once per copy: chance in `chance` and `plain`, the deed in `Picture.draw`, which is pure.

A copy is one affine warp from the smallest level of a Lanczos pyramid that is at least as large as
the copy needs, then one look-up table for contrast. Shrinking is done by Pillow, which prefilters,
once per level; the warp shrinks by √2 at most, where INTER_LANCZOS4 does not alias visibly. Broader pens
are written once per source too, at full size, where a brush is round.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from data.recipe import Draw
from preprocess.clean import Cleaned, resize
from preprocess.decode import BadPicture

MARGIN = 1.0                 # canvas pixels left free around a character: the width of a soft edge
_STEP = math.sqrt(2)         # from one level of the pyramid to the next
BROADER = (0.5, 1.0)         # the broader pens, as shares of the recipe's broaden
_CIRCLE = np.linspace(0, 2 * math.pi, 12, endpoint=False)
_LONGEST = 32_000            # pixels along a side that cv2.warpAffine takes (it counts in int16)
_LARGEST = 1 << 28           # pixels of a picture with room around it


@dataclass(frozen=True)
class View:
    """The outcome of chance for one copy; every field is in 0..1 but the sign of `turn`."""
    turn: float              # -1..1, times the recipe's rotation
    size: float              # between the two bounds of scale
    across: float            # left to right
    down: float              # top to bottom
    tone: float              # between the two bounds of contrast; below 0: as it is
    mirror: bool = False
    slant: float = 0.0       # -1..1, times the recipe's shear
    aspect: float = 0.0      # -1..1, the power of the recipe's aspect
    pen: float = 0.0         # 0: as it is; below 1: one of the broader pens


PLAIN = View(turn=0.0, size=0.5, across=0.5, down=0.5, tone=-1.0)   # centred, upright, middling


def chance(seed: int, source: int, copy: int, how: Draw) -> View:
    """One generator per (seed, source, copy): rows never depend on who draws them, or when."""
    turn, size, across, down, tone, mirror, slant, aspect, pen = np.random.default_rng([seed, source, copy]).random(9)
    if not how.place:
        across = down = 0.5
    return View(2 * turn - 1, size, across, down, tone, bool(mirror < how.flip),
                2 * slant - 1, 2 * aspect - 1, pen)


@dataclass(frozen=True)
class Picture:
    """A cleaned picture as a pyramid: what the drawing of copies starts from."""
    levels: tuple[np.ndarray, ...]   # uint8 (h, w, C), each √2 smaller than the one before
    size: tuple[int, int]            # height, width of the cleaned picture, which may be larger
    hull: np.ndarray                 # float32 (n, 2) in pixels of the cleaned picture
    background: tuple
    pivot: float
    broader: tuple["Picture", ...] = ()      # the same, written with broader pens

    def draw(self, view: View, how: Draw) -> np.ndarray:
        """uint8 (H, W, C): this picture on the recipe's canvas as `view` has it."""
        pen = int(view.pen * (1 + len(self.broader)))
        return (self.broader[pen - 1] if pen else self)._drawn(view, how)

    def _drawn(self, view: View, how: Draw) -> np.ndarray:
        matrix, scale = self._placed(view, how)             # canvas = matrix @ (x, y, 1)
        level = self._level(scale * math.sqrt(how.aspect ** abs(view.aspect)))
        height, width = self.size
        stretch = np.array([width / level.shape[1], height / level.shape[0]])
        # a level's pixel centres lie at (p + ½)·stretch − ½ in the cleaned picture
        warp = np.empty((2, 3))
        warp[:, :2] = matrix[:, :2] * stretch
        warp[:, 2] = matrix[:, 2] + matrix[:, :2] @ (0.5 * stretch - 0.5)
        out = cv2.warpAffine(level, warp, how.canvas[::-1], flags=cv2.INTER_LANCZOS4,
                             borderMode=cv2.BORDER_CONSTANT, borderValue=self.background)
        low, high = how.contrast
        if view.tone >= 0 and (low, high) != (1.0, 1.0):
            out = cv2.LUT(out, _contrast(low + view.tone * (high - low), self.pivot))
        return out.reshape(*how.canvas, -1)

    def _placed(self, view: View, how: Draw):
        """(2×3 matrix from the cleaned picture to the canvas, its scale)."""
        shape = _shape(view, how)
        share = how.scale[0] + view.size * (how.scale[1] - how.scale[0])
        scale = float(_scale(shape, self.hull, self.size, share, how))
        canvas = np.array(how.canvas[::-1], float)
        at = np.array([view.across, view.down])
        if how.fit == "inside":                             # the hull within the canvas
            around = scale * (self.hull @ shape.T)
            low, high = around.min(0), around.max(0)
            spare = canvas - 2 * MARGIN - (high - low)
            shift = MARGIN - 0.5 + at * spare - low         # pixel 0 reaches from −½ to ½
        else:                                               # the canvas within the picture
            sides = np.array(self.size[::-1], float)
            seen = np.abs(np.linalg.inv(shape)) @ canvas / scale     # the box that the canvas covers
            spare = np.maximum(sides - seen, 0)
            middle = (sides - 1) / 2 + (at - 0.5) * spare
            shift = (canvas - 1) / 2 - scale * (shape @ middle)
        return np.column_stack([scale * shape, shift]), scale

    def _level(self, scale: float) -> np.ndarray:
        """The smallest level that is still as large as the copy needs."""
        need = scale * max(self.size) * 0.999
        fit = [level for level in self.levels if max(level.shape[:2]) >= need]
        return fit[-1] if fit else self.levels[0]


def _shape(view: View, how: Draw) -> np.ndarray:
    """2×2: mirrored, then made wider and lower (or the reverse), slanted, and turned, clockwise as y
    points down. All but the slant keep areas or mirror them; none changes the scale."""
    angle, slant = math.radians(view.turn * how.rotation), math.tan(math.radians(view.slant * how.shear))
    cos, sin, wider = math.cos(angle), math.sin(angle), math.sqrt(how.aspect ** view.aspect)
    across = -wider if view.mirror else wider
    return np.array([[cos, -sin], [sin, cos]]) @ np.array([[across, slant / wider], [0, 1 / wider]])


def _scale(shape, hull, size, share, how: Draw):
    """Canvas pixels to a pixel of the cleaned picture, for each of the matrices `shape` (…, 2, 2).

    inside: the shaped hull, at its tighter side, fills `share` of the canvas;
    cover: the canvas sees `share` of what it could see at most.
    """
    canvas = np.array(how.canvas[::-1], float)
    if how.fit == "inside":
        sides = np.ptp(hull @ np.swapaxes(shape, -1, -2), axis=-2)
        return share * np.min((canvas - 2 * MARGIN) / sides, axis=-1)
    return np.max(np.abs(np.linalg.inv(shape)) @ canvas / size[::-1], axis=-1) / share


def scales(cleaned: Cleaned, how: Draw) -> tuple[float, float]:
    """The least and the largest scale of any copy, but for rounding: looked for over the angles, at the
    extremes of shear and aspect. (A mirror image is covered: all of them run both ways.)"""
    ends = [(slant, aspect) for slant in ((-1, 1) if how.shear else (0,))
            for aspect in ((-1, 1) if how.aspect > 1 else (0,))]
    turns = np.linspace(-1, 1, 65) if how.rotation else [0.0]
    shapes = np.array([_shape(View(turn, 0, 0, 0, 0, False, *end), how) for turn in turns for end in ends])
    found = [_scale(shapes, cleaned.hull, cleaned.pixels.shape[:2], share, how) for share in how.scale]
    return float(np.min(found)), float(np.max(found)) * math.sqrt(how.aspect)


def picture(cleaned: Cleaned, how: Draw) -> Picture:
    """What copies are drawn from, in every pen that the recipe asks for.
    BadPicture: a side so long, or so much longer than the other, that it cannot be drawn."""
    pens = [share * how.broaden for share in BROADER] if how.broaden else []
    return replace(_pyramid(cleaned, how), broader=tuple(_pyramid(_broadened(cleaned, p), how) for p in pens))


def _broadened(cleaned: Cleaned, share: float) -> Cleaned:
    """Bright strokes broader on each side by `share` of the longer side, with room made for them."""
    r = max(1, round(share * float(np.ptp(cleaned.hull, axis=0).max())))
    roomy = cv2.copyMakeBorder(cleaned.pixels, r, r, r, r, cv2.BORDER_CONSTANT, value=cleaned.background)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * r + 1, 2 * r + 1))
    around = r * np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=1) / math.cos(math.pi / len(_CIRCLE))
    hull = cv2.convexHull((cleaned.hull[:, None] + r + around).reshape(-1, 2).astype(np.float32)).reshape(-1, 2)
    return replace(cleaned, pixels=cv2.dilate(roomy, brush).reshape(*roomy.shape[:2], -1), hull=hull)


def _pyramid(cleaned: Cleaned, how: Draw) -> Picture:
    """Levels under all scales that the recipe can ask for, at most √2 apart."""
    least, largest = scales(cleaned, how)
    image, hull = _with_room(cleaned, math.ceil(math.sqrt(how.aspect) / least))
    levels, share = [], min(1.0, largest)
    while True:
        levels.append(resize(image, *(max(1, math.ceil(side * share)) for side in image.shape[:2])))
        if share <= least * _STEP:
            break
        share /= _STEP
    if max(levels[0].shape) > _LONGEST:
        raise BadPicture(f"too long and narrow: {cleaned.pixels.shape[1]}×{cleaned.pixels.shape[0]} pixels")
    return Picture(tuple(levels), image.shape[:2], hull, cleaned.background, cleaned.pivot)


def _with_room(cleaned: Cleaned, side: int) -> tuple[np.ndarray, np.ndarray]:
    """(pixels, hull) with ground added until both sides have `side` pixels, a whole one of the
    smallest copy: a stroke thinner than that grows faint there, but does not fall between its pixels."""
    height, width, channels = cleaned.pixels.shape
    y, x = (max(0, side - have + 1) // 2 for have in (height, width))
    if not (x or y):
        return cleaned.pixels, cleaned.hull
    if (height + 2 * y) * (width + 2 * x) > _LARGEST:
        raise BadPicture(f"too long and narrow: {width}×{height} pixels")
    roomy = cv2.copyMakeBorder(cleaned.pixels, y, y, x, x, cv2.BORDER_CONSTANT, value=cleaned.background)
    return roomy.reshape(height + 2 * y, width + 2 * x, channels), cleaned.hull + np.float32([x, y])


def _contrast(factor: float, pivot: float) -> np.ndarray:
    """uint8 (256,): levels moved away from, or towards, `pivot` by `factor`."""
    return np.clip(np.rint((np.arange(256) - pivot) * factor + pivot), 0, 255).astype(np.uint8)
