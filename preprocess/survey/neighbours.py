"""Find pairs of fingerprints that are of the same picture, among a million in time n log n and 120 bytes for each.

A pair is thrown out as soon as a bound on the distance of its thumbnails shows that they are not near: by sums over
squares of their cells, which are never further apart than the thumbnails are (Cauchy and Schwarz), so that no pair
is lost. What is left is compared as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_ALL = 2048                  # fingerprints, at most, that are all compared with each other
_NEIGHBOURS = 64             # else: compared with each one, on either side of it in eight orders
_TOGETHER = 1 << 14          # compared at once: they stay in the processor's cache
_FEW = 1 << 11               # thumbnails taken at once, likewise
_HASH, _CELLS = 16, 144      # bytes of the hash, and of the thumbnail that follows
_ROUNDING = 1.001            # float32 is far more exact than that


@dataclass(frozen=True)
class Limits:
    """From where on two thumbnails are of the same picture."""
    share: tuple[int, int]   # their squared distance, of the larger variance, as a fraction …
    grain: int               # … or so many levels
    telling: int             # levels of deviation below which a thumbnail says nothing


@dataclass(frozen=True)
class Looks:
    """Fingerprints, which are not copied, and what is known of each of the m different ones, in ascending order."""
    rows: np.ndarray         # uint8 (n, 160)
    first: np.ndarray        # int64 (m,): the row of each
    words: np.ndarray        # uint16 (m, 8): the hash
    total: np.ndarray        # int32 (m,): of the levels of the thumbnail
    variance: np.ndarray     # int32 (m,): of the thumbnail, times 144²; -1: it says nothing
    squares: np.ndarray      # uint16 (m, 16): sums over squares of 3×3 cells of the thumbnail
    limits: Limits

    @classmethod
    def of(cls, rows: np.ndarray, first: np.ndarray, limits: Limits) -> "Looks":
        """Compute the columns. first: as `sort_and_number` returns it."""
        count, fourth = len(first), np.arange(12) // 3
        square_of = np.eye(16, dtype=np.float32)[(4 * fourth[:, None] + fourth).ravel()]   # (144, 16): of each cell
        words, squares = np.empty((count, 8), np.uint16), np.empty((count, 16), np.uint16)
        total, variance = np.empty(count, np.int32), np.empty(count, np.int32)
        for some in _runs(count, _FEW):
            taken = rows[first[some]]
            words[some] = np.ascontiguousarray(taken[:, :_HASH]).view(">u2")
            levels = taken[:, _HASH:].astype(np.float32)                 # their sums are below 2²⁴, so exact
            sums = levels @ square_of
            squares[some], total[some] = sums, sums.sum(1)
            square = np.einsum("ij,ij->i", levels, levels).astype(np.int64)
            variance[some] = _CELLS * square - total[some].astype(np.int64) ** 2
        variance[variance < (limits.telling * _CELLS) ** 2] = -1
        return cls(rows, first, words, total, variance, squares, limits)

    def some(self, which: np.ndarray) -> "Looks":
        """Some of the different ones, as a copy. which: int64 (k,)."""
        return Looks(self.rows[self.first[which]], np.arange(len(which)), self.words[which], self.total[which],
                     self.variance[which], self.squares[which], self.limits)

    def levels(self, which: np.ndarray | slice) -> np.ndarray:
        """The thumbnails of some of the different ones, float32 (k, 144)."""
        return self.rows[self.first[which]][:, _HASH:].astype(np.float32)

    def within(self, variance: np.ndarray) -> np.ndarray:
        """The squared distance, times 144, up to which a thumbnail is near to one that varies no more."""
        return np.maximum(self.limits.share[0] / self.limits.share[1] * variance, (self.limits.grain * _CELLS) ** 2)


def near_pairs(looks: Looks) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs (i, j), in arrays, of different fingerprints that are of the same picture.

    All such pairs of few; of more, nearly all.
    """
    count = len(looks.first)
    if count <= _ALL:
        levels = looks.levels(slice(None))
        for run in _runs(count, 64):
            near = _are_near(looks, np.arange(count)[run, None], np.arange(count), levels[run] @ levels.T)
            i, j = np.nonzero(np.triu(near, run.start + 1))
            yield run.start + i, j
        return
    for first in range(8):
        high, low = (_packed(looks.words, range(first - skip, first - skip - 4, -1)) for skip in (0, 4))
        order = np.lexsort((low, high))
        del high, low
        for run in _runs(count, _TOGETHER):
            places = order[run.start:run.stop + _NEIGHBOURS]
            some = looks.some(places)
            i, j = _alike(some, *_neighbours(some, run.stop - run.start, first))
            parts = [_are_near(some, i[few], j[few], np.einsum("ij,ij->i", some.levels(i[few]), some.levels(j[few])))
                     for few in _runs(len(i), _FEW)]
            if parts:
                near = np.concatenate(parts)
                yield places[i[near]], places[j[near]]


