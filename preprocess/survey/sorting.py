"""Sort fingerprints and number the distinct ones; the cost of each hardly grows with their number."""

from collections.abc import Iterable, Iterator

import numpy as np

# the parts of a fingerprint, uint8 (196,); see `fingerprint.fingerprints`
HASH, THUMBNAIL, TINTS, WINDOW = slice(16), slice(16, 160), slice(160, 192), slice(192, 196)
BYTES = WINDOW.stop


def sort_and_number(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the m distinct fingerprints among rows uint8 (n, 196), in ascending order.

    Returns (first row of each, uint32 (m,); number of each row's fingerprint, uint32 (n,)). numpy.unique gives the
    same, but takes many times as long, because it compares whole rows.
    """
    hashes = np.ascontiguousarray(rows[:, HASH])
    words = hashes.view(">u2").T.astype(np.uint16, order="C")
    order = sorted_by(words, range(7, -1, -1), np.arange(len(rows), dtype=np.uint32))
    same = np.ones(max(0, len(rows) - 1), bool)  # has the same hash as the next one
    for half in hashes.view(np.uint64).T:
        ordered = half.take(order)
        same &= ordered[1:] == ordered[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    order[tied] = order[tied][np.argsort(_whole(rows[order[tied]]), kind="stable")]
    same[same] = _whole(rows[order[:-1][same]]) == _whole(rows[order[1:][same]])
    different = np.append(True, ~same)
    number = np.empty(len(rows), np.uint32)
    number[order] = np.cumsum(different, dtype=np.uint32) - 1
    return order[different], number


def sorted_by(words: np.ndarray, columns: Iterable[int], order: np.ndarray) -> np.ndarray:
    """Return the indices `order`, sorted stably by each of `columns` in turn, so that the last counts most.

    words: uint16 (8, m); a column is one of its eight rows. NumPy sorts 16-bit values by radix sort.
    """
    for column in columns:
        order = order.take(np.argsort(words[column].take(order), kind="stable"))
    return order


def pieces(count: int, size: int) -> Iterator[slice]:
    """Yield the slices that cut `count` rows into consecutive pieces of `size`."""
    return (slice(first, min(count, first + size)) for first in range(0, count, size))


def _whole(rows: np.ndarray) -> np.ndarray:
    """View rows as single values (n,), which are compared byte by byte."""
    return np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel()
