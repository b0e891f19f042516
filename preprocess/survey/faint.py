"""Shrink pictures to thumbnails; zoom in on the ink of faint ones, such as thin or small drawings, and stretch it."""

import cv2
import numpy as np

CELLS = 12                   # cells of a thumbnail on each side
SPREAD = 15                  # a thumbnail whose levels deviate by less is stretched; 144 levels that deviate by 15 span
                             # at most 2 · 15 · √72 = 254.6, so they fit into bytes
_BLANK = 0.25                # levels by which those of a nearly blank picture deviate from smooth shading, at most
_REACH = 2.5                 # deviations of the ink's place, from its mean place to the edge of the window around it
_SIDE = 96                   # pixels to which this window is drawn
WHOLE = 0, 0, 255, 255       # a window: left, top, right, bottom, in 255ths of the picture's sides


def halved(grey: np.ndarray) -> list[np.ndarray]:
    """Return grey (H, W) and its means of 2×2 pixels, of 2×2 of these, and so on, until a side is below 128 pixels."""
    sizes = [grey]
    while min(height_and_width := sizes[-1].shape) >= 128:       # at odd sizes, INTER_LINEAR leaves pixels out
        half = height_and_width[1] // 2, height_and_width[0] // 2
        sizes.append(cv2.resize(sizes[-1], half, interpolation=cv2.INTER_AREA))
    return sizes


def shrink(grey: np.ndarray, cells: np.ndarray, thumbnail: np.ndarray) -> None:
    """Fill cells (9, 9) and a thumbnail (12, 12) with means of the pixels of grey (H, W), all of one dtype."""
    cv2.resize(grey, cells.shape, dst=cells, interpolation=cv2.INTER_AREA)
    cv2.resize(grey, thumbnail.shape, dst=thumbnail, interpolation=cv2.INTER_AREA)


def zoomed(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | tuple]:
    """Return cells, int16 (9, 9), the thumbnail, uint8 (12, 12), and the window of a faint picture, uint8 (H, W).

    The levels of a thin drawing's thumbnail deviate by a level or less, and a small one covers few cells: in whole
    levels of the whole page it would look like every other. So the thumbnail is of a window around the ink, and it is
    stretched until its levels deviate by 15. Those of a picture that is nearly blank, apart from shading, become equal.
    """
    sizes = halved(grey.astype(np.float32))
    cells, thumbnail = np.empty((9, 9), np.float32), np.empty((CELLS, CELLS), np.float32)
    shrink(sizes[-1], cells, thumbnail)
    levels = thumbnail.ravel()
    ink = (levels - _SHADING @ (levels @ _SHADING)) ** 2
    if ink.mean() < _BLANK**2:
        return np.zeros((9, 9), np.int16), np.full(thumbnail.shape, np.rint(levels.mean()), np.uint8), WHOLE
    low, high = _window(ink.reshape(thumbnail.shape))
    if (high - low).min() < 1:
        shrink(_cut(sizes, low, high), cells, thumbnail)
    scale, least = max(1, SPREAD / thumbnail.std()), thumbnail.min()
    return (np.rint((cells - least) * scale).astype(np.int16), np.rint((thumbnail - least) * scale).astype(np.uint8),
            np.rint(255 * np.concatenate([low, high])).astype(np.uint8))


def _window(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the window around the ink begins and ends, (x, y) each, from 0 to 1. ink (12, 12): its amount.

    It follows from moments, because a bounding box would move by a whole cell when the picture is saved again.
    """
    share = np.stack([ink.sum(0), ink.sum(1)]) / ink.sum()
    place = np.arange(CELLS) + 0.5
    mean = share @ place
    half = np.minimum(_REACH * np.sqrt((share * (place - mean[:, None]) ** 2).sum(1) + _REACH**-2), CELLS / 2)
    mean = np.clip(mean, half, CELLS - half)
    return (mean - half) / CELLS, (mean + half) / CELLS


def _cut(sizes: list[np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return a window as (96, 96), from the picture in several sizes; its edges lie anywhere between the pixels."""
    shapes = [np.array(grey.shape[::-1]) for grey in sizes]
    which = next((i for i, shape in enumerate(shapes) if ((high - low) * shape).min() < 2 * _SIDE), -1)
    step = (high - low) * shapes[which] / _SIDE
    first = low * shapes[which] + step / 2 - 0.5
    return cv2.warpAffine(sizes[which], np.column_stack([np.diag(step), first]), (_SIDE, _SIDE),
                          flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)


def _shading() -> np.ndarray:
    """Return an orthonormal basis, (144, 6), of thumbnails whose levels are polynomials of second degree."""
    x, y = np.meshgrid(*[np.linspace(-1, 1, CELLS)] * 2)
    return np.linalg.qr(np.stack([x**0, x, y, x * x, x * y, y * y], 2).reshape(CELLS**2, 6))[0].astype(np.float32)


_SHADING = _shading()
