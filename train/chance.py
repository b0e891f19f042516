"""Tell what chance explains of a share of right answers, and whether it is better than guessing."""

import math

import numpy as np
from numpy.typing import NDArray

SURE = 1.64                  # standard errors of a one-sided 95% test


def guess_rate(counts: NDArray[np.int64]) -> float:
    """Return the accuracy of always predicting the most frequent class. counts: rows of each class, (classes,)."""
    return float(counts.max() / counts.sum())


def is_clearly_higher(one: tuple[float, int], other: tuple[float, int]) -> bool:
    """Return whether a share of right answers is higher than another by more than a standard error of their difference.

    one, other: (share, rows), at least one row each. The error is that of equal shares, as in a two-proportion z-test;
    a right and a wrong row are added, so that it is not 0 if all rows are right.
    """
    (share, rows), (other_share, other_rows) = one, other
    pooled = (share * rows + other_share * other_rows + 1) / (rows + other_rows + 2)
    return share - other_share > math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / other_rows))


def is_guessing(top1: float, guess: float, rows: float) -> bool:
    """Return whether top-1 of `rows` rows is no better than guessing; False if there are too few rows to tell."""
    bound = guess + SURE * math.sqrt(guess * (1 - guess) / rows)
    return top1 <= bound < 1
