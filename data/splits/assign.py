"""Assign each source image to train, val or test, before any copy is made.

Images that belong together form a unit, and a unit is never divided between splits: images with the same pixels, images
of the same group and, if the recipe asks for it, near-duplicates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tenfold.data.errors import SourceFault
from tenfold.data.splits.stratify import Cut, cut_units, units_of_classes
from tenfold.data.tables import Split
from tenfold.data.wording import counted, some

HELD_OUT = ("test", "val")       # in the order in which they are filled
_NAMED = 10                      # classes that a message names


@dataclass(frozen=True)
class Images:
    """All that decides on the split of each image: columns of equal length, a row for each usable image."""
    labels: np.ndarray                       # int64, index into the classes
    digests: Sequence[str] | np.ndarray      # equal for equal pixels
    official: Sequence[str | None]           # official split: "train", "val", "test", or None
    groups: list[str | None] | None = None   # images with the same name belong together; None: in no group
    near: Sequence[int | None] | np.ndarray | None = None    # near-duplicates have the same number; None, or in an
                                             # array a number below 0: the image has none
    contents: Sequence[str] | np.ndarray | None = None       # digests of the images as they are stored, which do not
                                             # depend on the recipe as pixels do (grey or colour, a JPEG decoded
                                             # smaller); None: digests


def split_sources(images: Images, classes: Sequence[str], config: Split, seed: int) -> np.ndarray:
    """Assign each image to a split; return n strings "train", "val", "test".

    Official splits are kept. If there is no official val (or test) split, one is taken, stratified by class, from the
    images that are in the official train split or in none. The result depends on contents, equal digests, the groups
    and the seed, not on file names or the order of the images. With a smaller val split the test split is
    the same, unless a class had too few for the larger one. SourceFault: classes have fewer images or units than the
    splits need, and are not to be trained on only.
    """
    given = set(images.official)
    if config.folds and "test" in given:
        raise SourceFault("the images", "have an official test split, so there are no folds of it",
                          "leave split.folds out, or give a folder without official splits")
    rows = np.flatnonzero([split in (None, "train") for split in images.official])
    labels, units, copies = _units(images, rows)
    totals = np.bincount(labels, minlength=len(classes))
    if not totals.all():
        raise _nothing_left(images, classes, np.flatnonzero(totals == 0))
    wants = {split: [count_wanted(getattr(config, split), int(total)) for total in totals]
             for split in HELD_OUT if split not in given}
    cut = Cut(labels, units, wants, config.folds, config.fold, seed, copies)
    all_classes = config.small_classes == "refuse" or config.folds
    held_out, small = (cut_units if all_classes else _cut_larger_classes)(cut, len(classes))
    if small:
        number = [len(of) for of in units_of_classes(labels, units, len(classes))]
        raise _too_small([(classes[c], int(totals[c]), number[c]) for c in small], config, wants)
    out = np.array([split or "train" for split in images.official], dtype="<U5")
    for split, members in held_out.items():
        out[rows[members]] = split
    return out


def _cut_larger_classes(cut: Cut, classes: int) -> tuple[dict[str, np.ndarray], list[int]]:
    """Return the result of cut_units with nothing wanted of the classes that are too small, if others remain.

    A class may prove to be too small only when others are left out.
    """
    left_out = set[int]()
    while True:
        wants = {split: [0 if c in left_out else want for c, want in enumerate(of_class)]
                 for split, of_class in cut.wants.items()}
        if any(any(cut.wants[split]) > any(of_class) for split, of_class in wants.items()):
            return {}, sorted(left_out)          # a split would be empty
        held_out, small = cut_units(replace(cut, wants=wants), classes)
        if left_out.issuperset(small):
            return held_out, small
        left_out.update(small)


def count_wanted(want: float, total: int) -> int:
    """Return how many of the `total` images of a class a split wants. want: a share, or a number of images."""
    return min(want, total) if isinstance(want, int) else max(1, round(want * total)) if want else 0


def _nothing_left(images: Images, classes, empty) -> SourceFault:
    """Return the fault of classes that have no training image."""
    names = []
    for c in empty.tolist():
        splits = sorted({images.official[i] or "train" for i in np.flatnonzero(images.labels == c).tolist()})
        names.append(f"'{classes[c]}' (" + ("all of them are images of another class too" if "train" in splits else
                     f"only in {' and '.join(splits)}" if splits else "none can be used") + ")")
    return SourceFault("the images", ("class " if len(names) == 1 else f"{len(names)} classes ")
                       + "without a training image: " + some(names, _NAMED), "add images, or remove the class")


def _too_small(classes, config: Split, wants) -> SourceFault:
    """Return the fault of classes, (name, images, units) each, that are too small to be split."""
    number = [counted(total, "usable image") + (f" in {counted(units, 'group')}" if units < total else "")
              for _, total, units in classes]
    settings = [f"split.folds = {config.folds}" if split == "test" and config.folds else f"split.{split} = "
                f"{getattr(config, split)}" for split in wants
                if (split == "test" and config.folds) or getattr(config, split)]
    need = f"too few for {' and '.join(settings)} with one over for training"
    only_train = 'set split.small_classes = "train", ' if not config.folds and config.small_classes == "refuse" else ""
    cure = f"ask for less in split.val and split.test, add images, {only_train}or remove "
    if len(classes) == 1:
        return SourceFault(f"class '{classes[0][0]}'", f"has {number[0]}, {need}", cure + "it")
    names = [f"'{name}' ({what})" for (name, *_), what in zip(classes, number, strict=True)]
    return SourceFault("the images", f"{len(classes)} classes have {need}: {some(names, _NAMED)}", cure + "them")


def _units(images: Images, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return (the class that each of `rows` counts for, its unit, whether all units only hold copies of one image).

    Units are numbered in the order of the smallest digest of their contents.
    """
    labels, digests = np.asarray(images.labels), ranks(images.digests)
    contents = digests if images.contents is None else ranks(images.contents)
    joined = join([digests[rows]] + [numbers(column)[rows] for column in (images.groups, images.near)
                                     if column is not None])
    unit, own = ranks(joined), digests[rows]
    least, first = np.full((2, unit.max(initial=-1) + 1), len(digests))
    np.minimum.at(least, unit, own)
    np.minimum.at(first, unit, contents[rows])
    several = np.zeros(len(least), bool)
    several[unit[own != least[unit]]] = True
    # images with the same pixels but different labels count for the lowest label; those of larger units for their own
    lowest = np.full(len(digests), labels.max(initial=0))
    np.minimum.at(lowest, own, labels[rows])
    order = ranks(first * (len(digests) + 1) + least)
    return np.where(several[unit], labels[rows], lowest[own]), order[unit], not several.any()


