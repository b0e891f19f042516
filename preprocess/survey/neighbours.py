"""Find pairs of fingerprints that may be of the same picture, among a million in time n log n.

A pair is thrown out as soon as a bound on the distance of its thumbnails shows that they are not near: by sums over
ninths of the thumbnails, which are never further apart than the thumbnails are (Cauchy and Schwarz), so that no pair
is lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_ALL = 2048                  # fingerprints, at most, that are all compared with each other
_NEIGHBOURS = 64             # else: compared with each one, on either side of it in eight orders
_TOGETHER = 1 << 14          # compared at once: they stay in the processor's cache
_HASH = 16                   # bytes of the hash, which come first
_ROUNDING = 1.001            # float32 is far more exact than that


@dataclass(frozen=True)
class Limits:
    """How far two thumbnails of the same picture may be apart, 144 times: the larger of the two."""
    share: float             # of the larger deviation
    least: float


def candidates(rows: np.ndarray, deviations: np.ndarray,
               limits: Limits) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield pairs that may be the same picture: (i, j, the products of their thumbnails, summed), in arrays.

    rows uint8 (n, 160): different fingerprints; deviations (n,): of their thumbnails, 144 times; NaN: the thumbnail
    says nothing.
    """
    # float32 holds all sums below exactly, so that no order of adding changes a group
    if len(rows) <= _ALL:
        thumbnails = rows[:, _HASH:].astype(np.float32)
        for some in _runs(len(rows), 512):
            product = thumbnails[some] @ thumbnails[some.start:].T
            i, j = np.triu_indices(len(product), 1, product.shape[1])
            yield some.start + i, some.start + j, product[i, j].astype(np.int64)
        return
    words = _words(rows)
    ninths = _sums(rows, 4)
    ninths[np.isnan(deviations)] = np.nan                                # near to nothing
    bits = np.bitwise_count(rows[:, :_HASH]).sum(1, dtype=np.int16)
    within = ((_ROUNDING * np.maximum(limits.share * deviations, limits.least)) ** 2).astype(np.float32)
    for first in range(8):
        high, low = (_packed(words, range(first - skip, first - skip - 4, -1)) for skip in (0, 4))
        order = np.lexsort((low, high))
        ranked = _Ranked(high[order], low[order], bits[order], deviations[order], within[order], ninths[order].T.copy())
        for i, j in _neighbours(ranked):
            i, j = order[i], order[j]
            pairs = (rows[k, _HASH:].astype(np.float32) for k in (i, j))
            yield i, j, np.einsum("ij,ij->i", *pairs).astype(np.int64)


def sort_and_number(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (the different rows of uint8 (n, 160) in ascending order, which of them each row is), as numpy.unique does
    it; that takes three times as long, as it compares whole rows that differ in their first bytes."""
    words = _words(rows)
    high, low = _packed(words, range(4)), _packed(words, range(4, 8))
    order = np.lexsort((low, high))
    same = (np.diff(high[order]) == 0) & (np.diff(low[order]) == 0)      # as the next one, by their hashes
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    order[tied] = order[tied][np.argsort(_whole(rows[order[tied]]), kind="stable")]
    same[same] = _whole(rows[order[:-1][same]]) == _whole(rows[order[1:][same]])
    number = np.empty(len(rows), np.int64)
    number[order] = np.cumsum(np.append(True, ~same)) - 1
    return rows[order[np.append(True, ~same)]], number


def _whole(rows: np.ndarray) -> np.ndarray:
    """Rows as single values, which are compared byte by byte: (n,)."""
    return np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel()


def _words(rows: np.ndarray) -> np.ndarray:
    """uint16 (n, 8): the words of 16 bits of the hashes."""
    return np.ascontiguousarray(rows[:, :_HASH]).view(">u2").astype(np.uint16)


@dataclass(frozen=True)
class _Ranked:
    """Fingerprints in one of the eight orders."""
    high: np.ndarray         # uint64 (n,): half of the hash, the word that decides first highest
    low: np.ndarray          # uint64 (n,): the other half
    bits: np.ndarray         # int16 (n,): of the hash that are 1
    deviations: np.ndarray   # float64 (n,)
    within: np.ndarray       # float32 (n,): the square of how far apart they may be
    ninths: np.ndarray       # float32 (9, n): see `_sums`


def _runs(count: int, size: int) -> Iterator[slice]:
    return (slice(first, min(count, first + size)) for first in range(0, count, size))


def _sums(rows: np.ndarray, side: int) -> np.ndarray:
    """float32 (n, 144 / side²): sums over squares of the thumbnail of so many cells a side, less their mean.

    Their distance, squared, times 144 / side² is at most that of the thumbnails 144 times, squared.
    """
    count = 12 // side
    sums = np.empty((len(rows), count * count), np.float32)
    for some in _runs(len(rows), _TOGETHER):
        cells = rows[some, _HASH:].reshape(-1, count, side, count, side).sum((2, 4), np.float32)
        sums[some] = cells.reshape(-1, count * count)
        sums[some] -= sums[some].mean(1, keepdims=True)
    return sums


def _packed(words: np.ndarray, columns: range) -> np.ndarray:
    """uint64 (n,): four columns of words, uint16 (n, 8), the first one highest."""
    packed = np.zeros(len(words), np.uint64)
    for column in columns:
        packed = (packed << np.uint64(16)) | words[:, column]
    return packed


def _neighbours(ranked: _Ranked) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Places (i, j) of hashes that agree in their first word, are near each other in this order, and much alike."""
    count, within = len(ranked.high), ranked.within / 9
    word = (ranked.high >> np.uint64(48)).astype(np.uint16)
    room = np.empty((2, _TOGETHER), np.float32)
    for run in _runs(count, _TOGETHER):
        found = []
        for k in range(1, _NEIGHBOURS + 1):
            a, b = slice(run.start, min(run.stop, count - k)), slice(run.start + k, min(run.stop + k, count))
            if a.start >= a.stop or not (alike := word[a] == word[b]).any():
                break
            apart, part = room[:, :a.stop - a.start]
            apart[:] = 0
            for ninth in ranked.ninths:
                np.subtract(ninth[a], ninth[b], out=part)
                apart += np.square(part, out=part)
            alike &= apart <= np.maximum(within[a], within[b])
            i = np.flatnonzero(alike) + run.start
            found.append((i + k, i))
        if found:
            i, j = (np.concatenate(side) for side in zip(*found, strict=True))
            alike = _are_alike(ranked, i, j)
            yield i[alike], j[alike]


def _are_alike(ranked: _Ranked, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """bool (n,): which pairs are alike by their hashes and by their deviations."""
    # of the bits in either, at most two in five differ; there are half as many in either as in both and that differ
    differ = sum(np.bitwise_count(half[i] ^ half[j]).astype(np.int16) for half in (ranked.high, ranked.low))
    one, other = ranked.deviations[j], ranked.deviations[i]
    return (4 * differ <= ranked.bits[i] + ranked.bits[j]) & (np.abs(other - one) <= 0.25 * other)
