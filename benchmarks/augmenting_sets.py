"""Sets of drawn characters for the benchmarks of augmenting: arrays of 28×28, and pages of ink on paper."""

from pathlib import Path

import cv2
import numpy as np

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
          cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)
_LARGE = 64                  # pixels along a side at which characters are written before they are bent


def characters(count: int, side: int = 28, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(light characters on black, uint8 (count, side, side); labels int64 (count,), indices into CHARACTERS).

    Every one is another: of 6 fonts in 4 pens, turned, slanted, stretched and blurred at random, as people write.
    """
    rng = np.random.default_rng(seed)
    written = [[_written(letter, font, pen) for font in _FONTS for pen in (2, 3, 4, 6)] for letter in CHARACTERS]
    labels = np.arange(count) % len(CHARACTERS)
    rng.shuffle(labels)
    scale = rng.uniform(1.0, 1.4, (count, 1, 1))
    shapes = (rng.normal(0, 0.13, (count, 2, 2)) + scale * np.eye(2)) * side / _LARGE
    middles = side / 2 + rng.normal(0, side / 28, (count, 2))
    shift = middles - shapes.sum(2) * _LARGE / 2
    warps = np.concatenate([shapes, shift[:, :, None]], axis=2)
    which = rng.integers(0, len(written[0]), count).tolist()
    out = np.empty((count, side, side), np.uint8)
    for pixels, label, kind, warp in zip(out, labels.tolist(), which, warps, strict=True):
        cv2.warpAffine(written[label][kind], warp, (side, side), dst=pixels, flags=cv2.INTER_LINEAR)
    return out, labels


def _written(letter: str, font: int, pen: int) -> np.ndarray:
    """One character in the middle of a black square, uint8, blurred so that it can be shrunk."""
    page = np.zeros((_LARGE, _LARGE), np.uint8)
    (wide, high), _ = cv2.getTextSize(letter, font, 1.6, pen)
    cv2.putText(page, letter, ((_LARGE - wide) // 2, (_LARGE + high) // 2), font, 1.6, 255, pen, cv2.LINE_AA)
    return cv2.GaussianBlur(page, (0, 0), 0.9)


def write_arrays(path: Path, count: int, side: int = 28, seed: int = 0) -> Path:
    """Write an .npz of so many characters, as EMNIST byclass is one: 62 classes, uint8 (count, side, side)."""
    x, y = characters(count, side, seed)
    np.savez(path, x=x, y=y, classes=np.array(list(CHARACTERS)))
    return path