def ranks(values: Sequence | np.ndarray) -> np.ndarray:
    """Return the rank of each value among the distinct values in ascending order, int64 (n,)."""
    return np.unique(np.asarray(values), return_inverse=True)[1].ravel()


def numbers(column: Sequence | np.ndarray) -> np.ndarray:
    """Return a number for each value of a column, int64 (n,): equal values have the same number, None is -1.

    An array of whole numbers is returned as it is.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind == "i":
        return column
    seen: dict[object, int] = {}
    return np.fromiter((-1 if value is None else seen.setdefault(value, len(seen)) for value in column), np.int64,
                       len(column))


def join(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Join rows that are equal in one of the columns, also through chains; return a number for each row, int64 (n,).

    columns: int64 (n,) each, as `numbers` returns them.
    """
    parent = np.arange(len(columns[0]))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i
    for column in columns:
        _, first, which = np.unique(column, return_index=True, return_inverse=True)
        first = first[which.ravel()]             # the first row of the same number
        again = np.flatnonzero((column >= 0) & (first != np.arange(len(column))))
        for i, j in zip(again.tolist(), first[again].tolist(), strict=True):
            parent[root(i)] = root(j)
    while (parent != (up := parent[parent])).any():
        parent = up
    return parent


def duplicates(labels: Sequence | np.ndarray, digests: Sequence | np.ndarray, splits: Sequence | np.ndarray,
               paths: Sequence[str]) -> dict[str, list[list[str]]]:
    """Return the paths of images with the same pixels, in groups: all, those with two labels, those in two splits.

    labels, digests, splits, paths: of each of the m images. The keys are "same", "two_labels" and "two_splits".
    """
    groups: dict[int, list[int]] = {}
    kind = ranks(digests)
    for i in np.flatnonzero(np.bincount(kind)[kind] > 1).tolist():
        groups.setdefault(int(kind[i]), []).append(i)
    several = list(groups.values())

    def named(differ):
        return [[paths[i] for i in g] for g in several if len({differ[i] for i in g}) > 1]
    return {"same": [[paths[i] for i in g] for g in several],
            "two_labels": named(labels), "two_splits": named(splits)}
