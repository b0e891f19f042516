"""Find out whether mirror images look like their class: compare HOG features of a picture, and of its mirror image,
with those of other pictures.

Photographs match their class equally well either way: a cat may look to either side. Characters, signs and dials do
not. And mirror images of one class may look like another class: arrows to the left and to the right.
"""

import math

import cv2
import numpy as np

LEAST_PICTURES = 48          # with at least this many pictures, and …
SURE = 0.8                   # … from this `unmirrored_share` on, they most likely show characters or signs; otherwise
                             # they may be things photographed from one side
_CHANCE = 0.5                # `unmirrored_share` if pictures and mirror images match equally well
_SWAPPED = 0.25              # two classes are mirror images of each other if more than this share of each's pictures is
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


def mirrored_classes(hogs: np.ndarray, mirrored: np.ndarray, labels: np.ndarray) -> tuple[int, int] | None:
    """Return two classes whose pictures, if mirrored, look like the other class; None: there are none, or too few
    pictures to tell. Of several such pairs the first is returned.

    The arguments are those of `unmirrored_share`. A picture looks like the class of the nearest other picture. A pair
    is returned if mirroring clearly takes more pictures from their own class to the other than from the other to their
    own (McNemar's test).
    """
    hogs, mirrored = _normalised(hogs), _normalised(mirrored)
    classes, own = np.unique(labels, return_inverse=True)
    as_is, as_mirrored = (own[_without_itself(vectors @ hogs.T).argmax(1)] for vectors in (hogs, mirrored))
    there, back = np.zeros((2, len(classes), len(classes)))      # from a class (row) to another by mirroring, and back
    np.add.at(there, (own, as_mirrored), as_is == own)
    np.add.at(back, (own, as_is), as_mirrored == own)
    swapped, moved = there - back, there + back
    many = swapped > _SWAPPED * np.bincount(own)[:, None]
    clear = swapped + swapped.T > _SIGMAS * np.sqrt(moved + moved.T)
    pairs = np.argwhere(np.triu(many & many.T & clear, 1))
    return (int(classes[pairs[0, 0]]), int(classes[pairs[0, 1]])) if len(pairs) else None


def _normalised(hogs: np.ndarray) -> np.ndarray:
    """Return each histogram (n, 900) with mean 0 and length 1, so that a dot product is a correlation."""
    centred = hogs - hogs.mean(1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6))


def _nearest(similar: np.ndarray) -> np.ndarray:
    """Return the mean similarity (n,) of each picture to its nearest others; similar: (n, n)."""
    mates = min(_MATES, len(similar) - 1)
    return np.asarray(np.sort(_without_itself(similar), 1)[:, -mates:].mean(1))


def _without_itself(similar: np.ndarray) -> np.ndarray:
    """Return similarities (n, n) in which no picture is similar to itself, or to its own mirror image."""
    np.fill_diagonal(similar, -np.inf)
    return similar
