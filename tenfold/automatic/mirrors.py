"""Find whether a mirrored picture is of the same class, by whether it matches others of its class as well.

Photographs of things do: a cat may look to either side. Characters, signs and dials do not.
"""

import math

import cv2
import numpy as np

LEAST = 48                   # pictures with others of their class, from which a share says something
CHANCE = 0.5                 # the share where pictures and mirror images match as well
_APART = 0.1                 # by which the share exceeds CHANCE where mirroring changes the class, at least,
_ERRORS = 3                  # and by how many standard errors of it
_SIDE, _CELL, _BINS = 48, 8, 9       # pixels of a picture as it is compared, of a cell; directions
_MATES = 5                   # the nearest of its class with which a picture is compared, at most


def outline(pixels: np.ndarray) -> np.ndarray:
    """Return how the edges of a picture run in each place, as a vector of length 1 and mean 0.

    pixels: uint8 (H, W, C). float32 (900,): histograms of oriented gradients (Dalal and Triggs, 2005).
    """
    small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    dy, dx = np.gradient(small.reshape(_SIDE, _SIDE, -1).astype(np.float32).mean(2))
    turn = (np.arctan2(dy, dx) % np.pi / np.pi * _BINS)[..., None] - np.arange(_BINS)
    near = np.clip(1 - np.abs((turn + _BINS / 2) % _BINS - _BINS / 2), 0, None)      # linear between directions
    count = _SIDE // _CELL
    cells = (near * np.hypot(dx, dy)[..., None]).reshape(count, _CELL, count, _CELL, _BINS).sum((1, 3))
    blocks = np.concatenate([cells[:-1, :-1], cells[1:, :-1], cells[:-1, 1:], cells[1:, 1:]], 2)
    blocks /= np.linalg.norm(blocks, axis=2, keepdims=True) + 1e-3
    flat = blocks.ravel() - blocks.mean()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-6), np.float32)


def mirrored_outline(pixels: np.ndarray) -> np.ndarray:
    """Return the outline of the mirror image of a picture."""
    return outline(np.ascontiguousarray(pixels[:, ::-1]))


def unmirrored_share(outlines: np.ndarray, mirrored: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
    """Return (the share of pictures that match others of their class better than their mirror images do, of how many).

    outlines, mirrored: (n, 900) of each picture and of its mirror image; labels (n,). A picture that is alone in its
    class is not counted. Where as many match better as do not, the share is CHANCE.
    """
    share, count = 0.0, 0
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            continue
        own, other = (_nearest(vectors[members] @ outlines[members].T) for vectors in (outlines, mirrored))
        share += float((own > other).sum() + (own == other).sum() / 2)
        count += len(members)
    return (share / count if count else CHANCE), count


def may_be_mirrored(share: float, count: int) -> bool:
    """Return whether mirror images are of the same class, as far as such a share can tell: True unless it is clear."""
    return count < LEAST or share < CHANCE + max(_APART, _ERRORS * math.sqrt(0.25 / count))


def _nearest(alike: np.ndarray) -> np.ndarray:
    """The mean likeness (n,) of each to the nearest others, of likenesses (n, n)."""
    np.fill_diagonal(alike, -np.inf)
    mates = min(_MATES, len(alike) - 1)
    return np.asarray(np.sort(alike, 1)[:, -mates:].mean(1))
