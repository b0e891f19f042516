"""Compute fingerprints of pictures, and find near-duplicates (the same picture saved twice) by them."""

from array import array
from collections.abc import Sequence

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from tenfold.preprocess.clean.polarity import grey_of
from tenfold.preprocess.survey.faint import CELLS, SPREAD, WHOLE, halved, shrink, zoomed
from tenfold.preprocess.survey.neighbours import Fingerprints, candidates
from tenfold.preprocess.survey.sorting import BYTES, HASH, pieces, sort_and_number

_STEP = 2                    # grey levels by which two cells must differ: more than the grain of paper
_TINTS = 4                   # cells of the colour thumbnail on each side
_PAIRS = 1 << 11             # pairs compared at once


def fingerprints(pictures: Sequence[np.ndarray] | np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Return the fingerprints of n pictures, uint8 (H, W, 1 or 3) each, and the deviations of their grey levels.

    The fingerprints are uint8 (n, 196), the deviations n numbers from 0 to 127.5. A fingerprint begins with a hash of
    128 bits, by which candidates are found fast: whether each of 8×8 cells is darker than its right neighbour, and
    darker than its lower neighbour (dHash, after N. Krawetz, "Kind of Like That", 2013, who compares with the right one
    only). What decides follows: a thumbnail of 12×12 grey levels, one of 4×4 colours (0 for a grey picture), and which
    window of the picture the former is of. This is the whole picture unless that is faint: see `zoomed`.
    """
    count, spreads = len(pictures), []
    small, thumbnails = np.zeros((count, 9, 9), np.uint8), np.zeros((count, CELLS, CELLS), np.uint8)
    colours, windows = np.zeros((count, _TINTS, _TINTS, 3), np.uint8), np.full((count, len(WHOLE)), WHOLE, np.uint8)
    for pixels, cells, thumbnail, colour in zip(pictures, small, thumbnails, colours, strict=True):
        grey = grey_of(pixels)
        spreads.append(round(float(cv2.meanStdDev(grey)[1][0, 0]), 2))
        if spreads[-1] >= SPREAD:                # or else that of the thumbnail is smaller, too
            shrink(halved(grey)[-1], cells, thumbnail)
        if pixels.shape[2] == 3:
            _shrink_colours(pixels, colour)
    cell = small.astype(np.int16)
    for i in np.flatnonzero(thumbnails.std((1, 2)) < SPREAD).tolist():
        cell[i], thumbnails[i], windows[i] = zoomed(grey_of(pictures[i]))
    here = cell[:, :-1, :-1] + _STEP
    darker = np.stack([cell[:, :-1, 1:] > here, cell[:, 1:, :-1] > here], axis=1)
    return np.concatenate([np.packbits(darker.reshape(count, 8 * HASH.stop), axis=1),
                           thumbnails.reshape(count, CELLS**2), _tints(colours), windows], axis=1), spreads


def _shrink_colours(pixels: np.ndarray, colour: np.ndarray) -> None:
    """Fill colour (4, 4, 3) with means of a picture (H, W, 3); a large one is sampled at 64×64 places."""
    if min(pixels.shape[:2]) >= 128:
        pixels = cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_LINEAR)
    cv2.resize(pixels, (_TINTS, _TINTS), dst=colour, interpolation=cv2.INTER_AREA)


def _tints(colours: np.ndarray) -> np.ndarray:
    """Return half of what red, and what blue, is above green: int8 as uint8 (n, 32). colours: uint8 (n, 4, 4, 3)."""
    red, green, blue = colours.reshape(len(colours), -1, 3).transpose(2, 0, 1).astype(np.int16)
    return (np.concatenate([red - green, blue - green], axis=1) >> 1).astype(np.int8).view(np.uint8)


def fingerprint(pixels: np.ndarray) -> tuple[str, float]:
    """Return the fingerprint of one picture as 392 hexadecimal digits, and the deviation of its grey levels."""
    rows, spreads = fingerprints([pixels])
    return rows.tobytes().hex(), spreads[0]


# NumPy would start a BLAS thread for each core, and these threads spin between two products: see benchmarks/log.md
@threadpool_limits.wrap(limits=1, user_api="blas")
def find_near(prints: np.ndarray | Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Group fingerprints, uint8 (n, 196) or hexadecimal digits, that are of the same picture.

    Returns a group number for each, int64 (n,); below 0: the picture is nearly blank and belongs to no group. Groups
    are closed under chains: a near b and b near c puts a, b and c into one group. Also returns the pairs of rows, int64
    (m, 2), that made these groups: n - 1 near pairs of a group of n.

    Two fingerprints are of the same picture if their thumbnails, apart from brightness, differ by at most 0.08 of the
    larger deviation, and their colours by at most 0.08 of the more colourful or by three levels; and if they are of the
    same window. JPEG of quality 50 changes photographs of 256 pixels by 0.03, and 19 of 20 digits and printed
    characters of 28 pixels by at most 0.09; the two most similar of 5,000 different digits are 0.10 apart. The largest
    group among 28,235 printed characters has 17 members, all the same glyph in similar fonts. By the hash alone, 148
    different digits 1 were one group.

    Of up to 2,048 fingerprints all pairs are compared. Of more, those pairs that agree in one of the eight 16-bit words
    of their hash and are close in one of eight orders: nearly all near pairs, in time n log n.
    """
    if not len(prints):
        return np.empty(0, np.int64), np.empty((0, 2), np.int64)
    rows = prints if isinstance(prints, np.ndarray) else np.frombuffer(bytes.fromhex("".join(prints)), np.uint8)
    first, number = sort_and_number(rows := rows.reshape(-1, BYTES))
    distinct = Fingerprints.of(rows, first)
    parent = np.arange(len(first), dtype=np.uint32)      # union-find: the root of a group is its lowest number
    links = array("q")

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
            for one_print, other_print in zip(i[near].tolist(), j[near].tolist(), strict=True):
                a, b = sorted((root(one_print), root(other_print)))
                if a != b:
                    parent[b] = a
                    links.extend((one_print, other_print))
    while (parent != (up := parent[parent])).any():
        parent = up
    group = parent[number].astype(np.int64)
    # nearly blank pictures cannot be told apart, so each of them is alone
    blank = np.flatnonzero(distinct.variance[number] == 0)
    group[blank] = -1 - blank
    equal = np.flatnonzero((first[number] != np.arange(len(number))) & (group >= 0))     # these have equal fingerprints
    pairs = first[np.frombuffer(links, np.int64).reshape(-1, 2)]
    return group, np.concatenate([pairs, np.column_stack([first[number[equal]], equal])]).astype(np.int64)
