"""Find pairs of fingerprints that may be of the same picture, among a million, in time n log n and 100 bytes for each.

The fingerprints are sorted in eight orders, and only those that are close in one of them are compared. Most of these
pairs are rejected by the distance between the first 16 principal components of their thumbnails. This distance is never
larger than that of the thumbnails, so no near pair is lost. Of 800,000 characters, one pair for every five of them is
left for the full comparison.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tenfold.data.unique import unique
from tenfold.preprocess.survey.sorting import HASH, THUMBNAIL, TINTS, WINDOW, pieces, sorted_by

_ALL = 2048                  # up to so many fingerprints are all compared with each other
_NEIGHBOURS = 64             # of more, each is compared with so many on either side of it in each of eight orders
_BLOCK = 32                  # fingerprints compared with those behind them by one product of matrices
_TOGETHER = 1 << 13          # fingerprints compared at once, so that they stay in the processor's cache
_FEW = 1 << 10               # thumbnails read at once, likewise
_HELD = 1 << 19              # pairs collected before repeated ones are dropped
_NEAR = 4, 625               # thumbnails of the same picture differ by at most 4/625 of their variance, which is
                             # 0.08 of their deviation; see find_near
_TINT = 3                    # … and their colours by as large a share, or by so many levels: JPEG of quality 50
                             # changes those of photographs of 32 pixels by 2.7 levels, of 256 pixels by 0.5
_CELLS = 144                 # levels of a thumbnail
_MOVED = 2                   # 255ths of a picture's sides by which the windows of its copies may differ
_COMPONENTS = 16             # principal components
_SAMPLE = 1 << 10            # thumbnails from which the components are computed
_STEPS = 16                  # coordinates are whole sixteenths of a level, at most 16 · 12 · 127.5 of them
_ROUNDING = 0.5              # levels by which rounding may change a distance: 2 · √16 / 32, and float32's share
_FAR = np.float32(1e30)      # further than any distance


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints (not copied), and columns for the m distinct ones among them, in ascending order."""
    rows: np.ndarray         # uint8 (n, 196)
    first: np.ndarray        # uint32 (m,): a row that holds the distinct fingerprint
    words: np.ndarray        # uint16 (8, m): the hash
    variance: np.ndarray     # int32 (m,): of the thumbnail, times 144²; 0: nearly blank, never near another
    point: np.ndarray        # int16 (m, 16): the principal components of the thumbnail, in sixteenths of a level
    beyond: np.ndarray       # float32 (m,): the square of the point's length, less its share of a pair's limit

    @classmethod
    def of(cls, rows: np.ndarray, first: np.ndarray) -> "Fingerprints":
        """Compute the columns. rows: fingerprints, uint8 (n, 196). first: as `sort_and_number` returns it."""
        count, components = len(first), _components(rows[first[::-(-len(first) // _SAMPLE)]])
        words, point = np.empty((8, count), np.uint16), np.empty((count, _COMPONENTS), np.int16)
        variance, beyond = np.empty(count, np.int32), np.empty(count, np.float32)
        for piece in pieces(count, _FEW):
            some = rows[first[piece]]
            words[:, piece] = np.ascontiguousarray(some[:, HASH]).view(">u2").T
            levels = some[:, THUMBNAIL].astype(np.float32)                # their sums are below 2²⁴, so exact
            variance[piece] = _variance(levels)
            levels -= levels.mean(1, keepdims=True)
            place = levels @ components
            point[piece] = np.rint(np.multiply(place, _STEPS, out=place), out=place)
            beyond[piece] = np.einsum("ij,ij->i", place, place) - _share_of_limit(variance[piece])
        beyond[variance == 0] = _FAR
        return cls(rows, first, words, variance, point, beyond)

    def factors(self, which: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return two matrices, float32 (count, 18) each, for the k distinct fingerprints `which`.

        The product of a row of the first and a row of the second is above 0 if these two are too far apart to be near.
        Rows from k on are far from all others.
        """
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
        """Return bool (k,): whether pairs, numbers of distinct fingerprints (k,) each, are of the same picture."""
        a, b = self.rows[self.first[one]], self.rows[self.first[other]]
        over, under = _NEAR
        larger = np.maximum(self.variance[one], self.variance[other]).astype(np.int64)
        apart = _variance(a[:, THUMBNAIL].astype(np.float32) - b[:, THUMBNAIL])
        near = (np.minimum(self.variance[one], self.variance[other]) > 0) & (under * apart <= over * larger)
        moved = a[near][:, WINDOW].astype(np.int16) - b[near][:, WINDOW]
        near[near] = abs(moved).max(1, initial=0) <= _MOVED
        tints = [some[near][:, TINTS].view(np.int8).astype(np.int64) for some in (a, b)]
        larger = np.maximum(*[(some**2).sum(1) for some in tints])
        apart = ((tints[0] - tints[1]) ** 2).sum(1)
        near[near] = under * apart <= np.maximum(over * larger, under * _TINT**2 * tints[0].shape[1])
        return near

    def have_like_hashes(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return bool (k,): whether at most two in five of the bits that are set in either hash differ."""
        a, b = self.words[:, one], self.words[:, other]
        # with d differing bits, (set_bits + d) / 2 are set in either, so d is at most 2/5 of them if 4 d <= set_bits
        set_bits = np.bitwise_count(a).sum(0, dtype=np.int16) + np.bitwise_count(b).sum(0, dtype=np.int16)
        return 4 * np.bitwise_count(a ^ b).sum(0, dtype=np.int16) <= set_bits


def candidates(prints: Fingerprints) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs (i, j), in arrays, of distinct fingerprints that may be of the same picture.

    Of up to 2,048 fingerprints, no near pair is missing. Of more, nearly none: the pairs agree in a word of their
    hashes, are close in the order that is sorted by this word first, and have similar hashes.
    """
    count = len(prints.first)
    if count <= _ALL:
        left, right = prints.factors(np.arange(count), count)
        for piece in pieces(count, _NEIGHBOURS):
            i, j = np.nonzero(np.triu(left[piece] @ right.T <= 0, piece.start + 1))
            yield piece.start + i, j
        return
    for i, j in _without_repeats(_neighbours(prints)):
        chosen = prints.have_like_hashes(i, j)
        yield i[chosen], j[chosen]


def _neighbours(prints: Fingerprints) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs (i, j) that agree in a word and are close in its order; many of them several times."""
    count = len(prints.first)
    order = sorted_by(prints.words, range(1, 8), np.arange(count, dtype=np.uint32))
    for column in range(8):                      # sorted by this word, then by the one before it, and so on around
        order = sorted_by(prints.words, [column], order)
        for piece in pieces(count, _TOGETHER):
            places = order[piece.start:piece.stop + _NEIGHBOURS]
            blocks = -(-(piece.stop - piece.start) // _BLOCK)
            i, j = _close_pairs(*prints.factors(places, blocks * _BLOCK + _NEIGHBOURS))
            i, j = places[i], places[j]
            agree = prints.words[column, i] == prints.words[column, j]
            yield i[agree], j[agree]


def _without_repeats(pairs: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the same pairs, lower number first, in longer arrays; in each array a pair occurs once."""
    held, count = [np.empty(0, np.uint64)], 0
    for i, j in pairs:
        held.append(np.minimum(i, j).astype(np.uint64) << np.uint64(32) | np.maximum(i, j))
        count += len(i)
        if count >= _HELD:
            yield _distinct_pairs(held)
            held, count = held[:1], 0
    yield _distinct_pairs(held)


def _distinct_pairs(held: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct pairs (i, j), uint32 (k,) each, sorted. held: a pair in each uint64, 32 bits a number."""
    pairs = unique(np.concatenate(held))
    return (pairs >> np.uint64(32)).astype(np.uint32), pairs.astype(np.uint32)


def _components(rows: np.ndarray) -> np.ndarray:
    """Compute the principal components, float32 (144, 16), of the thumbnails of fingerprints uint8 (n, 196)."""
    levels = rows[:, THUMBNAIL].astype(float)
    levels -= levels.mean(1, keepdims=True)
    levels -= levels.mean(0)
    return np.linalg.eigh(levels.T @ levels)[1][:, -_COMPONENTS:].astype(np.float32)


def _share_of_limit(variance: np.ndarray) -> np.ndarray:
    """Return what a thumbnail adds to the limit of a pair, in squared sixteenths of a level.

    variance (k,): times 144². If two thumbnails are near, the smaller deviation is at least 1 - 0.08 of the larger
    one, so the larger limit is at most the sum of both, divided by 1 + (1 - 0.08)².
    """
    share = _NEAR[0] / _NEAR[1]
    limit = np.sqrt(share * variance / _CELLS) + _ROUNDING
    return (_STEPS * limit) ** 2 / (1 + (1 - share**0.5) ** 2)


def _variance(levels: np.ndarray) -> np.ndarray:
    """Compute the variance of each row, times 144²: float32 (k, 144) of whole numbers -> int64 (k,)."""
    square = np.einsum("ij,ij->i", levels, levels).astype(np.int64)
    return _CELLS * square - levels.sum(1).astype(np.int64) ** 2


def _close_pairs(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs (i, j), i < j <= i + 64, of rows of `Fingerprints.factors` whose product is at most 0.

    The last 64 rows occur as j only.
    """
    wide = _BLOCK + _NEIGHBOURS
    behind = np.lib.stride_tricks.sliding_window_view(right, wide, axis=0)[::_BLOCK]                 # (blocks, 18, 96)
    close = left[:-_NEIGHBOURS].reshape(-1, _BLOCK, left.shape[1]) @ behind <= 0                    # (blocks, 32, 96)
    step = np.arange(wide) - np.arange(_BLOCK)[:, None]
    close &= (step > 0) & (step <= _NEIGHBOURS)
    i, j = np.divmod(np.flatnonzero(close), wide)
    return i, i // _BLOCK * _BLOCK + j
