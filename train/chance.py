"""Tell whether a share of right answers is better than always naming the most frequent class."""

import math

import numpy as np
from numpy.typing import NDArray

SURE = 1.64                  # standard errors of a one-sided 95% test


def guess_rate(counts: NDArray[np.int64]) -> float:
    """Return the accuracy of always predicting the most frequent class. counts: rows of each class, (classes,)."""
    return float(counts.max() / counts.sum())


def is_guessing(top1: float, guess: float, rows: int) -> bool:
    """Whether top-1 of `rows` rows is no better than guessing; False if there are too few rows to tell."""
    bound = guess + SURE * math.sqrt(guess * (1 - guess) / rows)
    return top1 <= bound < 1
