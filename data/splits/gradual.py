"""Tell whether series of pictures change gradually, as the frames of a video do, and those of other sets do not."""

import numpy as np

_BLOCKS, _BLOCK = 48, 32     # so many pieces of the listing are looked at, of so many images
_FAR = 5                     # a picture is compared with the next one of its series, and with the one so many on
_FEWEST = 20                 # fewer such comparisons prove nothing
_CLOSER = 0.9                # at least this share of neighbours in a series is closer than …
_CLOSEST = 0.05              # … this share of the pairs of different series of a class
_GRADUAL = 0.75              # at least this share of neighbours is closer than the picture and a later one
_ORDERS = 8                  # random orders of the pictures, from which pairs of different series are taken


def sample_rows(count: int) -> np.ndarray:
    """Return the rows to look at, of `count` rows in the order of their names: int64, ascending, in pieces."""
    if count <= _BLOCKS * _BLOCK:
        return np.arange(count)
    starts = np.linspace(0, count - _BLOCK, _BLOCKS).astype(np.int64)
    return np.unique(starts[:, None] + np.arange(_BLOCK))


def change_gradually(series: np.ndarray, labels: np.ndarray, looks: np.ndarray) -> bool:
    """Return whether each picture is like the next one of its series, more than like later ones or other series.

    series, labels: int64 (n,), in the order of the names; looks: a thumbnail of each picture, uint8 (n, pixels).
    """
    levels = looks.astype(np.float32)
    levels -= levels.mean(1, keepdims=True)
    length = np.linalg.norm(levels, axis=1, keepdims=True)
    levels /= np.maximum(length, 1)

    def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return 1 - np.einsum("ij,ij->i", levels[one], levels[other])
    order = np.lexsort([series, labels])
    order = order[length[order, 0] > 0]          # a blank picture is like no other
    one, following, later = order[:-_FAR], order[1:1 - _FAR], order[_FAR:]
    runs = (series[one] == series[later]) & (labels[one] == labels[later])
    one, following, later = one[runs], following[runs], later[runs]
    if len(one) < _FEWEST:
        return False
    near = apart(one, following)
    if (near < apart(one, later)).mean() < _GRADUAL:
        return False
    others = _pairs_of_series(series, labels)
    return len(others) >= _FEWEST and bool((near < np.quantile(apart(*others.T), _CLOSEST)).mean() >= _CLOSER)


def _pairs_of_series(series: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return random pairs of rows of the same class and different series, int64 (m, 2)."""
    rng, pairs = np.random.default_rng(0), []
    for _ in range(_ORDERS):
        order = rng.permutation(len(labels))
        order = order[np.argsort(labels[order], kind="stable")]
        pairs.append(np.column_stack([order[:-1], order[1:]]))
    one, other = np.concatenate(pairs).T
    apart = (labels[one] == labels[other]) & (series[one] != series[other])
    return np.column_stack([one[apart], other[apart]])