def _are_near(looks: Looks, one: np.ndarray, other: np.ndarray, product: np.ndarray) -> np.ndarray:
    """bool, whether pairs of different fingerprints are near. product: of their levels, summed: whole numbers."""
    totals = [looks.total[which].astype(float) for which in (one, other)]        # all is exact below 2⁵³
    a, b = (looks.variance[which].astype(float) for which in (one, other))
    apart = a + b + 2 * totals[0] * totals[1] - 2 * _CELLS * product.astype(float)
    over, under = looks.limits.share
    limit = np.maximum(over * np.maximum(a, b), under * (looks.limits.grain * _CELLS) ** 2)
    return (under * apart <= limit) & (a >= 0) & (b >= 0)


def sort_and_number(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (a row of each different one of uint8 (n, 160), in ascending order; which of them each row is).

    As numpy.unique does it; that takes three times as long, as it compares whole rows that differ in their first bytes.
    """
    words = np.ascontiguousarray(rows[:, :_HASH]).view(">u8")
    order = np.lexsort((words[:, 1], words[:, 0]))
    same = (words[order[1:]] == words[order[:-1]]).all(1)                # as the next one, by their hashes
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    order[tied] = order[tied][np.argsort(_whole(rows[order[tied]]), kind="stable")]
    same[same] = _whole(rows[order[:-1][same]]) == _whole(rows[order[1:][same]])
    different = np.append(True, ~same)
    number = np.empty(len(rows), np.int64)
    number[order] = np.cumsum(different) - 1
    return order[different], number


def _whole(rows: np.ndarray) -> np.ndarray:
    """Rows as single values, which are compared byte by byte: (n,)."""
    return np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel()


def _runs(count: int, size: int) -> Iterator[slice]:
    return (slice(first, min(count, first + size)) for first in range(0, count, size))


def _packed(words: np.ndarray, columns: range) -> np.ndarray:
    """uint64 (n,): four columns of words, uint16 (n, 8), the first one highest."""
    packed = np.zeros(len(words), np.uint64)
    for column in columns:
        packed <<= np.uint64(16)
        packed |= words[:, column]
    return packed


def _neighbours(looks: Looks, count: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j) of fingerprints in one of the eight orders that agree in the word `first`, are near each other
    there, and whose sums over squares are no further apart than those of the same picture. The first `count` of
    them are compared with those behind."""
    word, last = looks.words[:, first].copy(), len(looks.first)
    squares = looks.squares.astype(np.float32)
    squares -= squares.mean(1, keepdims=True)
    squares[looks.variance < 0] = np.nan                                 # near to nothing
    columns, within = squares.T.copy(), (_ROUNDING**2 / 16 * looks.within(looks.variance)).astype(np.float32)
    held, found = np.empty((2, count), np.float32), [(np.empty(0, np.int64),) * 2]
    for k in range(1, min(_NEIGHBOURS, last - 1) + 1):
        a, b = slice(0, min(count, last - k)), slice(k, min(count + k, last))
        alike = word[a] == word[b]
        if not (number := np.count_nonzero(alike)):
            break
        if 8 * number < len(alike):
            i = np.flatnonzero(alike)
            apart = np.square(squares[i] - squares[i + k]).sum(1)
            i = i[apart <= np.maximum(within[i], within[i + k])]
        else:                    # one by one takes five times as long as all of them in their order
            apart, part = held[:, :a.stop]
            apart[:] = 0
            for square in columns:
                np.subtract(square[a], square[b], out=part)
                apart += np.square(part, out=part)
            i = np.flatnonzero(alike & (apart <= np.maximum(within[a], within[b])))
        found.append((i + k, i))
    i, j = (np.concatenate(side) for side in zip(*found, strict=True))
    return i, j


def _alike(looks: Looks, i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of the pairs (i, j) that are alike by their hashes and by their deviations."""
    # of the bits in either, at most two in five differ; there are half as many in either as in both and that differ
    bits, deviations = np.bitwise_count(looks.words).sum(1, dtype=np.int16), np.sqrt(np.maximum(looks.variance, 0))
    differ = np.bitwise_count(looks.words[i] ^ looks.words[j]).sum(1, dtype=np.int16)
    one, other = deviations[j], deviations[i]
    alike = (4 * differ <= bits[i] + bits[j]) & (np.abs(other - one) <= 0.25 * other)
    return i[alike], j[alike]
