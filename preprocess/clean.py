"""Once per source image: everything that does not depend on chance.

Image contract: uint8 (H, W, C), C is 1 or 3 (RGB), the channel axis always there; a step returns a
new array and leaves its input alone. A mask is uint8 (H, W), 255 where there is ink.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from data.tables import Clean, Draw
from preprocess.decode import BadPicture


@dataclass(frozen=True)
class Cleaned:
    """A picture that copies can be drawn from."""
    pixels: np.ndarray     # uint8 (h, w, C), the region of interest
    hull: np.ndarray       # float32 (n, 2): x, y corners around all that must stay on the canvas
    background: tuple      # C levels, 0..255: what lies around the picture
    pivot: float           # the level that contrast leaves alone
    bare: bool             # nothing but background beyond the hull


def clean(image: np.ndarray, how: Clean, draw: Draw) -> Cleaned:
    """The recipe's steps in their order. BadPicture: blank, or no ink is found."""
    return cut_out(*clean_page(image, how), how, draw)


def clean_page(image: np.ndarray, how: Clean) -> tuple[np.ndarray, np.ndarray | None]:
    """(the whole page cleaned, its mask of ink or None where the recipe does not look for ink)."""
    if image.min() == image.max():
        raise BadPicture("blank: every pixel is the same")
    if how.polarity != "keep":
        image = to_ink(image, how.polarity)
    if how.bilateral:
        image = smooth(image, how.bilateral, how.bilateral_sigma)
    if not (how.threshold or how.roi):
        return image, None
    mask = remove_specks(find_ink(image, how.threshold, how.offset), how.specks)
    if not mask.any():
        raise BadPicture("blank: no ink")
    return (keep_ink(image, mask) if how.threshold else image), mask


def cut_out(page: np.ndarray, mask: np.ndarray | None, how: Clean, draw: Draw) -> Cleaned:
    """The region of interest, and what drawing must know about it."""
    hull, bare = None, draw.fit == "inside" and bool(how.threshold or not how.roi)
    if how.roi:
        page, mask = rim(page), rim(mask)      # ink at the very edge fades outside the picture
        box = bounding_box(mask, how.padding)
        page, hull = page[box].copy(), hull_of(mask[box])
    if draw.fit == "stretch":
        page = resize(page, *draw.canvas)
    ink = how.polarity != "keep"
    background = (0,) * page.shape[2] if ink else tuple(int(v) for v in edge_level(page))
    if hull is None:
        hull = corners(page, 1.0 if ink else 0.5)
    return Cleaned(page, hull, background,
                   0.0 if ink else float(page.mean()), bare)


def to_ink(image: np.ndarray, polarity: str) -> np.ndarray:
    """Ink bright on dark ground. "dark": the ink is dark, so invert; "light": it is bright already;
    "auto": dark where the border of the picture is nearer to its brightest than to its darkest tone."""
    if polarity == "auto":
        low, high = np.percentile(image, (0.5, 99.5))
        polarity = "dark" if edge_level(image).mean() > (low + high) / 2 else "light"
    return 255 - image if polarity == "dark" else image.copy()


def edge_level(image: np.ndarray) -> np.ndarray:
    """(C,) the median tone of the outermost pixels."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return np.median(edge, axis=0)


def smooth(image: np.ndarray, diameter: int, sigma: float) -> np.ndarray:
    """Bilateral filter (Tomasi and Manduchi, 1998): paper grain goes, pen edges stay."""
    return cv2.bilateralFilter(image, diameter, sigma, sigma).reshape(image.shape)


def find_ink(image: np.ndarray, window: float, offset: float) -> np.ndarray:
    """Mask of what is brighter by `offset` levels than its surroundings: the mean over a square of
    `window` × the shorter side (adaptive threshold), or with window 0 the tone of the border.

    The window must be wider than a stroke, or broad strokes come out hollow.
    """
    grey = image[:, :, 0] if image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if not window:
        return np.where(grey > edge_level(grey[:, :, None])[0] + offset, 255, 0).astype(np.uint8)
    side = max(3, int(window * min(grey.shape)) | 1)
    return cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, side, -offset)


def remove_specks(mask: np.ndarray, share: float) -> np.ndarray:
    """Without the connected spots of ink that cover less than `share` of the picture."""
    least = share * mask.size
    if least <= 1:
        return mask.copy()
    _, spots, facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    ink = np.where(facts[:, cv2.CC_STAT_AREA] >= least, 255, 0).astype(np.uint8)
    ink[0] = 0                                              # component 0 is the ground
    return ink[spots]


def keep_ink(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Ink and the one pixel around it, where its edge fades; 0 elsewhere (bleed-through, shadows)."""
    return image & cv2.dilate(mask, np.ones((3, 3), np.uint8))[:, :, None]


def bounding_box(mask: np.ndarray, padding: float) -> tuple[slice, slice]:
    """Rows and columns around the ink and its fading edge, `padding` × the longer side added."""
    x, y, w, h = cv2.boundingRect(mask)
    add = 1 + round(padding * max(w, h))
    return (slice(max(0, y - add), min(mask.shape[0], y + h + add)),
            slice(max(0, x - add), min(mask.shape[1], x + w + add)))


def rim(image: np.ndarray) -> np.ndarray:
    """(H + 2, W + 2, …): one pixel of ground all around."""
    height, width, *channels = image.shape
    return cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_CONSTANT).reshape(height + 2, width + 2, *channels)


def hull_of(mask: np.ndarray) -> np.ndarray:
    """float32 (n, 2): the convex hull around the ink's pixels and the one pixel that fades around it."""
    near = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    points = cv2.convexHull(cv2.findNonZero(near)).reshape(-1, 2).astype(np.float32)
    around = np.array([(-.5, -.5), (-.5, .5), (.5, -.5), (.5, .5)], np.float32)   # a pixel has a width
    return cv2.convexHull((points[:, None] + around).reshape(-1, 2)).reshape(-1, 2)


def corners(image: np.ndarray, out: float = 0.5) -> np.ndarray:
    """float32 (4, 2): the corners of the whole picture, `out` from the centres of its outermost pixels:
    a pixel has a half width, and ink that reaches the edge fades to nothing one pixel further out."""
    y, x = (side - 1 + out for side in image.shape[:2])
    return np.array([(-out, -out), (x, -out), (x, y), (-out, y)], np.float32)


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Larger by cubic splines, which need no prefilter; smaller by Lanczos with one."""
    if image.shape[:2] == (height, width):
        return image
    if height >= image.shape[0] and width >= image.shape[1]:
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, -1)
    return shrink(image, height, width)


def shrink(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Lanczos with a prefilter (Pillow): cv2.INTER_LANCZOS4 aliases when it shrinks."""
    if image.shape[2] == 1:
        image = image[:, :, 0]
    small = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(small).reshape(height, width, -1)
