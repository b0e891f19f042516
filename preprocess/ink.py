"""What on a picture is ink: ground made even, a threshold that never sees a repeated edge, dust told from dots.

Pictures here have bright ink on dark ground, uint8 (H, W, C) or (H, W). A mask is uint8 (H, W), 255 where there
is ink.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from preprocess.polarity import grey_of

GRAIN = 4.0                  # ink exceeds the ground by so many deviations of the ground's own grain, at least
_BROAD = 2.5                 # the threshold's window, times the broadest stroke, at least: narrower ones hollow it
_MAIN = 0.25                 # a part with so much of the largest part's ink is a main stroke, never dust
_FAR = 1.0                   # dust too: what lies further from the main strokes than they are long,
_FAINT = 0.25                # and what has less of their tone than this (bleed-through, shadow)
_TILES = 16                  # the ground is measured in up to so many tiles a side
_TRIMS = (60, 40, 30, 20)    # levels above the fitted surface from which a tile is ink; one a round of the fit
_DIM = 24                    # levels of bright ink's ground below which light cannot be divided out of it
_NEAR = 8.0                  # levels from a tone that count as that tone
_BLURRED = 8                 # pixels over which an edge of ink may fade; light fades over more
_UNEVEN = 0.03               # share of the ground that may have another tone before a surface is looked for
_GAIN = 0.01                 # a surface must explain so much more of the picture than one tone does


@dataclass(frozen=True)
class Ink:
    """What was found to be ink, and what was not kept of it."""
    mask: np.ndarray         # uint8 (H, W): the ink that is kept
    dropped: np.ndarray      # uint8 (H, W): ink by the threshold, taken for dust
    pen: float               # width of the main strokes, pixels
    lost_parts: int          # dropped parts that are broader than half the pen
    lost_share: float        # of the ink, dropped

    def facts(self) -> dict:
        """What the build keeps of it, as in preprocess.scratch.Facts."""
        edges = sum(bool(side.any()) for side in (self.mask[0], self.mask[-1], self.mask[:, 0], self.mask[:, -1]))
        return {"pen": round(self.pen, 2), "lost": (self.lost_parts, round(self.lost_share, 4)), "edges": edges,
                "ink": round(float(np.count_nonzero(self.mask)) / self.mask.size, 4)}


def level_ground(image: np.ndarray, dark: bool) -> tuple[np.ndarray, float]:
    """(the picture with its ground at 0 and full brightness at 255, uint8 as before; deviation of its grain, levels).

    The ground is one tone, or a smooth surface where light falls unevenly (vignette, shadow from one side). Light
    multiplies what it falls on, so it is divided out. dark: the ink came dark on light, and was inverted since.
    """
    planes = []
    for channel in range(image.shape[2]):
        plane = np.ascontiguousarray(image[:, :, channel])
        ground = find_ground(plane)
        if ground.size == 1:
            tones = np.arange(256, dtype=np.float32)
            planes.append(cv2.LUT(plane, _above(tones, ground.item())))
        elif dark or ground.min() < _DIM:                # inverted, (255 - tone) / (255 - ground) is what is reflected
            planes.append(_above(plane, ground))
        else:
            middle = float(np.median(ground))
            planes.append(_above(plane * (middle / ground), middle))
    return np.stack(planes, axis=2), max(find_grain(plane) for plane in planes)


def _above(tones, ground) -> np.ndarray:
    """uint8: tones as shares of the way from the ground to 255."""
    return _as_bytes((tones - ground) * (255 / np.maximum(255 - ground, 32)))


def _as_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def find_ground(plane: np.ndarray) -> np.ndarray:
    """plane uint8 (H, W) -> the tone of the ground, float32 (1, 1), or where light falls unevenly (H, W).

    One tone: the mode of what lies on the ground's side of Otsu's threshold, since a border's median is ink where
    pictures are cut to their ink. A surface is taken where it explains clearly more of the picture, and where next
    to nothing lies below it: ground is the lowest thing on a page.
    """
    step = max(1, min(plane.shape) // 128)
    small = np.ascontiguousarray(plane[::step, ::step])
    tone, ink, split = _modes(small)
    best = np.full((1, 1), tone, np.float32)
    if min(small.shape) < 8 or _is_flat(plane, tone, 255 if ink is None else split):
        return best
    explained = _explained(small, best)
    for highest in (255, split):
        surface = _surface(small, plane.shape, highest)
        # light that falls unevenly does not make ground of ink: the surface reaches down to the tone, and the
        # darkest corner of a page keeps a third of the light
        if surface is None or surface.min() > tone + 20 or 255 - surface.max() < (255 - surface.min()) / 3:
            continue
        share = _explained(small, surface[::step, ::step])
        if share > explained + _GAIN:
            best, explained = surface, share
    return best


def _is_flat(plane: np.ndarray, tone: float, highest: int) -> bool:
    """Whether nearly all that lies between the strokes, up to `highest`, has the tone: no surface need be fitted."""
    cells = cv2.resize(plane, tuple(min(32, side) for side in plane.shape[::-1]), interpolation=cv2.INTER_AREA)
    between = cv2.erode(cells, np.ones((5, 5), np.uint8))
    between = between[between <= highest]
    return between.size > 0 and np.count_nonzero(np.abs(between - np.float32(tone)) > _NEAR) < _UNEVEN * between.size


def _modes(plane: np.ndarray) -> tuple[float, float | None, int]:
    """The commonest tone on either side of Otsu's threshold, and the threshold; the upper tone is None where no edge
    parts the two, so that both are ground in uneven light."""
    split, above = cv2.threshold(plane, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    counts = cv2.blur(histogram(plane)[None], (5, 1), borderType=cv2.BORDER_CONSTANT)[0]
    split = int(split) + 1
    lower, upper = float(counts[:split].argmax()), float(split + counts[split:].argmax())
    steps = np.concatenate([np.abs(np.diff(plane.astype(np.int16), axis=axis))[np.diff(above, axis=axis) != 0]
                            for axis in (0, 1)])
    sharp = upper > lower + 3 * _NEAR and steps.size and np.median(steps) > (upper - lower) / _BLURRED
    return lower, upper if sharp else None, split - 1


def _explained(plane, ground) -> float:
    """Share of the picture that is this ground or ink of one tone; 0 where much lies below the ground."""
    rest = plane - ground
    if (rest < -_NEAR).mean() > 0.05:
        return 0.0
    ink = _modes(np.clip(rest, 0, 255).astype(np.uint8))[1]
    return float(((np.abs(rest) <= _NEAR) | (ink is not None and np.abs(rest - ink) <= 2 * _NEAR)).mean())


def find_grain(plane: np.ndarray) -> float:
    """Deviation of the grain, levels: by the middling difference of neighbours, so that strokes and light hardly
    count."""
    if plane.shape[1] < 2:
        return 0.0
    return 1.4826 / 2**0.5 * percentile(histogram(cv2.absdiff(plane[:, 1:], plane[:, :-1])), 50)


def histogram(plane: np.ndarray) -> np.ndarray:
    """float32 (256,): how many pixels of uint8 (H, W) have each tone."""
    return cv2.calcHist([plane], [0], None, [256], [0, 256]).ravel()


def percentile(counts: np.ndarray, share: float) -> int:
    """The tone below which so many of 100 pixels lie. counts: a histogram (256,)."""
    return int(np.searchsorted(np.cumsum(counts), share / 100 * counts.sum()))


def _surface(plane: np.ndarray, shape, highest: int) -> np.ndarray | None:
    """float32 `shape` (H, W): a smooth surface under what is on the plane, or None where there is not enough ground.

    A quadratic fitted to a low percentile of each tile, again and again without the tiles that rise above it (ink),
    and what that leaves of the ground's tiles, smoothed. Tiles above `highest` are taken for ink at
    once.
    """
    rows, columns = (int(np.clip(side // 4, 2, _TILES)) for side in plane.shape)
    low = cv2.resize(plane, (columns * (plane.shape[1] // columns), rows * (plane.shape[0] // rows)),
                     interpolation=cv2.INTER_NEAREST)
    tiles = np.percentile(low.reshape(rows, low.shape[0] // rows, columns, -1), 20, axis=(1, 3))
    basis = _quadratic(rows, columns).reshape(6, -1).T
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
    smooth = np.tensordot(weights, _quadratic(*shape), 1)
    smooth += cv2.resize(rest, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.clip(smooth, 0, 255).astype(np.float32)


@lru_cache(4)
def _quadratic(height: int, width: int) -> np.ndarray:
    """float64 (6, H, W): 1, x, y, x², xy, y² over x, y in -1..1."""
    y, x = ((np.arange(side) + 0.5) * (2 / side) - 1 for side in (height, width))
    y, x = np.meshgrid(y, x, indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])


def find_ink(image: np.ndarray, window: float, offset: float, grain: float = 0.0) -> np.ndarray:
    """Mask of what is brighter by `offset` levels (and by more than the grain) than its surroundings: the mean over a
    square of `window` × the shorter side (adaptive threshold), with window 0 the ground.

    image uint8 (H, W, C) with its ground at 0, which goes on around it. The window grows where strokes are so broad
    that a narrower one would see nothing but ink.
    """
    grey = np.ascontiguousarray(grey_of(image))
    offset = max(offset, GRAIN * grain)
    strong = histogram(grey)
    strong[:int(offset) + 1] = 0
    if not strong.any():
        return np.zeros_like(grey)
    if window:
        _, broad = cv2.threshold(grey, percentile(strong, 95) // 2, 255, cv2.THRESH_BINARY)
        side = int(max(3, window * min(grey.shape), _BROAD * 2 * _depth(broad).max())) | 1
        grey = cv2.subtract(grey, cv2.boxFilter(grey, -1, (side, side), borderType=cv2.BORDER_CONSTANT))
    return cv2.threshold(grey, offset, 255, cv2.THRESH_BINARY)[1]


def _depth(mask: np.ndarray) -> np.ndarray:
    """float32 (h, w): how far inside the ink each pixel of its bounding box lies; ink ends at the picture's edge."""
    x, y, width, height = cv2.boundingRect(mask)
    box = cv2.copyMakeBorder(mask[y:y + height, x:x + width], 1, 1, 1, 1, cv2.BORDER_CONSTANT | cv2.BORDER_ISOLATED)
    return cv2.distanceTransform(box, cv2.DIST_L2, 5)[1:-1, 1:-1]


