"""Clean one source image: ground, smoothing, ink, region of interest; the same for all of its copies.

Image contract: uint8 (H, W, C), C is 1 or 3 (RGB), the channel axis always there; a step returns a
new array and leaves its input alone. A mask is uint8 (H, W), 255 where there is ink.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from tenfold.data.tables import Clean, Draw
from tenfold.preprocess.clean.ground import level_ground
from tenfold.preprocess.clean.ink import GRAIN, Ink, count_left_out, find_ink, remove_dust
from tenfold.preprocess.clean.polarity import dark_ink_log_odds, grey_of
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.clean.shadows import level_shadows
from tenfold.preprocess.clean.tones import histogram, percentile
from tenfold.preprocess.decode import BadPicture

SOLID = 64                   # levels between a picture of one tone and the set's paper that make it ink


@dataclass(frozen=True)
class Cleaned:
    """A cleaned picture, with what drawing its copies needs to know."""
    pixels: np.ndarray     # uint8 (h, w, C), the region of interest
    hull: np.ndarray       # float32 (n, 2): x, y corners around all that must stay on the canvas
    background: tuple      # C levels, 0..255: what lies around the picture
    pivot: float           # the level that contrast leaves alone
    bare: bool             # nothing but background beyond the hull
    ink: Ink | None = None         # what was found to be ink, where the recipe looks for it


def clean(image: np.ndarray, config: Clean, draw: Draw, decisions: SetDecisions | None = None) -> Cleaned:
    """Apply the recipe's steps in their order. decisions: of the image's set; None: it stands for itself.

    BadPicture: blank, or no ink is found.
    """
    alone = SetDecisions("each" if config.polarity == "auto" else config.polarity)
    page, ink = clean_page(image, config, decisions or alone)
    return replace(cut_out(page, ink.mask if ink else None, config, draw), ink=ink)


def clean_page(image: np.ndarray, config: Clean, decisions: SetDecisions) -> tuple[np.ndarray, Ink | None]:
    """Clean the whole page; return it and its ink, None where the recipe does not look for ink."""
    if is_one_tone(image):
        return solid_ink(image, config, decisions)
    dark = config.polarity != "keep" and is_dark_ink(image, decisions.polarity)
    if dark:
        image = 255 - image
    if config.bilateral:
        image = smooth(image, config.bilateral, config.bilateral_sigma)
    if not (config.threshold or config.roi):
        return image, None
    image, grain = level_ground(image, dark)
    if dark:
        image, stretched = level_shadows(image)
        grain *= stretched
    ink = remove_dust(find_ink(image, config.threshold, config.offset, grain), image, config.specks)
    if not ink.mask.any():
        raise BadPicture("blank: no ink")
    if config.threshold:
        ink = count_left_out(ink, image, max(config.offset, GRAIN * grain))
    return (keep_ink(image, ink.mask) if config.threshold else image), ink


def is_one_tone(image: np.ndarray) -> bool:
    """Return whether every pixel is the same; a few rows tell of nearly every picture that it is not so."""
    some = image[::max(1, len(image) // 8)]
    return bool((some == image[:1, :1]).all() and (image == image[:1, :1]).all())


def solid_ink(image: np.ndarray, config: Clean, decisions: SetDecisions) -> tuple[np.ndarray, Ink]:
    """Clean a picture of one tone: a full stop cut to its bounding box where the set's paper has quite another tone.
    BadPicture: blank paper, or nothing is known of the paper."""
    tone = int(grey_of(image)[0, 0])
    if decisions.paper < 0 or abs(tone - decisions.paper) < SOLID or not (config.threshold or config.roi):
        raise BadPicture("blank: every pixel is the same")
    page = np.full_like(image, abs(tone - decisions.paper))
    return page, remove_dust(np.full(image.shape[:2], 255, np.uint8), page, 0.0)


def cut_out(page: np.ndarray, mask: np.ndarray | None, config: Clean, draw: Draw) -> Cleaned:
    """Cut out the region of interest, and find what drawing must know about it."""
    hull, bare = None, draw.fit == "inside" and bool(config.threshold or not config.roi)
    if config.roi:
        assert mask is not None                # a recipe that cuts out a region looks for ink
        page, mask = rim(page), rim(mask)      # ink at the very edge fades outside the picture
        box = bounding_box(mask, config.padding)
        page, hull = page[box].copy(), hull_of(mask[box])
    if draw.fit == "stretch":
        height, width = page.shape[:2]
        page = resize(page, *draw.canvas)
        if hull is not None:
            hull = (hull + 0.5) * np.array([page.shape[1] / width, page.shape[0] / height], np.float32) - 0.5
    ink = config.polarity != "keep"
    background = (0,) * page.shape[2] if ink else tuple(int(v) for v in edge_level(page))
    if hull is None:
        hull = corners(page, 1.0 if ink else 0.5)
    return Cleaned(page, hull, background,
                   0.0 if ink else sum(cv2.sumElems(page)) / page.size, bare)      # whole numbers: numpy's mean


def is_dark_ink(image: np.ndarray, polarity: str) -> bool:
    """Return whether the ink is the dark tone; `polarity` "each": by this picture alone."""
    if polarity == "each":
        return dark_ink_log_odds(image)[0] >= 0
    return polarity == "dark"


def edge_level(image: np.ndarray) -> np.ndarray:
    """Return the median tone of the outermost pixels, (C,)."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return np.median(edge, axis=0)


