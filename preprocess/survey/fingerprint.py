"""Compute fingerprints of pictures, to find near-duplicates (the same picture saved twice) and blank pictures."""

from collections.abc import Iterator

import cv2
import numpy as np

_STEP = 2                    # levels: a difference between two cells that is more than paper's grain
_CELLS = 12                  # cells of the thumbnail on each side
_NEAR = 4, 625               # the same picture: thumbnails differ by at most 4/625 of their variance, 0.08 of
                             # their deviation; see near_groups
_GRAIN = 1                   # … or by a level, which is what rounding and JPEG do to a picture of few levels
_GREY = 4                    # levels of deviation: a flatter thumbnail says nothing
_ALL = 2048                  # fingerprints, at most, that are all compared with each other
_NEIGHBOURS = 64             # else: compared with each one, on either side of it in eight orders
HASH = 32                    # hexadecimal digits of the hash, which come first


def fingerprint(pixels: np.ndarray) -> tuple[str, float]:
    """Return the fingerprint of a picture, uint8 (H, W, 1 or 3), and the standard deviation of its grey levels.

    (320 hexadecimal digits, 0..127.5)

    First 128 bits: whether each of 8×8 cells is darker than its right and than its lower neighbour
    (dHash, after N. Krawetz, "Kind of Like That", 2013, who has the right one only). They find candidates
    fast. Then the grey levels of a thumbnail of 12×12, a byte each, which decide.
    """
    grey = pixels[:, :, 0] if pixels.shape[2] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    spread = round(float(cv2.meanStdDev(grey)[1][0, 0]), 2)
    height, width = grey.shape
    step = min(height, width) // 64
    if step > 1:             # 60 µs for 350×350, where INTER_AREA takes 250 for all of the way
        grey = cv2.resize(grey, (width // step, height // step), interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(grey, (9, 9), interpolation=cv2.INTER_AREA).astype(np.int16)
    cell = small[:-1, :-1] + _STEP
    bits = np.packbits(np.stack([small[:-1, 1:] > cell, small[1:, :-1] > cell]))
    thumbnail = cv2.resize(grey, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
    return bits.tobytes().hex() + thumbnail.tobytes().hex(), spread


def near_groups(fingerprints: list[str]) -> list[int]:
    """Number the fingerprints so that those of the same picture, and chains of such, have the same number.

    Two are the same picture where their thumbnails, whatever their brightness, differ by at most 0.08 of the
    larger deviation, or by one level. JPEG of quality 50 moves photographs of 256 pixels by 0.03, digits and
    printed characters of 28 by 0.09 at most but for one in twenty; the two likest of 5,000 different digits are
    0.10 apart, and of 28,235 printed characters the largest group is of 17, all the same glyph of fonts that are
    alike. By the hash alone, 148 different digits 1 were one group.

    All pairs of few; of more, those that agree in one of the hash's eight words of 16 bits and lie near each
    other in one of eight orders: nearly all, in time n log n (35,000: 2 to 4 s).
    """
    if not fingerprints:
        return []
    rows = np.frombuffer(bytes.fromhex("".join(fingerprints)), np.uint8).reshape(len(fingerprints), -1)
    rows, which = np.unique(rows, axis=0, return_inverse=True)
    # float32 holds all sums below exactly, so that no order of adding changes a group
    thumbnails = rows[:, HASH // 2:].astype(np.float32)
    total, square = thumbnails.sum(1).astype(np.int64), np.square(thumbnails).sum(1).astype(np.int64)
    cells = _CELLS**2
    variance = cells * square - total**2
    telling = variance >= (_GREY * cells) ** 2
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i
    for i, j, product in _candidates(rows, thumbnails, np.sqrt(variance)):
        apart = cells * (square[i] + square[j] - 2 * product.astype(np.int64)) - (total[i] - total[j]) ** 2
        limit = np.maximum(_NEAR[0] * np.maximum(variance[i], variance[j]), _NEAR[1] * (_GRAIN * cells) ** 2)
        near = telling[i] & telling[j] & (_NEAR[1] * apart <= limit)
        for a, b in zip(i[near].tolist(), j[near].tolist(), strict=True):
            parent[root(a)] = root(b)
    # equal pictures that are nearly blank say nothing either: each of those stands alone
    return [root(i) if telling[i] else -1 - n for n, i in enumerate(which.ravel().tolist())]


def _candidates(rows: np.ndarray, thumbnails: np.ndarray,
                deviations: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pairs that may be the same picture: (i, j, the products of their thumbnails, summed), in arrays."""
    if len(rows) <= _ALL:
        for first in range(0, len(rows), 512):
            product = thumbnails[first:first + 512] @ thumbnails[first:].T
            i, j = np.triu_indices(len(product), 1, product.shape[1])
            yield first + i, first + j, product[i, j]
        return
    words = np.ascontiguousarray(rows[:, :HASH // 2]).view(">u2")
    for first in range(8):
        order = np.lexsort(np.roll(words, -1 - first, axis=1).T)           # lexsort's last key decides first
        ranked = words[order]
        packed, deviation = ranked.view(np.uint64), deviations[order]
        for k in range(1, _NEIGHBOURS + 1):
            alike = ranked[k:, first] == ranked[:-k, first]
            if not alike.any():
                break
            differ, either = (np.bitwise_count(f(packed[k:], packed[:-k])).sum(1, dtype=np.int16)
                              for f in (np.bitwise_xor, np.bitwise_or))
            alike &= (5 * differ <= 2 * either) & (np.abs(deviation[k:] - deviation[:-k]) <= 0.25 * deviation[k:])
            i, j = order[k:][alike], order[:-k][alike]
            yield i, j, np.einsum("ij,ij->i", thumbnails[i], thumbnails[j])
