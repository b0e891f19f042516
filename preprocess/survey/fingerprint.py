"""Compute fingerprints of pictures, to find near-duplicates (the same picture saved twice) and blank pictures."""

from collections.abc import Sequence

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from tenfold.preprocess.survey.neighbours import Limits, Looks, candidates
from tenfold.preprocess.survey.sorting import runs, sort_and_number

_STEP = 2                    # levels: a difference between two cells that is more than paper's grain
_CELLS = 12                  # cells of the thumbnail on each side
_NEAR = 4, 625               # the same picture: thumbnails differ by at most 4/625 of their variance, 0.08 of
                             # their deviation; see near_groups
_GRAIN = 1                   # … or by a level, which is what rounding and JPEG do to a picture of few levels
_GREY = 4                    # levels of deviation: a flatter thumbnail says nothing
_FEW = 1 << 11               # pairs compared at once
HASH = 32                    # hexadecimal digits of the hash, which come first
BYTES = HASH // 2 + _CELLS**2        # of a fingerprint


def fingerprints(pictures: Sequence[np.ndarray] | np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Return the fingerprints of n pictures, uint8 (H, W, 1 or 3) each, and the deviations of their grey levels.

    (uint8 (n, 160), n numbers 0..127.5)

    First 128 bits: whether each of 8×8 cells is darker than its right and than its lower neighbour
    (dHash, after N. Krawetz, "Kind of Like That", 2013, who has the right one only). They find candidates
    fast. Then the grey levels of a thumbnail of 12×12, a byte each, which decide.
    """
    small, out, spreads = np.empty((len(pictures), 9, 9), np.uint8), np.empty((len(pictures), BYTES), np.uint8), []
    thumbnails = np.empty((len(pictures), _CELLS, _CELLS), np.uint8)
    for pixels, cells, thumbnail in zip(pictures, small, thumbnails, strict=True):
        grey = pixels[:, :, 0] if pixels.shape[2] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        spreads.append(round(float(cv2.meanStdDev(grey)[1][0, 0]), 2))
        height, width = grey.shape
        step = min(height, width) // 64
        if step > 1:             # 60 µs for 350×350, where INTER_AREA takes 250 for all of the way
            grey = cv2.resize(grey, (width // step, height // step), interpolation=cv2.INTER_LINEAR)
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


# NumPy's products would wake a thread for each core, which wait for the next one at full speed: see benchmarks/log.md
@threadpool_limits.wrap(limits=1, user_api="blas")
def near_groups(looks: np.ndarray | Sequence[str]) -> np.ndarray:
    """Number fingerprints, uint8 (n, 160) or hexadecimal digits, so that those of the same picture, and chains of such,
    have the same number, int64 (n,); below 0: it stands alone, as it says nothing.

    Two are the same picture where their thumbnails, whatever their brightness, differ by at most 0.08 of the
    larger deviation, or by one level. JPEG of quality 50 moves photographs of 256 pixels by 0.03, digits and
    printed characters of 28 by 0.09 at most but for one in twenty; the two likest of 5,000 different digits are
    0.10 apart, and of 28,235 printed characters the largest group is of 17, all the same glyph of fonts that are
    alike. By the hash alone, 148 different digits 1 were one group.

    All pairs of few; of more, those that agree in one of the hash's eight words of 16 bits and lie near each
    other in one of eight orders: nearly all, in time n log n.
    """
    if not len(looks):
        return np.empty(0, np.int64)
    rows = looks if isinstance(looks, np.ndarray) else np.frombuffer(bytes.fromhex("".join(looks)), np.uint8)
    first, number = sort_and_number(rows := rows.reshape(-1, BYTES))
    several = Looks.of(rows, first, Limits(_NEAR, _GRAIN, _GREY))
    least = np.arange(len(first), dtype=np.uint32)       # of a pair's fingerprints; in the end of the group's

    def root(i: int) -> int:
        while (up := int(least[i])) != i:
            least[i] = i = least[up]
        return i
    for one, other in candidates(several):
        for few in runs(len(one), _FEW):
            i, j = one[few], other[few]
            new = least[i] != least[j]           # pairs are found again in other orders
            i, j = i[new], j[new]
            near = several.are_near(i, j)
            for a, b in zip(i[near].tolist(), j[near].tolist(), strict=True):
                a, b = sorted((root(a), root(b)))
                least[b] = a
    while (least != (up := least[least])).any():
        least = up
    group = least[number].astype(np.int64)
    # equal pictures that are nearly blank say nothing either: each of those stands alone
    silent = np.flatnonzero(several.variance[number] < 0)
    group[silent] = -1 - silent
    return group
