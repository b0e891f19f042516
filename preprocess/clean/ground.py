"""Find and level the ground (the background behind the ink): one tone, or a smooth surface under uneven light.

Pictures here have bright ink on dark ground: uint8 (H, W, C), or a plane of one, (H, W).
"""

import cv2
import numpy as np

from tenfold.preprocess.clean.polarity import grey_of
from tenfold.preprocess.clean.tones import NEAR, explained_share, find_grain, find_modes, smaller

_TILES = 16                  # the ground is measured in up to so many tiles a side
_TRIMS = (60, 40, 30, 20)    # levels above the fitted surface from which a tile is ink; one a round of the fit
_DIM = 24                    # levels of bright ink's ground below which light cannot be divided out of it
_DARKEST = 64                # levels between the ground and 255, at least, that are stretched to 255
_UNEVEN = 0.03               # share of the ground that may have another tone before a surface is looked for
TWO_TONE = 0.65              # a picture with a higher `two_tone` counts as ink on a plain ground
_LIT = 0.85                  # it must be higher than this where uneven light was divided out
_GAIN = 0.01                 # a smooth surface must explain this much more of the picture than one tone does
_SHADOW_GAIN = 0.08          # an opening must explain this much more than both: it takes very bold strokes for ground
_AROUND = 0.1                # diameter of the opening, share of the shorter side: strokes are narrower, shadows wider


def level_ground(image: np.ndarray, dark: bool) -> tuple[np.ndarray, float]:
    """Map the ground to 0 and full brightness to 255; return (picture uint8, deviation of its grain in levels).

    The ground is one tone, or a smooth surface where light falls unevenly (vignette, shadow from one side), which is
    removed by division. dark: the picture was dark ink on light, and has been inverted. A channel in which coloured
    ink is below its coloured paper is inverted too. The grain is that of the darkest part of the page: dividing by a
    shadow amplifies the grain in it.
    """
    planes, grains = [], []
    grey = np.ascontiguousarray(grey_of(image))
    bare = np.abs(grey - find_ground(grey)) <= NEAR if image.shape[2] > 1 else None
    for channel in range(image.shape[2]):
        plane = np.ascontiguousarray(image[:, :, channel])
        ground = find_ground(plane)
        if bare is not None and bare.any() and np.median((plane - ground)[bare]) > 3 * NEAR:
            plane = 255 - plane
            ground = find_ground(plane)
        if ground.size == 1:
            tones = np.arange(256, dtype=np.float32)
            planes.append(cv2.LUT(plane, _above(tones, ground.item())))
        elif dark or ground.min() < _DIM:                # inverted, (255 - tone) / (255 - ground) is what is reflected
            planes.append(_above(plane, ground))
        else:
            middle = float(np.median(ground))
            planes.append(_above(plane * (middle / ground), middle))
        grains.append(find_grain(planes[-1]))
        if dark and ground.size > 1:
            grains.append(find_grain(plane) * 255 / max(255 - float(ground.max()), _DARKEST))
    return np.stack(planes, axis=2), max(grains)


def _above(tones: np.ndarray, ground: float | np.ndarray) -> np.ndarray:
    """uint8: tones as shares of the way from the ground to 255."""
    values = (tones - ground) * (255 / np.maximum(255 - ground, _DARKEST))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def find_ground(plane: np.ndarray) -> np.ndarray:
    """Find the tone of the ground of a plane, uint8 (H, W): float32 (1, 1), or where light falls unevenly (H, W).

    One tone: the mode of what lies on the ground's side of Otsu's threshold, since a border's median is ink where
    pictures are cut to their ink. A surface is taken where it explains clearly more of the picture, and where next
    to nothing lies below it: ground is the lowest thing on a page. If no smooth surface follows the light, as under the
    shadow of a hand, the ground is a morphological opening, which removes the strokes.
    """
    small = smaller(plane)
    tone, ink, split = find_modes(small)
    best = np.full((1, 1), tone, np.float32)
    if min(small.shape) < 8 or _is_flat(plane, tone, 255 if ink is None else split):
        return best
    explained = explained_share(small, best)
    for highest in (255, split):
        surface = _surface(small, plane.shape, highest)
        # light that falls unevenly does not make ground of ink: the surface reaches down to the tone, and the
        # darkest corner of a page keeps a third of the light
        if surface is None or surface.min() > tone + 20 or 255 - surface.max() < (255 - surface.min()) / 3:
            continue
        share = explained_share(small, smaller(surface))
        if share > explained + _GAIN:
            best, explained = surface, share
    around = _around(small, plane.shape)
    return around if explained_share(small, smaller(around)) > explained + _SHADOW_GAIN else best


