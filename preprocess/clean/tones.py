"""The tones of a picture: its histogram, the two commonest tones and the edge between them, the grain of its paper.

Pictures here have bright ink on dark ground: uint8 (H, W, C), or a plane of one, (H, W).
"""

import cv2
import numpy as np

NEAR = 8.0                   # levels from a tone that count as that tone
_BLURRED = 8                 # pixels over which an edge of ink may fade; light fades over more


def smaller(plane: np.ndarray) -> np.ndarray:
    """Return every so many-th pixel of a plane or picture, so that its shorter side has 128 to 255, or all of fewer."""
    step = max(1, min(plane.shape[:2]) // 128)
    return np.ascontiguousarray(plane[::step, ::step])


def histogram(plane: np.ndarray) -> np.ndarray:
    """Count, float32 (256,), how many pixels of a plane, uint8 (H, W), have each tone."""
    if plane.size < 1 << 14:                 # OpenCV takes 50 µs to begin, numpy more than it for large ones
        return np.bincount(plane.ravel(), minlength=256).astype(np.float32)
    return cv2.calcHist([plane], [0], None, [256], [0, 256]).ravel()


def percentile(counts: np.ndarray, share: float) -> int:
    """Return the tone below which so many of 100 pixels lie. counts: a histogram (256,)."""
    return int(np.searchsorted(np.cumsum(counts), share / 100 * counts.sum()))


def find_modes(plane: np.ndarray) -> tuple[float, float | None, int]:
    """Return (the commonest tone up to Otsu's threshold, that above it, the threshold) of a plane, uint8 (H, W).

    The upper tone is None where no sharp edge parts the two, so that both are ground in uneven light.
    """
    lowest = int(plane.min())
    if lowest == plane.max():
        return float(lowest), None, lowest
    split, above = cv2.threshold(plane, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    counts = histogram(plane)
    counts = 0.001 * counts + cv2.blur(counts[None], (5, 1), borderType=cv2.BORDER_CONSTANT)[0]     # the peak itself
    split = int(split) + 1
    lower, upper = float(counts[:split].argmax()), float(split + counts[split:].argmax())
    steps = np.concatenate([np.abs(np.diff(plane.astype(np.int16), axis=axis))[np.diff(above, axis=axis) != 0]
                            for axis in (0, 1)])
    sharp = upper > lower + 3 * NEAR and steps.size and np.median(steps) > (upper - lower) / _BLURRED
    return lower, upper if sharp else None, split - 1


def explained_share(plane: np.ndarray, ground: np.ndarray | np.float32) -> float:
    """Return the share of a plane, uint8 (H, W), that is this ground or ink of one tone, 0..1.

    ground: float32 (H, W), or one tone. 0 where much lies below the ground.
    """
    rest = plane - ground
    if (rest < -NEAR).mean() > 0.05:
        return 0.0
    ink = find_modes(np.clip(rest, 0, 255).astype(np.uint8))[1]
    return float(((np.abs(rest) <= NEAR) | (ink is not None and np.abs(rest - ink) <= 2 * NEAR)).mean())


def find_grain(plane: np.ndarray) -> float:
    """Return the standard deviation of the paper's grain, levels.

    It is measured by the median difference of neighbours, so that light hardly counts. Where ink parts from the ground
    by a sharp edge, only neighbours on the ground count; and of rows and columns the smaller counts, since strokes run
    in one direction, grain in none.
    """
    _, ink, split = find_modes(smaller(plane))
    medians = []
    for one, other in ((plane[:, 1:], plane[:, :-1]), (plane[1:], plane[:-1])):
        if one.size:
            steps = cv2.absdiff(one, other)
            bare = steps if ink is None else steps[(one <= split) & (other <= split)]
            medians.append(percentile(histogram(np.ascontiguousarray(bare)), 50))
    return 1.4826 / 2**0.5 * min(medians, default=0)
