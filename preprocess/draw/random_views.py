"""Draw random views: the random numbers of each copy, a pure function of (seed, source, copy).

A counter-based generator (Philox-4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
easy as 1, 2, 3", 2011) makes those of many copies in one call, yet each copy's as if it were alone, so rows
never depend on who draws them, or when, or beside which others. A generator of numpy's costs 17 µs a copy
to set up, as much as its warp; this one a third of a microsecond.
"""

from dataclasses import dataclass, fields

import numpy as np

from tenfold.data.tables import Draw

Value = float | bool | np.ndarray        # of one copy, or of n copies


@dataclass(frozen=True)
class RandomView:
    """The random numbers of one copy, or of n copies in arrays (n,); in 0..1 where nothing else is said."""
    turn: Value              # -1..1, times the recipe's rotation
    size: Value              # between the two bounds of scale
    across: Value            # left to right
    down: Value              # top to bottom
    tone: Value              # between the two bounds of contrast; below 0: as it is
    mirror: Value = False
    slant: Value = 0.0       # -1..1, times the recipe's shear
    aspect: Value = 0.0      # -1..1, the power of the recipe's aspect
    pen: Value = 0.0         # 0: as it is; below 1: one of the broader pens

    def __getitem__(self, which: int | np.ndarray) -> "RandomView":
        """Return the views of some of the n copies, or of one of them."""
        return RandomView(*(getattr(self, f.name)[which] for f in fields(self)))

    def times(self, n: int) -> "RandomView":
        """Return the views of n copies, all like this one."""
        return RandomView(*(np.full(n, getattr(self, f.name)) for f in fields(self)))


PLAIN = RandomView(turn=0.0, size=0.5, across=0.5, down=0.5, tone=-1.0)   # centred, upright, middling


def draw_views(seed: int, sources: np.ndarray, copies: np.ndarray, config: Draw) -> RandomView:
    """Draw the random views of n copies. sources, copies: whole numbers (n,) from 0, below 2³²."""
    draws = np.arange(3)[:, None]                                # four numbers each, and nine are needed
    words = philox((draws, copies, sources, 0), (seed & _LOW, seed >> 32))     # 4 × (3, n)
    turn, size, across, down, tone, mirror, slant, aspect, pen = np.concatenate(words)[:9] / 2.0**32
    if not config.place:
        across = down = np.full(len(turn), 0.5)
    return RandomView(2 * turn - 1, size, across, down, tone, mirror < config.flip, 2 * slant - 1, 2 * aspect - 1, pen)


def draw_view(seed: int, source: int, copy: int, config: Draw) -> RandomView:
    """Draw the random view of one copy."""
    return draw_views(seed, np.array([source]), np.array([copy]), config)[0]


_LOW, _HIGH = np.uint64(2**32 - 1), np.uint64(32)
_MULTIPLY = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85                                   # what the key grows by, a round


def philox(counter: tuple, key: tuple) -> tuple[np.ndarray, ...]:
    """Return the random numbers of Philox-4x32-10 for a counter.

    counter: four, key: two whole numbers in 0..2³² − 1, or arrays of them that broadcast. Four arrays uint64
    of numbers in 0..2³² − 1.
    """
    a, b, c, d = np.broadcast_arrays(*(np.asarray(word, np.uint64) for word in counter))
    for step in range(10):
        k, m = (np.uint64((int(word) + step * weyl) % 2**32) for word, weyl in zip(key, _WEYL, strict=True))
        first, second = a * _MULTIPLY[0], c * _MULTIPLY[1]       # 32 × 32 bits fit in 64
        a, b, c, d = (second >> _HIGH) ^ b ^ k, second & _LOW, (first >> _HIGH) ^ d ^ m, first & _LOW
    return a, b, c, d
