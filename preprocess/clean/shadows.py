"""Remove shadows with a sharp edge, as of a hand or a phone, from a page: the lost light is divided out.

Pictures here have bright ink on dark ground, uint8 (H, W, C), and the ground is levelled already (ground.py).
"""

import functools

import cv2
import numpy as np

from tenfold.preprocess.clean.ground import histogram, percentile, smaller

_FAINT = 12                  # levels above the ground from which a shadow is one
_INK = 99                    # the ink's tone: so many of 100 pixels above the ground are weaker
_PALE = 0.6                  # a shadow has at most so much of it
_SMALLEST = 64               # pixels of the shorter side of a page on which shadows are looked for
_LEAST = 0.03                # share of the page that a shadow covers, at least
_LEAST_INK = 0.005           # of that area, which must be ink: a pale letter beside a dark speck is no shadow
_STROKE = 0.06               # share of the shorter side; pale parts that are narrower are strokes
_DEPTH = 0.25                # share of the shorter side by which a shadow reaches into the page, at least
_AROUND = 0.1                # share of the shorter side over which a shadow's edge may fade


def strength(page: np.ndarray) -> np.ndarray:
    """Return how strong ink of any colour is, uint8 (H, W): blue alone, or what yellow lacks, is a ninth of a grey."""
    return np.asarray(functools.reduce(cv2.max, cv2.split(page)))


def level_shadows(page: np.ndarray) -> tuple[np.ndarray, float]:
    """Map the ground in shadows to 0, too; return (page uint8, the most that was multiplied).

    A shadow is broad, reaches in from the page's edge, and has less than 0.6 of the ink's tone. Dark ink that was
    inverted is meant: what lies in the shade then has the tone shade + (1 - shade) × tone.
    """
    if min(page.shape[:2]) < _SMALLEST:
        return page, 1.0
    grey = smaller(strength(page))
    counts = histogram(grey)
    counts[:_FAINT] = 0
    tone = percentile(counts, _INK)
    highest = int(_PALE * tone)
    if counts[:highest + 1].sum() < _LEAST * grey.size or counts[highest + 1:].sum() < _LEAST_INK * counts.sum():
        return page, 1.0
    shade = _shade(grey, highest)
    if not shade.any():
        return page, 1.0
    around = cv2.dilate(shade, _disc(2 * _AROUND, grey))
    planes, most = [], 1.0
    for plane in cv2.split(page):
        ground = _local_mean(smaller(plane), shade) * (around > 0)
        most = max(most, 255 / (255 - float(ground.max())))
        ground = cv2.resize(ground, plane.shape[::-1], interpolation=cv2.INTER_LINEAR)
        planes.append(np.clip(np.rint((plane - ground) * (255 / (255 - ground))), 0, 255).astype(np.uint8))
    return np.stack(planes, axis=2), most


def _shade(grey: np.ndarray, highest: int) -> np.ndarray:
    """Return the mask of shadows, uint8 (H, W): broad parts of _FAINT to `highest` that reach in from an edge."""
    pale = cv2.morphologyEx(cv2.inRange(cv2.medianBlur(grey, 3), _FAINT, highest), cv2.MORPH_OPEN, _disc(_STROKE, grey),
                            borderType=cv2.BORDER_REPLICATE)
    inside = cv2.copyMakeBorder(pale, 1, 1, 1, 1, cv2.BORDER_REPLICATE)          # an edge of the page is no end of it
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1]
    count, spots = cv2.connectedComponents(pale)
    shade = np.zeros(count, bool)
    for spot in range(1, count):
        here = spots == spot
        edge = here[0].any() or here[-1].any() or here[:, 0].any() or here[:, -1].any()
        shade[spot] = edge and here.mean() > _LEAST and depth[here].max() > _DEPTH * min(grey.shape)
    return np.where(shade, 255, 0).astype(np.uint8)[spots]


def _local_mean(plane: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the mean of a plane's pixels in a mask around each place, float32 (H, W)."""
    weight = (mask > 0).astype(np.float32)
    sigma = _AROUND * min(plane.shape)
    near = cv2.GaussianBlur(weight, (0, 0), sigma)
    return cv2.GaussianBlur(plane * weight, (0, 0), sigma) / np.maximum(near, 1e-6)


def _disc(share: float, plane: np.ndarray) -> np.ndarray:
    """Return a disc whose diameter is a share of a plane's shorter side, as OpenCV's morphology takes it."""
    side = max(3, round(share * min(plane.shape))) | 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