def _is_flat(plane: np.ndarray, tone: float, highest: int) -> bool:
    """Return whether nearly all between the strokes, up to `highest`, has the tone: no surface need be fitted."""
    cells = cv2.resize(plane, tuple(min(32, side) for side in plane.shape[::-1]), interpolation=cv2.INTER_AREA)
    between = cv2.erode(cells, np.ones((5, 5), np.uint8))
    between = between[between <= highest]
    apart = np.count_nonzero(np.abs(between - np.float32(tone)) > NEAR)
    return between.size > 0 and bool(apart < _UNEVEN * between.size)


def _surface(plane: np.ndarray, shape: tuple[int, ...], highest: int) -> np.ndarray | None:
    """float32 `shape` (H, W): a smooth surface under what is on the plane, or None where there is not enough ground.

    A quadratic fitted to a low percentile of each tile, again and again without the tiles that rise above it (ink),
    and what that leaves of the ground's tiles, smoothed. Tiles above `highest` are taken for ink at
    once.
    """
    rows, columns = (int(np.clip(side // 4, 2, _TILES)) for side in plane.shape)
    low = cv2.resize(plane, (columns * (plane.shape[1] // columns), rows * (plane.shape[0] // rows)),
                     interpolation=cv2.INTER_NEAREST)
    tiles = np.percentile(low.reshape(rows, low.shape[0] // rows, columns, -1), 20, axis=(1, 3))
    x, y = (part.ravel() for part in np.meshgrid(_places(columns), _places(rows)))
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)
    values = tiles.ravel()
    kept = ground = values <= highest
    for trim in _TRIMS:
        if kept.mean() < 0.3:
            return None
        weights, *_ = np.linalg.lstsq(basis[kept], values[kept], rcond=None)
        rest = values - basis @ weights
        kept = ground & (rest < trim)
    rest, kept = np.where(kept, rest, 0).reshape(tiles.shape), kept.reshape(tiles.shape).astype(float)
    rest = cv2.GaussianBlur(rest, (0, 0), 1.0) / np.maximum(cv2.GaussianBlur(kept, (0, 0), 1.0), 0.1)
    smooth = _quadratic(weights, shape)
    smooth += cv2.resize(rest, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.clip(smooth, 0, 255).astype(np.float32)


def _around(plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the tone around each stroke, float32 `shape` (H, W): a smoothed opening removes narrow bright ink."""
    side = max(5, int(_AROUND * min(plane.shape))) | 1
    opened = cv2.morphologyEx(cv2.medianBlur(plane, 3), cv2.MORPH_OPEN, cv2.getStructuringElement(
        cv2.MORPH_ELLIPSE, (side, side)), borderType=cv2.BORDER_REPLICATE)
    smooth = cv2.GaussianBlur(opened.astype(np.float32), (0, 0), side / 4)
    return cv2.resize(smooth, shape[::-1], interpolation=cv2.INTER_LINEAR)


def _quadratic(weights: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the surface a + bx + cy + dx² + exy + fy² over x, y in -1..1, float64 `shape` (H, W).

    A row and a column are prepared, so that a large page needs no further arrays of its size.
    """
    a, b, c, d, e, f = weights
    y, x = (_places(side) for side in shape)
    y = y[:, None]
    surface = (c + e * x) * y
    surface += a + b * x + d * x * x
    surface += f * y * y
    return np.asarray(surface)


def _places(count: int) -> np.ndarray:
    """Return the middles of `count` equal parts of -1..1."""
    return (np.arange(count) + 0.5) * (2 / count) - 1


def two_tone(image: np.ndarray) -> float:
    """Return the share of a picture, uint8 (H, W, C), that two tones with a sharp edge between them explain, 0..1.

    Ink on a plain ground, dark or light, has more than TWO_TONE: all of 50 scanned letters, 173 printed characters and
    167 digits, 1% of 500 photographs of pets and 7% of 1,000 of CIFAR-10. Ink in uneven light has more once it
    is divided out, which counts only above _LIT: that adds none of these pets, and 1% of CIFAR-10.
    """
    grey = grey_of(image)
    share = min(1.0, 96 / max(grey.shape))
    size = tuple(max(2, round(side * share)) for side in grey.shape[::-1])
    small = cv2.resize(grey, size, interpolation=cv2.INTER_NEAREST)
    planes = (small, 255 - small)
    found = max(explained_share(plane, np.float32(find_modes(plane)[0])) for plane in planes)
    if found <= TWO_TONE:
        lit = max(explained_share(plane, find_ground(plane)) for plane in planes)
        found = lit if lit > _LIT else found
    return round(found, 3)
