"""Find pairs of fingerprints that are of the same picture, among a million in time n log n and 100 bytes for each.

Pairs that are compared at all lie near each other in one of eight orders. Most are thrown out by the distance of their
thumbnails' first 16 principal components, which is never larger than that of the thumbnails, so that no pair is lost:
of 800,000 characters, one pair for five of them is left to be compared as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tenfold.data.unique import unique
from tenfold.preprocess.survey.sorting import HASH, runs, sorted_by

_ALL = 2048                  # fingerprints, at most, that are all compared with each other
_NEIGHBOURS = 64             # else: compared with each one, on either side of it in eight orders
_BLOCK = 32                  # compared with those behind them by one product of matrices
_TOGETHER = 1 << 13          # compared at once: they stay in the processor's cache
_FEW = 1 << 10               # thumbnails taken at once, likewise
_HELD = 1 << 19              # pairs that are held until those found several times are dropped
_CELLS = 144                 # bytes of the thumbnail, which follows the hash
_COMPONENTS = 16
_SAMPLE = 1 << 10            # thumbnails that the components are found from
_STEPS = 16                  # of a level: coordinates are whole numbers of them, at most 16 · 12 · 127.5
_ROUNDING = 0.5              # levels by which it may change a distance: 2 · √16 / 32, and float32's share
_FAR = np.float32(1e30)      # further than any


@dataclass(frozen=True)
class Limits:
    """From where on two thumbnails are of the same picture."""
    share: tuple[int, int]   # their squared distance, of the larger variance, as a fraction …
    grain: int               # … or so many levels
    telling: int             # levels of deviation below which a thumbnail says nothing

    def share_of(self, variance: np.ndarray) -> np.ndarray:
        """Return what a thumbnail adds to the limit of a pair, in squared steps. variance: times 144², (k,).

        Of two that are near, the smaller deviation is at least 1 - 0.08 of the larger one: the larger limit is at most
        the sum of both, divided by 1 + (1 - 0.08)².
        """
        share = self.share[0] / self.share[1]
        limit = np.sqrt(np.maximum(share * variance / _CELLS, self.grain**2 * _CELLS)) + _ROUNDING
        return (_STEPS * limit) ** 2 / (1 + (1 - share**0.5) ** 2)


@dataclass(frozen=True)
class Looks:
    """Fingerprints, which are not copied, and what is known of each of the m different ones, in ascending order."""
    rows: np.ndarray         # uint8 (n, 160)
    first: np.ndarray        # uint32 (m,): the row of each
    words: np.ndarray        # uint16 (8, m): the hash
    variance: np.ndarray     # int32 (m,): of the thumbnail, times 144²; -1: it says nothing
    point: np.ndarray        # int16 (m, 16): the principal components of the thumbnail, in sixteenths of a level
    beyond: np.ndarray       # float32 (m,): the square of its length, less its share of a pair's limit
    limits: Limits

    @classmethod
    def of(cls, rows: np.ndarray, first: np.ndarray, limits: Limits) -> "Looks":
        """Compute the columns. first: as `sort_and_number` returns it."""
        count, components = len(first), _components(rows[first[::-(-len(first) // _SAMPLE)]])
        words, point = np.empty((8, count), np.uint16), np.empty((count, _COMPONENTS), np.int16)
        variance, beyond = np.empty(count, np.int32), np.empty(count, np.float32)
        for some in runs(count, _FEW):
            taken = rows[first[some]]
            words[:, some] = np.ascontiguousarray(taken[:, :HASH]).view(">u2").T
            levels = taken[:, HASH:].astype(np.float32)                 # their sums are below 2²⁴, so exact
            variance[some] = _variance(levels)
            levels -= levels.mean(1, keepdims=True)
            place = levels @ components
            point[some] = np.rint(np.multiply(place, _STEPS, out=place), out=place)
            beyond[some] = np.einsum("ij,ij->i", place, place) - limits.share_of(variance[some])
        nothing = variance < (limits.telling * _CELLS) ** 2
        variance[nothing], beyond[nothing] = -1, _FAR
        return cls(rows, first, words, variance, point, beyond, limits)

    def factors(self, which: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Two matrices, float32 (count, 18) each, for k different ones: a row of the first, times a row of the second,
        is above 0 where the two are too far apart to be near. Rows from k on are far from all."""
        left, right = np.empty((2, count, _COMPONENTS + 2), np.float32)
        point = left[:, :-2]
        point[:len(which)] = self.point.take(which, axis=0)
        point[len(which):] = 0
        left[:len(which), -2] = self.beyond[which]
        left[len(which):, -2] = _FAR
        left[:, -1] = right[:, -2] = 1
        right[:, -1] = left[:, -2]
        np.multiply(point, -2, out=right[:, :-2])
        return left, right

    def are_near(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """bool (k,), whether pairs of different ones, by their numbers, are of the same picture."""
        a, b = (self.rows[self.first[which]][:, HASH:].astype(np.float32) for which in (one, other))
        c, d = (self.variance[which].astype(np.int64) for which in (one, other))
        over, under = self.limits.share
        limit = np.maximum(over * np.maximum(c, d), under * (self.limits.grain * _CELLS) ** 2)
        return (np.minimum(c, d) >= 0) & (under * _variance(a - b) <= limit)

    def are_alike(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """bool (k,), whether of the bits that are set in either hash, at most two in five differ."""
        a, b = self.words[:, one], self.words[:, other]
        # there are half as many in either as in both and that differ
        set_bits = np.bitwise_count(a).sum(0, dtype=np.int16) + np.bitwise_count(b).sum(0, dtype=np.int16)
        return 4 * np.bitwise_count(a ^ b).sum(0, dtype=np.int16) <= set_bits


def candidates(looks: Looks) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs (i, j), in arrays, of different fingerprints that may be of the same picture.

    Of few, all that are; of more, nearly all: those that agree in a word of their hashes, lie near each other in the
    order of the eight words from that one on, and have hashes that are alike.
    """
    count = len(looks.first)
    if count <= _ALL:
        left, right = looks.factors(np.arange(count), count)
        for run in runs(count, _NEIGHBOURS):
            i, j = np.nonzero(np.triu(left[run] @ right.T <= 0, run.start + 1))
            yield run.start + i, j
        return
    for i, j in _without_repeats(_neighbours(looks)):
        chosen = looks.are_alike(i, j)
        yield i[chosen], j[chosen]


def _neighbours(looks: Looks) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs as `candidates` has them, whatever their hashes; many of them several times."""
    count = len(looks.first)
    order = sorted_by(looks.words, range(1, 8), np.arange(count, dtype=np.uint32))
    for column in range(8):                      # ordered by this word, the one before it, …, the one after it
        order = sorted_by(looks.words, [column], order)
        for run in runs(count, _TOGETHER):
            places = order[run.start:run.stop + _NEIGHBOURS]
            blocks = -(-(run.stop - run.start) // _BLOCK)
            i, j = _close_by(*looks.factors(places, blocks * _BLOCK + _NEIGHBOURS))
            i, j = places[i], places[j]
            agree = looks.words[column, i] == looks.words[column, j]
            yield i[agree], j[agree]


def _without_repeats(pairs: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same pairs, the lower number first, gathered into longer arrays, in each of which a pair occurs once."""
    held, number = [np.empty(0, np.uint64)], 0
    for i, j in pairs:
        held.append(np.minimum(i, j).astype(np.uint64) << np.uint64(32) | np.maximum(i, j))
        number += len(i)
        if number >= _HELD:
            yield _different_pairs(held)
            held, number = held[:1], 0
    yield _different_pairs(held)


def _different_pairs(held: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Those of pairs, two numbers of 32 bits in each uint64, that differ: (i, j), uint32 (k,) each, in order."""
    pairs = unique(np.concatenate(held))
    return (pairs >> np.uint64(32)).astype(np.uint32), pairs.astype(np.uint32)


def _components(rows: np.ndarray) -> np.ndarray:
    """The directions, orthonormal, float32 (144, 16), in which the thumbnails of uint8 (n, 160) differ most."""
    levels = rows[:, HASH:].astype(float)
    levels -= levels.mean(1, keepdims=True)
    levels -= levels.mean(0)
    return np.linalg.eigh(levels.T @ levels)[1][:, -_COMPONENTS:].astype(np.float32)


def _variance(levels: np.ndarray) -> np.ndarray:
    """The variance of each row, times 144²; float32 (k, 144) of whole numbers -> int64 (k,)."""
    square = np.einsum("ij,ij->i", levels, levels).astype(np.int64)
    return _CELLS * square - levels.sum(1).astype(np.int64) ** 2


def _close_by(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j), i < j <= i + 64, of the rows of `Looks.factors` whose product is at most 0. i: not the last 64."""
    wide = _BLOCK + _NEIGHBOURS
    behind = np.lib.stride_tricks.sliding_window_view(right, wide, axis=0)[::_BLOCK]                 # (blocks, 18, 96)
    close = left[:-_NEIGHBOURS].reshape(-1, _BLOCK, left.shape[1]) @ behind <= 0                    # (blocks, 32, 96)
    step = np.arange(wide) - np.arange(_BLOCK)[:, None]
    close &= (step > 0) & (step <= _NEIGHBOURS)
    i, j = np.divmod(np.flatnonzero(close), wide)
    return i, i // _BLOCK * _BLOCK + j
