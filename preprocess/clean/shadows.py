"""Remove shadows with an edge, as of a hand or a phone, from a page: the lost light is divided out.

Pictures here have bright ink on dark ground, uint8 (H, W, C), and the ground is levelled already (ground.py).
"""

import functools

import cv2
import numpy as np

from tenfold.preprocess.clean.tones import smaller

_FAINT = 12                  # levels above the ground from which a shadow is one
_SMALLEST = 64               # pixels of the shorter side of a page on which shadows are looked for
_STROKE = 0.1                # share of the shorter side: strokes are narrower
_NARROW = 0.06               # … and those that tell of shadows so narrow: one as broad as the opening is half removed
_BROAD = 0.16                # share of the shorter side: shadows are broader
_LEAST = 0.03                # share of the page that a shadow covers, at least
_PLAIN = 0.7                 # share of a shadow that is bare ground, at least
_DARKER = 0.25               # share of the light around it that ink takes, at least
_LEAST_INK = 0.005           # strokes have so much of a shadow's area: a pale figure beside a speck is no shadow
_REACH = 0.25                # share of the shorter side by which a shadow reaches into the page, and along its edges
_PALE = 0.7                  # a shadow that does so takes at most so much of what ink takes,
_DARKEST = 0.9               # … and any shadow so much of the tone of the darkest strokes
_NEAR = 0.25                 # share of the shorter side, around a shadow, in which ink is compared with that in it


def strength(page: np.ndarray) -> np.ndarray:
    """Return how strong ink of any colour is, uint8 (H, W): blue alone, or what yellow lacks, is a ninth of a grey."""
    return np.asarray(functools.reduce(cv2.max, cv2.split(page)))


def level_shadows(page: np.ndarray) -> tuple[np.ndarray, float]:
    """Map the ground in shadows to 0, too; return (page uint8, the most that was multiplied).

    Dark ink that was inverted is meant: what lies in the shade has the tone shade + (1 - shade) × tone. The shade is a
    morphological opening, which removes strokes and keeps the edge of a shadow, and what has its tone in its corners.
    """
    if min(page.shape[:2]) < _SMALLEST:
        return page, 1.0
    grey = strength(smaller(page))
    if int(cv2.erode(grey, _square(_STROKE, grey)).max()) < _FAINT:
        return page, 1.0
    mask, deepest = _shadows(grey)
    if not mask.any():
        return page, 1.0
    mask = cv2.dilate(mask, _square(_STROKE, grey))
    mask = cv2.resize(mask, page.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    planes, most = [], 1.0
    for plane in map(np.asarray, cv2.split(page)):
        shade = np.minimum(_opened(plane), np.uint8(deepest)) & mask
        alike = cv2.absdiff(plane, cv2.dilate(shade, _square(_STROKE, plane))) <= _FAINT
        ground = np.asarray(np.where(alike, np.where(mask, plane, 0), shade), np.float32)
        most = max(most, 255 / (255 - float(ground.max())))
        planes.append(np.clip(np.rint((plane - ground) * (255 / (255 - ground))), 0, 255).astype(np.uint8))
    return np.stack(planes, axis=2), most


def _shadows(grey: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the mask of shadows, uint8 (H, W), and their deepest tone.

    They are broad, plain, and less dark than strokes are. One that reaches far into the page from its edge needs no
    more; for any other, strokes must lose the same share of light in it as the ground does.
    """
    ground = _opened(grey)
    over = cv2.subtract(grey, ground)
    narrow = cv2.morphologyEx(grey, cv2.MORPH_OPEN, _square(_NARROW, grey))
    share = cv2.subtract(grey, narrow) / np.maximum(255 - narrow.astype(np.float32), 1)
    strokes = share > _DARKER
    none = np.zeros_like(grey), 0
    if not strokes.any():
        return none
    ink, darkest = 255 * np.percentile(share[strokes], 75), np.percentile(grey[strokes], 90)
    pale = cv2.inRange(ground, _FAINT, int(_DARKEST * darkest))
    count, spots, facts, _ = cv2.connectedComponentsWithStats(cv2.morphologyEx(
        pale, cv2.MORPH_OPEN, _square(_STROKE, grey)))             # without the rims of bold ink
    shadow, deepest = np.zeros(count, bool), 0
    for spot in range(1, count):
        area = facts[spot, cv2.CC_STAT_AREA]
        if area < _LEAST * grey.size or np.count_nonzero(strokes) < _LEAST_INK * area:
            continue
        here = spots == spot
        depth = _depth(here)
        if depth < _BROAD / 2 or (over[here] < _FAINT).mean() < _PLAIN:
            continue
        reaches = min(depth, _contact(here)) > _REACH and np.percentile(ground[here], 90) < _PALE * ink
        shadow[spot] = reaches or _darkens_ink(grey, here, strokes & here, float(np.median(ground[here])))
        deepest = max(deepest, int(ground[here].max()) * int(shadow[spot]))
    return np.where(shadow, 255, 0).astype(np.uint8)[spots], deepest


def _darkens_ink(grey: np.ndarray, here: np.ndarray, strokes: np.ndarray, shade: float) -> bool:
    """Return whether the darkest ink in an area reflects less than the darkest around it, by more than half of what the
    ground loses there; ink on a pale figure does not. strokes: those in the area, bool (H, W); shade: its tone."""
    near = cv2.dilate(here.astype(np.uint8), _square(_NEAR, grey)) > 0
    within, beyond = grey[strokes], grey[near & ~here & (grey > 255 * _DARKER) & (np.abs(grey - shade) > _FAINT)]
    if min(len(within), len(beyond)) < 10:
        return False
    dark, lit = 255 - np.percentile(within, 90), 255 - np.percentile(beyond, 90)
    return bool(lit > 10 and dark / lit < 1 - shade / 255 / 2)         # less than 10 levels tell nothing


def _depth(here: np.ndarray) -> float:
    """How far an area, bool (H, W), reaches in from its outline, share of the shorter side; the page's edge is none."""
    inside = cv2.copyMakeBorder(here.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    return float(cv2.distanceTransform(inside, cv2.DIST_L2, 5).max()) / min(here.shape)


def _contact(here: np.ndarray) -> float:
    """How much of the page's edges an area, bool (H, W), covers, in shorter sides."""
    return sum(int(side.sum()) for side in (here[0], here[-1], here[:, 0], here[:, -1])) / min(here.shape)


def _opened(plane: np.ndarray) -> np.ndarray:
    """Return a plane without strokes: a morphological opening, from which the page goes on beyond its edge."""
    return np.asarray(cv2.morphologyEx(plane, cv2.MORPH_OPEN, _square(_STROKE, plane)))


def _square(share: float, plane: np.ndarray) -> np.ndarray:
    """Return a square whose side is a share of a plane's shorter side, as OpenCV's morphology takes it: quick, and a
    straight edge of a shadow in any direction is kept."""
    side = max(3, round(share * min(plane.shape))) | 1
    return np.ones((side, side), np.uint8)
