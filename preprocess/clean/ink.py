"""Find the ink on a picture by a threshold, and remove dust from it without removing dots.

Pictures here have bright ink on dark ground, uint8 (H, W, C) or (H, W). A mask is uint8 (H, W), 255 where there
is ink.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from tenfold.preprocess.clean.shadows import strength
from tenfold.preprocess.clean.tones import histogram, percentile, smaller

GRAIN = 4.0                  # ink exceeds the ground by so many deviations of the ground's own grain, at least
_STEP = 0.15                 # the offset is no more of the ink's own tone: where strokes meet, little else is left
_BROAD = 2.5                 # the threshold's window, times the broadest stroke, at least: narrower ones hollow it
_MAIN = 0.25                 # a component with so much of the ink of the largest is a main stroke, never dust
_ALONG = 0.9                 # share of an edge of the picture; what covers it may be the scanner's lid, and is no main
_REST = 0.01                 # … stroke if something else has so much of its ink; likewise what touches an edge and
_SOLID = 0.45                # … fills so much of its bounding box: it may be a finger, or a table's edge
_FAR = 1.0                   # dust too: what lies further from the main strokes than they are long,
_FAINT = 0.25                # and what has less of their tone than this (bleed-through, shadow)
_EDGE = np.ones((5, 5), np.uint8)        # around a stroke, in which its edge fades


@dataclass(frozen=True)
class Ink:
    """The ink of a picture after dust was removed, with facts on what was removed."""
    mask: np.ndarray         # uint8 (H, W): the ink that is kept
    dropped: np.ndarray      # uint8 (H, W): ink by the threshold, taken for dust
    pen: float               # width of the main strokes, pixels
    lost_components: int     # dropped components that are broader than half the pen
    lost_share: float        # of the ink: dropped, or left out by the threshold

    def facts(self) -> dict:
        """Return the facts that the build keeps, named as in preprocess.survey.facts.SourceFacts."""
        near = 1 if min(self.mask.shape) < 16 else 2        # an edge that fades in the outermost pixel is reached too
        edges = sum(bool(side.any()) for side in (
            self.mask[:near], self.mask[-near:], self.mask[:, :near], self.mask[:, -near:]))
        return {"pen": round(self.pen, 2), "lost": (self.lost_components, round(self.lost_share, 4)), "edges": edges,
                "ink": round(float(np.count_nonzero(self.mask)) / self.mask.size, 4)}


def find_ink(image: np.ndarray, window: float, offset: float, grain: float = 0.0) -> np.ndarray:
    """Return the mask of what is brighter by `offset` levels (and by more than the grain) than its surroundings.

    The surroundings are the mean over a square of `window` × the shorter side (adaptive threshold); with window 0, the
    ground.

    image uint8 (H, W, C) with its ground at 0, which goes on around it. The window grows where strokes are so broad
    that a narrower one would see nothing but ink, and the offset shrinks where ink is faint.
    """
    grey = strength(image)
    offset = max(offset, GRAIN * grain)
    strong = histogram(grey)
    strong[:int(offset) + 1] = 0
    if not strong.any():
        return np.zeros_like(grey)
    tone = percentile(strong, 95)
    offset = max(min(offset, _STEP * tone), GRAIN * grain)
    if window:
        _, broad = cv2.threshold(grey, tone // 2, 255, cv2.THRESH_BINARY)
        side = int(max(3, window * min(grey.shape), _BROAD * 2 * _depth(broad).max())) | 1
        grey = cv2.subtract(grey, cv2.boxFilter(grey, -1, (side, side), borderType=cv2.BORDER_CONSTANT))
    return cv2.threshold(grey, offset, 255, cv2.THRESH_BINARY)[1]


def count_left_out(ink: Ink, page: np.ndarray, least: float) -> Ink:
    """Return the ink with what the threshold left out counted as lost: all that has more than `least` levels, without
    the edges of strokes. Beside black, or in a figure that fades, the threshold takes pale ink for ground."""
    grey, kept, dropped = strength(smaller(page)), smaller(ink.mask), smaller(ink.dropped)
    near = cv2.dilate(cv2.bitwise_or(kept, dropped), _EDGE)
    out = cv2.sumElems(cv2.threshold(cv2.subtract(grey, near), least, 255, cv2.THRESH_TOZERO)[1])[0]
    if not out:
        return ink
    stays, goes = (cv2.sumElems(cv2.bitwise_and(grey, mask))[0] for mask in (kept, dropped))
    return replace(ink, lost_share=float((goes + out) / (stays + goes + out)))


def _depth(mask: np.ndarray) -> np.ndarray:
    """float32 (h, w): how far inside the ink each pixel of its bounding box lies; ink ends at the picture's edge."""
    x, y, width, height = cv2.boundingRect(mask)
    box = cv2.copyMakeBorder(mask[y:y + height, x:x + width], 1, 1, 1, 1, cv2.BORDER_CONSTANT | cv2.BORDER_ISOLATED)
    return cv2.distanceTransform(box, cv2.DIST_L2, 5)[1:-1, 1:-1]


