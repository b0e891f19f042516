"""Train, val and test by source image, before any copy is made.

Images with the same pixels are one group, and a group lies on one side whole.
"""

import numpy as np

from data.errors import SourceFault
from data.tables import Split

HELD_OUT = ("test", "val")       # in the order in which they are filled


def split_sources(labels, digests, official, asked: Split, seed: int, classes) -> np.ndarray:
    """Which split each image belongs to.

    labels (n,) int64; digests: n strings, equal where the pixels are; official: n of "train",
    "val", "test" or None. Returns an array of n strings "train", "val", "test".

    Official splits are kept. Without an official val (or test) part, one is cut, stratified by
    class, from what is official train or not official at all. The cut depends on the digests and
    the seed, not on file names or on the order of the images.
    SourceFault: a class has fewer images than the parts need.
    """
    given = set(official)
    if asked.folds and "test" in given:
        raise SourceFault("the images", "have an official test part, so there are no folds of it",
                          "leave split.folds out, or give a folder without official parts")
    wanted = [part for part in HELD_OUT if part not in given]
    out = np.array([part or "train" for part in official], dtype="<U5")
    home = _home_class(labels, digests)
    for label, name in enumerate(classes):
        rows = np.flatnonzero((home == label) & (out == "train"))
        if not len(rows):
            raise SourceFault(f"class '{name}'", "has no training image that is not also one of another class",
                              "add images to it, or remove the class")
        for part, members in _cut(rows, digests, wanted, asked, seed, name).items():
            out[members] = part
    return out


def _home_class(labels, digests) -> np.ndarray:
    """The class that decides where an image goes: for the same picture under two labels, the lower."""
    lowest = {}
    for digest, label in zip(digests, labels, strict=True):
        lowest[digest] = min(int(label), lowest.get(digest, int(label)))
    return np.array([lowest[d] for d in digests], np.int64)


def _cut(rows, digests, wanted, asked: Split, seed: int, name: str) -> dict[str, list[int]]:
    """{"test": rows, "val": rows} of one class; whole groups, at least one of them, and otherwise
    never more rows than asked for."""
    groups = {}
    for row in rows:
        groups.setdefault(digests[row], []).append(int(row))
    # sorted by content, then shuffled: renaming files or adding a class moves nobody
    order = sorted(groups)
    order = [groups[order[i]] for i in np.random.default_rng([seed, 1]).permutation(len(order))]
    parts = {}
    for part in wanted:
        if part == "test" and asked.folds:
            if len(order) < asked.folds:
                raise SourceFault(f"class '{name}'", f"has {len(order)} different images for "
                                  f"{asked.folds} folds", "ask for fewer folds, or add images")
            taken = order[asked.fold::asked.folds]
        else:
            taken = _take(order, getattr(asked, part), len(rows), name, part)
        parts[part] = [row for group in taken for row in group]
        gone = {id(group) for group in taken}
        order = [group for group in order if id(group) not in gone]
    if not order:
        raise SourceFault(f"class '{name}'", f"has {len(rows)} usable images, and val and test take them all",
                          "ask for less with --set split.val=… split.test=…, or add images")
    return parts


def _take(order, want, total: int, name: str, part: str) -> list[list[int]]:
    """The first groups of `order` that together make `want` rows (a share of `total`, or a count)."""
    count = want if isinstance(want, int) else max(1, round(want * total)) if want else 0
    left = sum(len(group) for group in order)
    if count >= left + (count == 0):
        raise SourceFault(f"class '{name}'", f"has {total} usable images, and split.{part} = {want} "
                          f"needs {count} of the {left} that are left, with one over for training",
                          "ask for less, or add images")
    taken, have = [], 0
    for group in order:
        if have + len(group) <= count:
            taken.append(group)
            have += len(group)
    if count and not taken:                  # every group is larger than what was asked for
        taken = [min(order, key=len)]
    return taken


def duplicates(labels, digests, splits, paths) -> dict[str, list[list[str]]]:
    """Paths of images with the same pixels: under two labels, and on two sides of an official border."""
    groups = {}
    for i, digest in enumerate(digests):
        groups.setdefault(digest, []).append(i)
    groups = [g for g in groups.values() if len(g) > 1]

    def named(differ):
        return [[paths[i] for i in g] for g in groups if len({differ[i] for i in g}) > 1]
    return {"same": [[paths[i] for i in g] for g in groups],
            "two_labels": named(labels), "two_splits": named(splits)}
