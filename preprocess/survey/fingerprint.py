"""Compute fingerprints of pictures, and find near-duplicates (the same picture saved twice) by them."""

from collections.abc import Sequence

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from tenfold.preprocess.survey.neighbours import Fingerprints, Limits, candidates
from tenfold.preprocess.survey.sorting import pieces, sort_and_number

_STEP = 2                    # grey levels by which two cells must differ: more than the grain of paper
_CELLS = 12                  # cells of the thumbnail on each side
_NEAR = 4, 625               # thumbnails of the same picture differ by at most 4/625 of their variance, which is
                             # 0.08 of their deviation; see near_groups
_GRAIN = 1                   # … or by one level: rounding and JPEG change a picture of few levels by so much
_GREY = 4                    # a thumbnail whose levels deviate by less is too flat to be compared
_PAIRS = 1 << 11             # pairs compared at once
HASH = 32                    # hexadecimal digits of the hash, with which a fingerprint begins
BYTES = HASH // 2 + _CELLS**2        # of a fingerprint


def fingerprints(pictures: Sequence[np.ndarray] | np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Return the fingerprints of n pictures, uint8 (H, W, 1 or 3) each, and the deviations of their grey levels.

    The fingerprints are uint8 (n, 160), the deviations n numbers from 0 to 127.5. A fingerprint begins with a hash of
    128 bits, by which candidates are found fast: whether each of 8×8 cells is darker than its right neighbour, and
    darker than its lower neighbour (dHash, after N. Krawetz, "Kind of Like That", 2013, who compares with the right one
    only). A thumbnail of 12×12 grey levels follows, which decides.
    """
    small, out, spreads = np.empty((len(pictures), 9, 9), np.uint8), np.empty((len(pictures), BYTES), np.uint8), []
    thumbnails = np.empty((len(pictures), _CELLS, _CELLS), np.uint8)
    for pixels, cells, thumbnail in zip(pictures, small, thumbnails, strict=True):
        grey = pixels[:, :, 0] if pixels.shape[2] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        spreads.append(round(float(cv2.meanStdDev(grey)[1][0, 0]), 2))
        while min(grey.shape) >= 128:    # halved, because INTER_AREA alone would take four times as long. To half the
            half = grey.shape[1] // 2, grey.shape[0] // 2        # size INTER_LINEAR takes the mean of all pixels, too
            grey = cv2.resize(grey, half, interpolation=cv2.INTER_LINEAR)
        cv2.resize(grey, (9, 9), dst=cells, interpolation=cv2.INTER_AREA)
        cv2.resize(grey, (_CELLS, _CELLS), dst=thumbnail, interpolation=cv2.INTER_AREA)
    cell = small[:, :-1, :-1].astype(np.int16) + _STEP
    darker = np.stack([small[:, :-1, 1:] > cell, small[:, 1:, :-1] > cell], axis=1)
    out[:, :HASH // 2] = np.packbits(darker.reshape(len(out), 8 * HASH // 2), axis=1)
    out[:, HASH // 2:] = thumbnails.reshape(len(out), _CELLS**2)
    return out, spreads


def fingerprint(pixels: np.ndarray) -> tuple[str, float]:
    """Return the fingerprint of one picture as 320 hexadecimal digits, and the deviation of its grey levels."""
    rows, spreads = fingerprints([pixels])
    return rows.tobytes().hex(), spreads[0]


# NumPy would start a BLAS thread for each core, and these threads spin between two products: see benchmarks/log.md
@threadpool_limits.wrap(limits=1, user_api="blas")
def near_groups(prints: np.ndarray | Sequence[str]) -> np.ndarray:
    """Group fingerprints, uint8 (n, 160) or hexadecimal digits, that are of the same picture.

    Returns a group number for each, int64 (n,); below 0: the picture is nearly blank and belongs to no group. Groups
    are closed under chains: a near b and b near c puts a, b and c into one group.

    Two fingerprints are of the same picture if their thumbnails, apart from brightness, differ by at most 0.08 of the
    larger deviation, or by one level. JPEG of quality 50 changes photographs of 256 pixels by 0.03, and 19 of 20 digits
    and printed characters of 28 pixels by at most 0.09; the two most similar of 5,000 different digits are 0.10 apart.
    The largest group among 28,235 printed characters has 17 members, all the same glyph in similar fonts. By the hash
    alone, 148 different digits 1 were one group.

    Of up to 2,048 fingerprints all pairs are compared. Of more, those pairs that agree in one of the eight 16-bit words
    of their hash and are close in one of eight orders: nearly all near pairs, in time n log n.
    """
    if not len(prints):
        return np.empty(0, np.int64)
    rows = prints if isinstance(prints, np.ndarray) else np.frombuffer(bytes.fromhex("".join(prints)), np.uint8)
    first, number = sort_and_number(rows := rows.reshape(-1, BYTES))
    distinct = Fingerprints.of(rows, first, Limits(_NEAR, _GRAIN, _GREY))
    parent = np.arange(len(first), dtype=np.uint32)      # union-find: the root of a group is its lowest number

    def root(i: int) -> int:
        while (up := int(parent[i])) != i:
            parent[i] = i = parent[up]
        return i
    for one, other in candidates(distinct):
        for piece in pieces(len(one), _PAIRS):
            i, j = one[piece], other[piece]
            new = parent[i] != parent[j]         # some pairs are found again in other orders
            i, j = i[new], j[new]
            near = distinct.are_near(i, j)
            for a, b in zip(i[near].tolist(), j[near].tolist(), strict=True):
                a, b = sorted((root(a), root(b)))
                parent[b] = a
    while (parent != (up := parent[parent])).any():
        parent = up
    group = parent[number].astype(np.int64)
    # nearly blank pictures cannot be told apart, so each of them is alone
    blank = np.flatnonzero(distinct.variance[number] < 0)
    group[blank] = -1 - blank
    return group
