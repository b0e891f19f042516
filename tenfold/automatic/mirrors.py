"""Find out whether mirror images look like their class: compare HOG features of a picture, and of its mirror image,
with those of other pictures of the class.

Photographs match equally well either way: a cat may look to either side. Characters, signs and dials do not.
"""

import math

import cv2
import numpy as np

LEAST_PICTURES = 48          # with at least this many pictures, and …
SURE = 0.8                   # … from this `unmirrored_share` on, they most likely show characters or signs; otherwise
                             # they may be things photographed from one side
_CHANCE = 0.5                # `unmirrored_share` if pictures and mirror images match equally well
_MARGIN = 0.1                # pictures may be mirrored if `unmirrored_share` exceeds chance by less than this
_SIGMAS = 3                  # pictures may be mirrored if it exceeds chance by less than this many standard errors
_SIDE = 48                   # side of a compared picture, in pixels
_CELL = 8                    # side of a cell of HOG, in pixels
_BINS = 9                    # directions of gradients in each cell
_MATES = 5                   # a picture is compared with at most this many of its class, the nearest


def hog(pixels: np.ndarray) -> np.ndarray:
    """Return histograms of oriented gradients (Dalal and Triggs, 2005) of a picture, scaled to 48×48 pixels.

    pixels: uint8 (H, W, C). float32 (900,): 5×5 blocks of 2×2 cells, each block of length 1.
    """
    small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    dy, dx = np.gradient(small.reshape(_SIDE, _SIDE, -1).astype(np.float32).mean(2))
    turn = (np.arctan2(dy, dx) % np.pi / np.pi * _BINS)[..., None] - np.arange(_BINS)
    near = np.clip(1 - np.abs((turn + _BINS / 2) % _BINS - _BINS / 2), 0, None)      # linear between directions
    count = _SIDE // _CELL
    cells = (near * np.hypot(dx, dy)[..., None]).reshape(count, _CELL, count, _CELL, _BINS).sum((1, 3))
    blocks = np.concatenate([cells[:-1, :-1], cells[1:, :-1], cells[:-1, 1:], cells[1:, 1:]], 2)
    blocks /= np.linalg.norm(blocks, axis=2, keepdims=True) + 1e-3
    return np.asarray(blocks.ravel(), np.float32)


def unmirrored_share(hogs: np.ndarray, mirrored: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
    """Return (the share of pictures that match their class better than their mirror images do, number of pictures).

    hogs, mirrored: (n, 900) of each picture and of its mirror image; labels (n,). A picture alone in its class is not
    counted. By chance the share is one half.
    """
    share, count = 0.0, 0
    hogs, mirrored = _normalised(hogs), _normalised(mirrored)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            continue
        own, other = (_nearest(vectors[members] @ hogs[members].T) for vectors in (hogs, mirrored))
        share += float((own > other).sum() + (own == other).sum() / 2)
        count += len(members)
    return (share / count if count else _CHANCE), count


def may_be_mirrored(share: float, count: int) -> bool:
    """Return False if clearly more pictures match as they are than mirrored; True, too, if they are too few to tell."""
    return not count or share < _CHANCE + max(_MARGIN, _SIGMAS * math.sqrt(0.25 / count))


def _normalised(hogs: np.ndarray) -> np.ndarray:
    """Return each histogram (n, 900) with mean 0 and length 1, so that a dot product is a correlation."""
    centred = hogs - hogs.mean(1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6))


def _nearest(similar: np.ndarray) -> np.ndarray:
    """Return the mean similarity (n,) of each picture to its nearest others; similar: (n, n)."""
    np.fill_diagonal(similar, -np.inf)
    mates = min(_MATES, len(similar) - 1)
    return np.asarray(np.sort(similar, 1)[:, -mates:].mean(1))
