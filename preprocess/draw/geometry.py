"""Compute where copies lie on their canvas: affine matrices and scales, for n copies at once.

Every step goes number by number, or over the corners of one copy, never through a matrix product of them
all: so a copy's matrix is the same to its last bit whichever others are computed with it.
"""

from functools import lru_cache

import numpy as np

from tenfold.data.tables import Draw
from tenfold.preprocess.draw.random_views import RandomView

MARGIN = 1.0                 # canvas pixels left free around a character: the width of a soft edge


def place_on_canvas(hulls: list[np.ndarray], sizes: np.ndarray, views: RandomView,
                    config: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return where n copies lie: (matrices (n, 2, 3) from picture to canvas, scales (n,), low (n, 2), high (n, 2)).

    low, high: of the hull on the canvas. hulls: n arrays (corners, 2) of x, y; sizes (n, 2): height, width of the
    pictures; views: of n copies.
    """
    shape = shapes(views, config)
    low, high = _reach(hulls, shape)
    share = config.scale[0] + views.size * (config.scale[1] - config.scale[0])
    scale = _scale(shape, high - low, sizes, share, config)
    grown, low, high = scale[:, None], scale[:, None] * low, scale[:, None] * high
    canvas, position = np.array(config.canvas[::-1], float), np.stack([views.across, views.down], axis=1)
    if config.fit == "inside":                          # the hull within the canvas
        free = canvas - 2 * MARGIN - (high - low)
        shift = MARGIN - 0.5 + position * free - low   # pixel 0 reaches from −½ to ½
    else:                                               # the canvas within the picture
        sides = sizes[:, ::-1]
        free = np.maximum(sides - _visible(shape, config) / grown, 0)
        middle = (sides - 1) / 2 + (position - 0.5) * free
        shift = (canvas - 1) / 2 - grown * (shape * middle[:, None]).sum(-1)
    matrix = np.concatenate([grown[:, None] * shape, shift[:, :, None]], axis=2)
    return matrix, scale, low + shift, high + shift


def shapes(view: RandomView, config: Draw) -> np.ndarray:
    """Return the matrices (n, 2, 2) of n copies without scale and shift.

    A copy is mirrored, then made wider and lower (or the reverse), slanted, and turned, clockwise as y points down.
    All but the slant keep areas or mirror them; none changes the scale.
    """
    angle, slant = np.radians(view.turn * config.rotation), np.tan(np.radians(view.slant * config.shear))
    cos, sin, wider = np.cos(angle), np.sin(angle), config.aspect ** (view.aspect / 2)
    across = np.where(view.mirror, -wider, wider)
    cells = (cos * across, (cos * slant - sin) / wider,     # turn @ ((across, slant / wider), (0, 1 / wider))
             sin * across, (sin * slant + cos) / wider)
    return np.stack(cells, axis=-1).reshape(-1, 2, 2)


def _reach(hulls: list[np.ndarray], shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) the least and the greatest x, y of each hull under its own matrix of `shape` (n, 2, 2)."""
    corners = np.array([len(hull) for hull in hulls])
    (a, b), (c, d) = np.repeat(shape.transpose(1, 2, 0), corners, axis=2)
    x, y = np.concatenate(hulls).T
    around = np.stack([a * x + b * y, c * x + d * y])
    starts = np.cumsum(corners) - corners
    return np.minimum.reduceat(around, starts, axis=1).T, np.maximum.reduceat(around, starts, axis=1).T


def _visible(shape: np.ndarray, config: Draw) -> np.ndarray:
    """(n, 2) width, height of the box of a picture that the canvas covers at scale 1."""
    return (np.abs(np.linalg.inv(shape)) * np.array(config.canvas[::-1], float)).sum(-1)


def _scale(shape: np.ndarray, sides: np.ndarray, sizes: np.ndarray, share: float | np.ndarray,
           config: Draw) -> np.ndarray:
    """Canvas pixels to a pixel of the picture, for each of the matrices `shape` (n, 2, 2).

    inside: the shaped hull, `sides` (n, 2) wide and high, fills at its tighter side `share` of the canvas;
    cover: the canvas sees `share` of what it could see at most.
    """
    if config.fit == "inside":
        return share * ((np.array(config.canvas[::-1], float) - 2 * MARGIN) / sides).min(1)
    return (_visible(shape, config) / sizes[:, ::-1]).max(1) / share


def scales(hull: np.ndarray, size: tuple[int, int], config: Draw) -> tuple[float, float]:
    """Return the least and the largest scale that a copy can have, but for rounding: canvas pixels to a pixel of the
    picture, over all angles, at the extremes of scale, shear and aspect (these run both ways, so a mirror image, too).

    hull: float32 (corners, 2), x and y in the picture. size: its height and width.
    """
    (a, b, c, d), visible = _extremes(config)
    least, most = config.scale
    if config.fit == "inside":                          # as `_scale` has it, over the corners of one hull
        x, y = hull.T[..., None]
        width, height = (along.max(0) - along.min(0) for along in (a * x + b * y, c * x + d * y))
        high, wide = np.array(config.canvas, float) - 2 * MARGIN
        fill = np.minimum(wide / width, high / height)
        ends = least * fill.min(), most * fill.max()
    else:
        fill = (visible / np.array(size[::-1])).max(1)
        ends = fill.min() / most, fill.max() / least         # a copy that sees less of the picture is larger
    return float(ends[0]), float(ends[1]) * config.aspect**0.5


def largest_scale(size: tuple[int, int], config: Draw) -> float:
    """Return the largest scale of any copy of a whole picture (height, width): canvas pixels to one of its pixels."""
    height, width = size
    if config.fit == "stretch":
        return max(config.canvas[0] / height, config.canvas[1] / width)
    right, bottom = width - 0.5, height - 0.5
    hull = np.array([(-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom)], np.float32)
    return scales(hull, size, config)[1]


@lru_cache(1)
def _extremes(config: Draw) -> tuple[np.ndarray, np.ndarray]:
    """The shapes of copies over the angles, at the extremes of shear and aspect or over these: their four cells (4, n),
    and the boxes (n, 2) that the canvas sees of a picture."""
    # a canvas that is covered may be so by the smallest copy at any aspect, that of the picture
    limits = (-1, 1) if config.fit == "inside" else np.linspace(-1, 1, 9)
    ends = np.meshgrid(np.linspace(-1, 1, 65) if config.rotation else 0.0,
                       limits if config.shear else 0, limits if config.aspect > 1 else 0)
    turn, slant, aspect = (end.ravel() for end in ends)
    shape = shapes(RandomView(turn, 0, 0, 0, 0, False, slant, aspect), config)
    return np.ascontiguousarray(shape.reshape(-1, 4).T), _visible(shape, config)
