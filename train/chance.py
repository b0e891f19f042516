"""Tell whether a share of right answers is better than always naming the most frequent class."""

import math

import numpy as np
from numpy.typing import NDArray

SURE = 1.64                  # standard errors: one side of 95%


def guess_rate(counts: NDArray[np.int64]) -> float:
    """Return the share of rows that is right by always naming the most frequent class; counts (classes,): its rows."""
    return float(counts.max() / counts.sum())


def is_guessing(top1: float, guess: float, rows: int) -> bool:
    """Whether top-1 of so many rows is no better than guessing; False for rows so few that no score could tell."""
    bound = guess + SURE * math.sqrt(guess * (1 - guess) / rows)
    return top1 <= bound < 1
