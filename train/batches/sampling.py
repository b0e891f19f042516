"""Class-balanced sampling: how often each row comes in an epoch, so that rare classes are seen more often."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tenfold.data.random_streams import SAMPLING


@dataclass(frozen=True, eq=False)
class Sampling:
    """How often each row comes, by the weight (rows of its class)^-power: 0 all rows alike, 1 all classes alike.

    These are counts, not random draws with replacement: the counts of two rows of a class differ by 1 at most, and
    which rows come once more is random. So no row is left out while another comes five times.
    """
    labels: np.ndarray                           # int64 (rows,): of all shards of the split
    power: float                                 # 0 … 1

    @cached_property
    def _members(self) -> list[np.ndarray]:
        """The rows of each class that has any."""
        by_class = np.argsort(self.labels, kind="stable")
        return [rows for rows in np.split(by_class, np.cumsum(np.bincount(self.labels))) if len(rows)]

    def repeats(self, total: int, seed: int, epoch: int) -> np.ndarray:
        """Return int64 (rows,): how often each row comes; their sum is `total`."""
        rng = np.random.default_rng([seed, SAMPLING, epoch])
        sizes = np.array([len(rows) for rows in self._members], float)
        ends = np.cumsum(sizes ** (1 - self.power))
        # each class gets its share of `total`, rounded up or down: one random number shifts all borders, so that the
        # mean over epochs is the share itself
        ends = np.floor(np.array([0, *ends / ends[-1]]) * total + rng.random()).astype(np.int64)
        counts = np.empty(len(self.labels), np.int64)
        for rows, wanted in zip(self._members, np.diff(ends), strict=True):
            counts[rows], more = divmod(wanted, len(rows))
            counts[rng.permutation(rows)[:more]] += 1
        return counts
