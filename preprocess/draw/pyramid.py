"""The pyramid of a cleaned picture: the sizes, in every pen, from which its copies are drawn.

The list of levels is known as soon as a picture is cleaned; the pixels of a level are made when a copy first asks for
it, so that a picture pays only for the levels that its copies use. Broader pens are written equally late, at full size,
where a brush is round. Shrinking is done by Pillow, which prefilters.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from tenfold.data.tables import Draw
from tenfold.preprocess.clean.steps import Cleaned, resize
from tenfold.preprocess.decode import BadPicture
from tenfold.preprocess.draw.geometry import scales
from tenfold.preprocess.draw.random_views import RandomView
from tenfold.preprocess.draw.render import draw_copies

BROADER = (0.5, 1.0)         # the broader pens, as shares of the recipe's broaden
_STEP = 2**0.25              # from one level of the pyramid to the next
_FINER = 2**0.25             # a level is so many times finer than the copies drawn from it, at least
_LARGER = 2.0                # no level is enlarged further: between its pixels straight lines are near enough
_CIRCLE = np.linspace(0, 2 * math.pi, 12, endpoint=False)
_AROUND = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=1)
_LONGEST = 32_000            # pixels along a side that cv2.warpAffine takes (it counts in int16)
_LARGEST = 1 << 28           # pixels of a padded picture


class Store(Protocol):
    """Where the pixels of levels are kept once they are made."""

    def get(self, key: int) -> np.ndarray | None:
        """Return what is kept under `key`, or None."""

    def keep(self, key: int, pixels: np.ndarray) -> np.ndarray:
        """Keep pixels under `key`, and return them from where they are kept."""


class _Memory(dict[int, np.ndarray]):
    """A store in memory."""

    def keep(self, key: int, pixels: np.ndarray) -> np.ndarray:
        return self.setdefault(key, pixels)


@dataclass(frozen=True)
class Pen:
    """How a cleaned picture is written before it is shrunk or enlarged, in its own pixels."""
    brush: int = 0                       # bright strokes grow by so much on every side
    ground: tuple[int, int] = (0, 0)     # background added above and below, at the left and at the right

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of a picture (height, width) in this pen."""
        return height + 2 * (self.brush + self.ground[0]), width + 2 * (self.brush + self.ground[1])

    def write(self, pixels: np.ndarray, background: tuple) -> np.ndarray:
        """Return a picture uint8 (h, w, C) in this pen."""
        if self.brush:
            pixels = _framed(pixels, self.brush, self.brush, background)
            side = 2 * self.brush + 1
            brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
            pixels = cv2.dilate(pixels, brush).reshape(pixels.shape)
        return _framed(pixels, *self.ground, background) if self.ground != (0, 0) else pixels


AS_IT_IS = Pen()


def _framed(pixels: np.ndarray, y: int, x: int, background: tuple) -> np.ndarray:
    framed = cv2.copyMakeBorder(pixels, y, y, x, x, cv2.BORDER_CONSTANT, value=background)
    return framed.reshape(*framed.shape[:2], -1)


class Levels:
    """The levels of a picture in one pen, uint8 (h, w, C), the finest first; each is made when it is asked for."""

    def __init__(self, pixels: np.ndarray, pen: Pen, background: tuple, shapes: tuple[tuple[int, int], ...],
                 store: Store | None = None) -> None:
        """pixels: the cleaned picture; shapes: height and width of each level; store: None: they stay in memory."""
        self.pixels, self.pen, self.background, self.shapes = pixels, pen, background, shapes
        self._store: Store = _Memory() if store is None else store

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, number: int) -> np.ndarray:
        shape = self.shapes[number]
        if shape == self.pen.size(*self.pixels.shape[:2]):
            return self.base()
        return self._once(1 + number % len(self), lambda: resize(self.base(), *shape))

    def base(self) -> np.ndarray:
        """Return the picture in this pen, of which all levels are made."""
        if self.pen == AS_IT_IS:
            return self.pixels
        return self._once(0, lambda: self.pen.write(self.pixels, self.background))

    def _once(self, key: int, make: Callable[[], np.ndarray]) -> np.ndarray:
        found = self._store.get(key)
        return self._store.keep(key, make()) if found is None else found