def remove_dust(mask: np.ndarray, page: np.ndarray, specks: float) -> Ink:
    """The ink of `page` without its dust: parts that are narrower than `specks` × the pen's width, and parts that
    are faint beside the ink or far from it. specks 0: all of it.

    The pen's width is that of the main strokes: the part with most ink, and all with a quarter of that or more. A
    part's width is that of a disc of its area, so a dot as broad as the pen stays, and so does a longer piece.
    """
    count, spots, facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    nothing = np.zeros_like(mask)
    if count == 1:
        return Ink(mask, nothing, 0.0, 0, 0.0)
    if count == 2 or not specks:
        return Ink(mask, nothing, _stroke_width(mask), 0, 0.0)
    inked = mask > 0
    mass = np.bincount(spots[inked], grey_of(page)[inked], count)      # of each part; part 0 is the ground
    area = np.maximum(facts[:, cv2.CC_STAT_AREA], 1)
    main = mass >= _MAIN * mass.max()
    pen = _stroke_width(_parts(spots, main))
    width = np.sqrt(4 / np.pi * area)
    faint = mass / area < _FAINT * (mass / area)[mass.argmax()]
    dust = ~main & ((width < specks * pen) | faint | (_distance(facts, main) > _FAR))
    dust[0] = False
    if not dust.any():
        return Ink(mask, nothing, pen, 0, 0.0)
    dropped = _parts(spots, dust)
    lost = int((dust & (width > pen / 2)).sum())
    return Ink(mask & ~dropped, dropped, pen, lost, float(mass[dust].sum() / mass.sum()))


def _parts(spots: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Mask of some of the parts. spots (H, W): numbers of parts; which (parts,) bool."""
    return np.where(which, 255, 0).astype(np.uint8)[spots]


def _stroke_width(mask: np.ndarray) -> float:
    """Pixels. Over a stroke of width w the depth runs 1, 2, … w / 2, … 2, 1: its mean is w / 4 + 1 / 2."""
    depth = _depth(mask)
    return max(1.0, 4 * cv2.mean(depth, (depth > 0).astype(np.uint8))[0] - 2)


def _distance(facts: np.ndarray, main: np.ndarray) -> np.ndarray:
    """(parts,) how far each part's box lies from the box around the main ones, over the longer side of that box."""
    low = facts[:, [cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP]]
    high = low + facts[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    least, most = low[main].min(0), high[main].max(0)
    gap = np.maximum(np.maximum(least - high, low - most), 0)
    return np.hypot(*gap.T) / (most - least).max()