def smooth(image: np.ndarray, diameter: int, sigma: float) -> np.ndarray:
    """Apply a bilateral filter (Tomasi and Manduchi, 1998): paper grain goes, pen edges stay.

    On a faint picture fewer levels count as alike than `sigma`, or ink would run into the paper between two strokes.
    """
    counts = histogram(np.ascontiguousarray(grey_of(image)))
    sigma = min(sigma, max(1.0, (percentile(counts, 99) - percentile(counts, 1)) / 2.8))
    return cv2.bilateralFilter(image, diameter, sigma, sigma).reshape(image.shape)


def keep_ink(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Keep the ink and the one pixel around it, where its edge fades; 0 elsewhere (bleed-through, shadows)."""
    return image & cv2.dilate(mask, np.ones((3, 3), np.uint8))[:, :, None]


def bounding_box(mask: np.ndarray, padding: float) -> tuple[slice, slice]:
    """Return the rows and columns around the ink and its fading edge, `padding` × the longer side added."""
    x, y, w, h = cv2.boundingRect(mask)
    add = 1 + round(padding * max(w, h))
    return (slice(max(0, y - add), min(mask.shape[0], y + h + add)),
            slice(max(0, x - add), min(mask.shape[1], x + w + add)))


def rim(image: np.ndarray) -> np.ndarray:
    """Add one pixel of ground all around: (H + 2, W + 2, …)."""
    height, width, *channels = image.shape
    return cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_CONSTANT).reshape(height + 2, width + 2, *channels)


def hull_of(mask: np.ndarray) -> np.ndarray:
    """Return the corners, float32 (n, 2), of the convex hull around the ink and the one pixel that fades around it."""
    near = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    points = cv2.convexHull(cv2.findNonZero(near)).reshape(-1, 2).astype(np.float32)
    around = np.array([(-.5, -.5), (-.5, .5), (.5, -.5), (.5, .5)], np.float32)   # a pixel has a width
    return cv2.convexHull((points[:, None] + around).reshape(-1, 2)).reshape(-1, 2)


def corners(image: np.ndarray, out: float) -> np.ndarray:
    """Return the corners of the whole picture, float32 (4, 2), `out` from the centres of its outermost pixels:
    a pixel has a half width, and ink that reaches the edge fades to nothing one pixel further out."""
    y, x = (side - 1 + out for side in image.shape[:2])
    return np.array([(-out, -out), (x, -out), (x, y), (-out, y)], np.float32)


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize: larger by cubic splines, which need no prefilter; smaller by Lanczos with one."""
    if image.shape[:2] == (height, width):
        return image
    if height >= image.shape[0] and width >= image.shape[1]:
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, -1)
    return shrink(image, height, width)


def shrink(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Shrink by Lanczos with a prefilter (Pillow): cv2.INTER_LANCZOS4 aliases when it shrinks."""
    if image.shape[2] == 1:
        image = image[:, :, 0]
    small = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(small).reshape(height, width, -1)
