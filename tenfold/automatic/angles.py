"""Find out whether characters are upright or at any angle, by comparing rotated characters of the same class."""

from dataclasses import dataclass

import cv2
import numpy as np

UPRIGHT = 0.6                # characters are upright if so many of them match others upright
TURNED = 0.45                # characters are at any angle if at most so many of them match others upright, and …
QUARTERS = 0.75              # … fewer than this at multiples of 90 degrees, as symmetric ones (+ × =) do
_LEAST = 24                  # with fewer characters, nothing is known
_SIDE = 24                   # the side of a compared character, in pixels
_ANGLES = 24                 # each character is rotated to this many angles, 15 degrees apart
_NEAR = 2                    # a rotation by this many of these steps, 30 degrees, still counts as upright
_NEAR_QUARTER = 1            # … and by this many from a multiple of 90 degrees as that multiple
_MATES = 6                   # each character is compared with at most this many others of its class
CHANCE = (2 * _NEAR + 1) / _ANGLES               # share of upright matches if any angle is equally likely


@dataclass(frozen=True)
class Matches:
    """At which rotations characters match others of their class best, as shares of the characters."""
    upright: float           # at most 30 degrees
    quarters: float          # at most 15 degrees from a multiple of 90; by chance one half

    @property
    def are_upright(self) -> bool | None:
        """Return whether the characters are upright; False: at any angle; None: unknown."""
        if self.upright <= TURNED:
            return False if self.quarters < QUARTERS else None
        return True if self.upright >= UPRIGHT else None

    def __str__(self) -> str:
        text = (f"{self.upright:.0%} of the characters match another of their class best if rotated by 30 degrees at "
                f"most; {CHANCE:.0%} would be expected by chance")
        if self.are_upright is None:
            text += f". {self.quarters:.0%} match at multiples of 90 degrees"
        return text


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


def match_rotations(shapes: np.ndarray, labels: np.ndarray) -> Matches | None:
    """Rotate characters until they match others of their class; None: too few have another of their class.

    shapes: float32 (n, 24, 24) of `shape_of`; labels (n,).
    """
    rotated = np.stack([_unit(_rotations(shape)) for shape in shapes]) if len(shapes) else np.empty((0, _ANGLES, 1))
    found = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        for place, member in enumerate(members):
            mates = np.roll(members, -place)[1:_MATES + 1]
            if len(mates):
                found.append(int((rotated[mates] @ rotated[member, 0]).max(0).argmax()))
    if len(found) < _LEAST:
        return None
    upright, quarters = (float(np.mean(np.minimum(np.array(found) % turn, -np.array(found) % turn) <= near))
                         for turn, near in ((_ANGLES, _NEAR), (_ANGLES // 4, _NEAR_QUARTER)))
    return Matches(upright, quarters)


def _rotations(shape: np.ndarray) -> np.ndarray:
    """Return a character rotated to each of 24 angles: float32 (24 angles, 24, 24)."""
    middle = ((_SIDE - 1) / 2,) * 2
    return np.stack([cv2.warpAffine(shape, cv2.getRotationMatrix2D(middle, 360 * k / _ANGLES, 1), (_SIDE, _SIDE))
                     for k in range(_ANGLES)])


def _unit(shapes: np.ndarray) -> np.ndarray:
    """Return each shape as a vector of mean 0 and length 1: (n, 576)."""
    flat = shapes.reshape(len(shapes), -1)
    flat = flat - flat.mean(1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6))