def remove_dust(mask: np.ndarray, page: np.ndarray, specks: float) -> Ink:
    """Remove dust from the ink of `page`. specks 0: nothing is removed.

    Dust are components that are narrower than `specks` × the pen's width, and components that are faint beside the
    ink or far from it. The pen's width is that of the main strokes: the component with most ink, and all with a
    quarter of that or more, without what covers an edge of the picture or is a block at an edge, if there is something
    else. Such a block stays, and nothing is far that is near it. A component's width is that of a disc of its area, so
    a dot as broad as the pen stays, and so does a longer stroke.
    """
    count, spots, facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    nothing = np.zeros_like(mask)
    if count == 1:
        return Ink(mask, nothing, 0.0, 0, 0.0)
    if count == 2 or not specks:
        return Ink(mask, nothing, _stroke_width(mask), 0, 0.0)
    inked = mask > 0
    mass = np.bincount(spots[inked], strength(page)[inked], count)    # of each component; 0 is the ground
    area = np.maximum(facts[:, cv2.CC_STAT_AREA], 1)
    main, blocks = _main_strokes(spots, mass, facts)
    pen = _stroke_width(_mask_of(spots, main))
    width = np.sqrt(4 / np.pi * area)
    faint = mass / area < _FAINT * (mass / area)[np.where(main, mass, 0).argmax()]
    far = _distance(facts, main | blocks) > _FAR
    dust = ~main & ((width < specks * pen) | faint | far)
    dust[0] = False
    if not dust.any():
        return Ink(mask, nothing, pen, 0, 0.0)
    dropped = _mask_of(spots, dust)
    lost = int((dust & (width > pen / 2)).sum())
    return Ink(mask & ~dropped, dropped, pen, lost, float(mass[dust].sum() / mass.sum()))


def _main_strokes(spots: np.ndarray, mass: np.ndarray, facts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which connected components are main strokes, and which are blocks at an edge instead, bool (n,) twice.

    mass: the summed ink of each; facts: OpenCV's. Component 0 is the ground.
    """
    along, touches = np.zeros((2, len(mass)), bool)
    for edge in spots[0], spots[-1], spots[:, 0], spots[:, -1]:
        counts = np.bincount(edge, minlength=len(mass))
        along |= counts >= _ALONG * len(edge)
        touches |= counts > 0
    box = facts[:, cv2.CC_STAT_WIDTH] * facts[:, cv2.CC_STAT_HEIGHT]
    blocks = touches & ~along & (facts[:, cv2.CC_STAT_AREA] >= _SOLID * box)
    blocks[0] = False
    within = np.where(along | blocks, 0, mass)
    if within.max() == mass.max() or within.max() < _REST * mass.max():
        return np.asarray(mass >= _MAIN * mass.max()), np.zeros_like(blocks)
    return np.asarray(within >= _MAIN * within.max()), blocks & (mass >= _MAIN * mass.max())


def _mask_of(spots: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Mask of some components. spots (H, W): numbers of components; which (components,) bool."""
    return np.where(which, 255, 0).astype(np.uint8)[spots]


def _stroke_width(mask: np.ndarray) -> float:
    """Pixels. Over a stroke of width w the depth runs 1, 2, … w / 2, … 2, 1: its mean is w / 4 + 1 / 2."""
    depth = _depth(mask)
    return max(1.0, 4 * cv2.mean(depth, (depth > 0).astype(np.uint8))[0] - 2)


def _distance(facts: np.ndarray, main: np.ndarray) -> np.ndarray:
    """How far each component's box lies from the box around the main ones, over the longer side of that box."""
    low = facts[:, [cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP]]
    high = low + facts[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    least, most = low[main].min(0), high[main].max(0)
    gap = np.maximum(np.maximum(least - high, low - most), 0)
    return np.hypot(*gap.T) / (most - least).max()
