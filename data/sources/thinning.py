"""Choose a limited number of images of each class of a source, to use only a part of a large set."""

from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path

import numpy as np

from tenfold.data.random_streams import THINNING
from tenfold.data.sources.npz_pictures import Arrays, Members
from tenfold.data.sources.source import Source


@dataclass(frozen=True, eq=False)
class SomePictures:
    """Some of the pictures of an arrays file, with the same methods as `Arrays` and `Members`."""
    arrays: "Arrays | Members | SomePictures"
    rows: np.ndarray         # int64 (n,): the row of each picture in `arrays`

    def mapped(self, scratch: Path) -> "SomePictures":
        """Return the same pictures in files that can be mapped, as `Arrays.mapped` does."""
        return replace(self, arrays=self.arrays.mapped(scratch))

    def read(self, row: int, path: str) -> np.ndarray:
        """Return picture `row` of these, uint8 (H, W, C), as a copy."""
        return self.arrays.read(int(self.rows[row]), path)

    @property
    def pixels_of_each(self) -> int:
        """Height times width of the largest picture of the file."""
        return self.arrays.pixels_of_each

    @property
    def shape_of_each(self) -> tuple[int, ...] | None:
        """(H, W, C) of every picture of the file; None: they differ."""
        return self.arrays.shape_of_each

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return some pictures of one shape, uint8 (n, H, W, C), as a copy. rows: int64 (n,)."""
        return self.arrays.read_rows(self.rows[rows])


def choose_rows(source: Source, per_class: int, seed: int) -> np.ndarray:
    """Choose at most `per_class` rows of each class (0: all); return them in ascending order, int64 (n,).

    An official test split is used whole; in an official val split, classes are counted separately. The choice within a
    class depends on the seed and on its number of images. A larger `per_class` keeps the rows of a smaller one and adds
    more.
    """
    if not per_class:
        return np.arange(len(source))
    official = np.array([split or "train" for split in source.official])
    kinds = np.where(official == "test", -1, 2 * np.asarray(source.labels) + (official == "val"))
    order = np.argsort(kinds, kind="stable")
    numbers, starts = np.unique(kinds[order], return_index=True)
    used = kinds < 0
    for number, rows in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        if number >= 0:
            shuffled = np.random.default_rng([seed, THINNING, number]).permutation(rows)
            used[shuffled[:per_class]] = True
    return np.flatnonzero(used)


def choose_images(source: Source, rows: np.ndarray) -> Source:
    """Return a source with only some of the images. rows: their positions in the listing, int64 (n,), ascending."""
    if len(rows) == len(source):
        return source
    used = np.isin(np.arange(len(source)), rows).tolist()

    def of(column):
        return None if column is None else list(compress(column, used))
    return replace(source, paths=of(source.paths), labels=source.labels[rows], official=of(source.official),
                   stamps=of(source.stamps), groups=of(source.groups), homes=of(source.homes),
                   arrays=SomePictures(source.arrays, rows) if source.arrays else None)
