"""Sort fingerprints, and number those that differ, at a cost for each that hardly grows with how many they are."""

from collections.abc import Iterable, Iterator

import numpy as np

HASH = 16                    # bytes of a fingerprint's hash, which come first


def sort_and_number(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (a row of each different one of uint8 (n, 160), in ascending order; which of them each row is), uint32.

    As numpy.unique does it; that takes many times as long, as it compares whole rows.
    """
    hashes = np.ascontiguousarray(rows[:, :HASH])
    words = hashes.view(">u2").T.astype(np.uint16, order="C")
    order = sorted_by(words, range(7, -1, -1), np.arange(len(rows), dtype=np.uint32))
    same = np.ones(max(0, len(rows) - 1), bool)  # as the next one, by their hashes
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
    """Return `order`, sorted by some rows of words, uint16 (8, m), the last of them first.

    NumPy sorts 16 bits by radix.
    """
    for column in columns:
        order = order.take(np.argsort(words[column].take(order), kind="stable"))
    return order


def runs(count: int, size: int) -> Iterator[slice]:
    """Yield the slices that cut `count` rows into runs of `size`."""
    return (slice(first, min(count, first + size)) for first in range(0, count, size))


def _whole(rows: np.ndarray) -> np.ndarray:
    """Rows as single values, which are compared byte by byte: (n,)."""
    return np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel()
