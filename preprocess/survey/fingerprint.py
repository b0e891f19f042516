"""Compute fingerprints of pictures, to find near-duplicates (the same picture saved twice) and blank pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

_STEP = 2                    # levels: a difference between two cells that is more than paper's grain
_CELLS = 12                  # cells of the thumbnail on each side
_NEAR = 4, 625               # the same picture: thumbnails differ by at most 4/625 of their variance, 0.08 of
                             # their deviation; see near_groups
_GRAIN = 1                   # … or by a level, which is what rounding and JPEG do to a picture of few levels
_GREY = 4                    # levels of deviation: a flatter thumbnail says nothing
# the same as shares of a deviation (144 times), a little larger, for rounding
_SHARE, _LEVEL = 1.001 * (_NEAR[0] / _NEAR[1]) ** 0.5, 1.001 * _GRAIN * _CELLS**2
_ALL = 2048                  # fingerprints, at most, that are all compared with each other
_NEIGHBOURS = 64             # else: compared with each one, on either side of it in eight orders
_TOGETHER = 1 << 14          # compared at once: they stay in the processor's cache
HASH = 32                    # hexadecimal digits of the hash, which come first
BYTES = HASH // 2 + _CELLS**2        # of a fingerprint


def fingerprints(pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, list[float]]:
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


def near_groups(looks: np.ndarray | Sequence[str]) -> list[int]:
    """Number fingerprints, uint8 (n, 160) or hexadecimal digits, so that those of the same picture, and chains of such,
    have the same number.

    Two are the same picture where their thumbnails, whatever their brightness, differ by at most 0.08 of the
    larger deviation, or by one level. JPEG of quality 50 moves photographs of 256 pixels by 0.03, digits and
    printed characters of 28 by 0.09 at most but for one in twenty; the two likest of 5,000 different digits are
    0.10 apart, and of 28,235 printed characters the largest group is of 17, all the same glyph of fonts that are
    alike. By the hash alone, 148 different digits 1 were one group.

    All pairs of few; of more, those that agree in one of the hash's eight words of 16 bits and lie near each
    other in one of eight orders: nearly all, in time n log n.
    """
    if not len(looks):
        return []
    rows = looks if isinstance(looks, np.ndarray) else np.frombuffer(bytes.fromhex("".join(looks)), np.uint8)
    rows, which = np.unique(rows.reshape(-1, BYTES), axis=0, return_inverse=True)
    thumbnails = rows[:, HASH // 2:]
    total, square = (np.empty(len(rows), np.int64) for _ in range(2))
    for some in _runs(len(rows), _TOGETHER):
        levels = thumbnails[some].astype(np.int64)
        total[some], square[some] = levels.sum(1), (levels * levels).sum(1)
    cells = _CELLS**2
    variance = cells * square - total**2
    telling = variance >= (_GREY * cells) ** 2
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i
    for i, j, product in _candidates(rows, np.where(telling, np.sqrt(variance), np.nan)):
        apart = cells * (square[i] + square[j] - 2 * product) - (total[i] - total[j]) ** 2
        limit = np.maximum(_NEAR[0] * np.maximum(variance[i], variance[j]), _NEAR[1] * (_GRAIN * cells) ** 2)
        near = telling[i] & telling[j] & (_NEAR[1] * apart <= limit)
        for a, b in zip(i[near].tolist(), j[near].tolist(), strict=True):
            parent[root(a)] = root(b)
    # equal pictures that are nearly blank say nothing either: each of those stands alone
    return [root(i) if says else -1 - n for n, (i, says) in enumerate(zip(
        which.ravel().tolist(), telling[which.ravel()].tolist(), strict=True))]


def _runs(count: int, size: int) -> Iterator[slice]:
    return (slice(first, min(count, first + size)) for first in range(0, count, size))


def _candidates(rows: np.ndarray, deviations: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pairs that may be the same picture: (i, j, the products of their thumbnails, summed), in arrays.

    deviations (n,): of the thumbnails, 144 times; NaN: the thumbnail says nothing.
    """
    # float32 holds all sums below exactly, so that no order of adding changes a group
    if len(rows) <= _ALL:
        thumbnails = rows[:, HASH // 2:].astype(np.float32)
        for some in _runs(len(rows), 512):
            product = thumbnails[some] @ thumbnails[some.start:].T
            i, j = np.triu_indices(len(product), 1, product.shape[1])
            yield some.start + i, some.start + j, product[i, j].astype(np.int64)
        return
    coarse = np.empty((len(rows), 16), np.float32)
    for some in _runs(len(rows), _TOGETHER):
        coarse[some] = rows[some, HASH // 2:].reshape(-1, 4, 3, 4, 3).sum((2, 4)).reshape(-1, 16)
    words = np.ascontiguousarray(rows[:, :HASH // 2]).view(">u2").astype(np.uint64)
    for first in range(8):
        high, low = (_packed(words[:, np.arange(first - skip, first - skip - 4, -1)]) for skip in (0, 4))
        order = np.lexsort((low, high))
        for places in _neighbours(_Ranked(high[order], low[order], deviations[order])):
            for some in _runs(len(places[0]), _TOGETHER):
                i, j = (order[side[some]] for side in places)
                near = _may_be_near(coarse[i] - coarse[j], np.maximum(deviations[i], deviations[j]))
                i, j = i[near], j[near]
                pairs = (rows[k, HASH // 2:].astype(np.float32) for k in (i, j))
                yield i, j, np.einsum("ij,ij->i", *pairs).astype(np.int64)


def _may_be_near(apart: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """bool (n,): whether thumbnails can be near whose 16 squares of 3×3 cells are so far `apart`, float32 (n, 16).

    Their distance is that of the thumbnails at most (Cauchy and Schwarz). deviation (n,): the larger of each two.
    """
    distance = 16 * np.einsum("ij,ij->i", apart, apart) - apart.sum(1) ** 2
    return distance <= np.maximum(_SHARE * deviation, _LEVEL) ** 2


def _packed(words: np.ndarray) -> np.ndarray:
    """uint64 (n,): four words of 16 bits, uint64 (n, 4), the first one highest."""
    return (words << np.array([48, 32, 16, 0], np.uint64)).sum(1, dtype=np.uint64)


@dataclass(frozen=True)
class _Ranked:
    """Hashes in one of the eight orders: their halves uint64 (n,) each, the first word highest, and deviations."""
    high: np.ndarray
    low: np.ndarray
    deviations: np.ndarray


def _neighbours(ranked: _Ranked) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Places (i, j) of hashes that agree in their first word, are near each other, and much alike."""
    high, low, deviations = ranked.high, ranked.low, ranked.deviations
    word, bits = (high >> np.uint64(48)).astype(np.uint16), np.bitwise_count(high) + np.bitwise_count(low)
    bits = bits.astype(np.uint16)
    for run in _runs(len(high), _TOGETHER):
        found = []
        for k in range(1, _NEIGHBOURS + 1):
            a, b = slice(run.start, min(run.stop, len(high) - k)), slice(run.start + k, min(run.stop + k, len(high)))
            if a.start >= a.stop or not (alike := word[a] == word[b]).any():
                break
            one, other = deviations[a], deviations[b]
            apart = np.abs(other - one)
            # thumbnails are at least as far apart as their deviations
            alike &= (apart <= 0.25 * other) & (apart <= np.maximum(_SHARE * np.maximum(one, other), _LEVEL))
            i = np.flatnonzero(alike)
            # of the bits in either, at most two in five differ; bits in either: half of those in both and that differ
            differ = np.bitwise_count(high[a][i] ^ high[b][i]) + np.bitwise_count(low[a][i] ^ low[b][i])
            i = i[4 * differ.astype(np.uint16) <= bits[a][i] + bits[b][i]] + run.start
            found.append((i + k, i))
        if found:
            i, j = (np.concatenate(side) for side in zip(*found, strict=True))
            yield i, j