@dataclass(frozen=True)
class Picture:
    """A cleaned picture as a pyramid of sizes, from which copies are drawn."""
    levels: Levels
    size: tuple[int, int]            # height, width of the picture in this pen, which a level may exceed
    hull: np.ndarray                 # float32 (n, 2) in pixels of the picture in this pen
    background: tuple
    pivot: float
    bare: bool                       # nothing but background beyond the hull
    broader: tuple["Picture", ...] = ()      # the same, written with broader pens

    def draw(self, view: RandomView, config: Draw) -> np.ndarray:
        """Render one augmented copy, uint8 (H, W, C); deterministic given its view."""
        out = np.empty((1, *config.canvas, self.levels.pixels.shape[2]), np.uint8)
        draw_copies([self], view.times(1), config, out)
        return out[0]

    def level(self, scale: float, exact: bool = False) -> np.ndarray:
        """Return the smallest level that is fine enough for copies of this scale; `exact`: the picture itself."""
        shapes = self.levels.shapes
        if exact:
            return self.levels[shapes.index(self.size) if self.size in shapes else 0]
        need = _FINER * scale * max(self.size) * 0.999
        return self.levels[next((n for n in range(len(shapes) - 1, -1, -1) if max(shapes[n]) >= need), 0)]


def build_pyramid(cleaned: Cleaned, config: Draw) -> Picture:
    """Plan what copies are drawn from, in every pen that the recipe asks for; no level is made yet.

    BadPicture: a side so long, or so much longer than the other, that it cannot be drawn.
    """
    longer = float(np.ptp(cleaned.hull, axis=0).max())
    brushes = [max(1, round(share * config.broaden * longer)) for share in BROADER] if config.broaden else []
    return replace(_in_pen(cleaned, 0, config), broader=tuple(_in_pen(cleaned, brush, config) for brush in brushes))


def _in_pen(cleaned: Cleaned, brush: int, config: Draw) -> Picture:
    """The picture with strokes broader by `brush` on each side, with levels for all scales that copies can have."""
    height, width = cleaned.pixels.shape[:2]
    hull = _grown(cleaned.hull, brush) if brush else cleaned.hull
    least, largest = scales(hull, (height + 2 * brush, width + 2 * brush), config)
    # ground is added until both sides have a whole pixel of the smallest copy: a stroke thinner than that grows
    # faint there, but does not fall between its pixels
    need = math.ceil(math.sqrt(config.aspect) / least)
    y, x = (max(0, need - side - 2 * brush + 1) // 2 for side in (height, width))
    pen = Pen(brush, (y, x))
    size = pen.size(height, width)
    shares = _shares(least, largest, max(size), max(config.canvas))
    shapes = tuple((max(1, math.ceil(size[0] * share)), max(1, math.ceil(size[1] * share))) for share in shares)
    if ((y or x) and size[0] * size[1] > _LARGEST) or max(shapes[0]) > _LONGEST:
        raise BadPicture(f"too long and narrow: {width}×{height} pixels")
    return Picture(Levels(cleaned.pixels, pen, cleaned.background, shapes), size,
                   hull + np.array([x, y], np.float32) if y or x else hull,
                   cleaned.background, cleaned.pivot, cleaned.bare)


def _grown(hull: np.ndarray, brush: int) -> np.ndarray:
    """The hull of strokes that are broader by `brush` on each side, in a picture padded by as much."""
    around = brush * _AROUND / math.cos(math.pi / len(_CIRCLE))
    return cv2.convexHull((hull[:, None] + brush + around).reshape(-1, 2).astype(np.float32)).reshape(-1, 2)


def _shares(least: float, largest: float, side: int, canvas: int) -> list[float]:
    """The sizes of the levels as shares of the picture's, whose longer side is `side`: enlarged where copies are
    larger, but for the long ends that no canvas sees."""
    shares = [min(_FINER * largest, _LARGER, max(1.0, 2 * _FINER * canvas / side))]
    while (share := min(1.0, shares[-1] / _STEP)) >= _FINER * least:
        shares.append(share)
    if len(shares) == 1 and shares[0] > 1:
        shares.append(1.0)                       # for copies as large as the picture, which need not be blurred
    return shares
