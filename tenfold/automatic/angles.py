"""Test whether the characters of a set stand upright or at any angle, by matching turned ones of a class."""

import cv2
import numpy as np

UPRIGHT, TURNED = 0.6, 0.45  # from this share of best matches near upright a set is upright, up to that turned
LEAST = 24                   # fewer characters, with others of their class, say nothing
CHANCE = 5 / 24              # the share if all angles are equally likely
_SIDE = 24                   # pixels of a side of the compared character
_ANGLES = 24                 # tried, evenly over the circle
_NEAR = 2                    # so many of these steps count as upright: 30 degrees
_MATES = 6                   # others of its class that each is compared with, at most


def shape_of(mask: np.ndarray) -> np.ndarray:
    """Return a mask of ink, uint8 (H, W), as a character to compare: float32 (24, 24), centred, scaled to one size."""
    y, x = np.nonzero(mask)
    middle = np.array([x.mean(), y.mean()])
    radius = max(1.0, float(np.percentile(np.hypot(x - middle[0], y - middle[1]), 98)))
    scale = (_SIDE / 2 - 1) / radius
    shift = (_SIDE - 1) / 2 - scale * middle
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.5, 0.7 / scale))
    return np.asarray(cv2.warpAffine(blurred, matrix, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR) / 255, np.float32)


def upright_share(shapes: np.ndarray, labels: np.ndarray) -> float | None:
    """Return the share of characters that match one of their class best when that is turned by 30 degrees at most.

    shapes: float32 (n, 24, 24) of `shape_of`; labels (n,). None: too few have others of their class.
    """
    turned = np.stack([_unit(_turn(shape)) for shape in shapes]) if len(shapes) else np.empty((0, _ANGLES, 1))
    near = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        for place, one in enumerate(members):
            mates = np.roll(members, -place)[1:_MATES + 1]
            if len(mates):
                steps = int((turned[mates] @ turned[one, 0]).max(0).argmax())
                near.append(min(steps, _ANGLES - steps) <= _NEAR)
    return float(np.mean(near)) if len(near) >= LEAST else None


def _turn(shape: np.ndarray) -> np.ndarray:
    """Rotate a character to each of 24 angles: float32 (24 angles, 24, 24)."""
    middle = ((_SIDE - 1) / 2,) * 2
    return np.stack([cv2.warpAffine(shape, cv2.getRotationMatrix2D(middle, 360 * k / _ANGLES, 1), (_SIDE, _SIDE))
                     for k in range(_ANGLES)])


def _unit(shapes: np.ndarray) -> np.ndarray:
    """Return each as a vector of mean 0 and length 1."""
    flat = shapes.reshape(len(shapes), -1)
    flat = flat - flat.mean(1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6))
