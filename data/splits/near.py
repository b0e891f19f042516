"""Decide which near-duplicates, and which series of frames, are kept in one split."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tenfold.data.splits.assign import HELD_OUT, Images, join, numbers, ranks
from tenfold.data.splits.groups import held_together
from tenfold.data.splits.series import Series
from tenfold.data.tables import Split
from tenfold.data.unique import unique
from tenfold.data.wording import readable, some

_LARGE, _LARGE_SHARE = 4, 0.5    # a group of near-duplicates is too large if it has more than this many pictures and
                                 # more than this share of a class
_MOST, _FRAMES = 0.5, 4          # near-duplicates may be frames of videos if more than half of the images are such, in
                                 # groups of four or more on average
_BURSTS = "; if they are frames of videos, split.groups keeps whole videos together, which this does not"
_DOUBT = "; the score may be too good, and split.groups can say which belong together"


def near_to_hold(images: Images, classes: Sequence[str], config: Split,
                 series: Series | None = None) -> tuple[np.ndarray, list[str]]:
    """Return (the groups to be kept in one split, int64 (n,), -1 for an image in none; notes, one per line).

    These are the groups of images.near, joined with the series. A group that is large compared with its class means
    that all pictures of the class look alike (a camera that does not move, patterns that differ by noise). So does a
    group that leaves the class with too few units to be split. Of such a group the series alone are kept, if they are
    not too large either, or else the near-duplicates alone, or nothing.
    """
    near = numbers([] if images.near is None else images.near)
    near = np.where(near < 0, -1 - np.arange(len(near)), near)
    number = np.full(len(near), -1) if series is None else series.number
    joined = join([near, number])
    ways = [joined, np.where(number < 0, near, near.max(initial=0) + 1 + number), near] if series else [near]
    group, tried = np.full(len(near), -1), np.zeros(len(near), np.int64)
    for i, way in enumerate(ways):
        group = np.where(tried == i, ranks(way) + i * len(near), group)      # other numbers than those of other ways
        group, refused = _without_large(group, images, config)
        tried[refused] = i + 1
    whole = (number >= 0) & (tried < 2)
    if not (whole & ((tried == 1) | (_sizes(joined) > _sizes(near)))).any():     # the near-duplicates are whole series
        whole[:] = False
    lines = _series_notes(images, np.where(whole, group, -1), (number >= 0) & (tried > 1), classes, series.example) \
        if series else []
    if (refused := tried == len(ways)).any():
        lines.append("too many images look alike to keep them in one split: "
                     + _by_class(images.labels, refused, classes) + _DOUBT)
    alike = (group >= 0) & ~np.isin(group, group[whole]) & (different(near, images.digests) > 1)
    if count := int(alike.sum()):
        bursts = count > max(_MOST * len(near), _FRAMES * len(unique(near[alike])) - 1)
        held = held_together(np.where(alike, near, -1), images.official)
        lines.append(f"near-duplicates: {held}{_BURSTS if bursts else ''}")
    return group, lines


def different(near: np.ndarray, digests: Sequence[str] | np.ndarray) -> np.ndarray:
    """Return how many different pictures are in the group of each row, int64 (n,). near: as find_near returns it."""
    group = ranks(np.where(near < 0, -1 - np.arange(len(near)), near))
    pairs = unique(group * (len(near) + 1) + ranks(digests))
    return np.bincount(pairs // (len(near) + 1))[group]


def _sizes(group: np.ndarray) -> np.ndarray:
    """Return how many rows are in the group of each row."""
    number = ranks(group)
    return np.bincount(number)[number]


def _without_large(near: np.ndarray, images: Images, config: Split) -> tuple[np.ndarray, np.ndarray]:
    """Return (the groups `near`, with -1 for those of one picture and those that are too large; images of the latter,
    bool)."""
    total = Counter(images.labels.tolist())
    pictures = different(near, images.digests)
    of: dict[int, Counter] = {}                  # classes of each group
    many: dict[int, int] = {}                    # different pictures in each group
    for row in np.flatnonzero(pictures > 1).tolist():
        group = int(near[row])
        of.setdefault(group, Counter())[int(images.labels[row])] += 1
        many[group] = int(pictures[row])
    held = set(of)
    too_large = {n for n in held if many[n] > _LARGE
                 and any(count > _LARGE_SHARE * total[label] for label, count in of[n].items())}
    short = _short_classes(replace(images, near=_only(near, held - too_large)), config)
    too_large |= {n for n in held if not short.isdisjoint(of[n])}
    return _only(near, held - too_large), _only(near, too_large) >= 0


def _only(near: np.ndarray, kept: set[int]) -> np.ndarray:
    return np.where(np.isin(near, np.fromiter(kept, np.int64, len(kept))), near, -1)


def _short_classes(images: Images, config: Split) -> set[int]:
    """Return the classes with fewer groups of related images than splits to fill."""
    splits = [split for split in HELD_OUT if split not in images.official
              and (getattr(config, split) or (split == "test" and config.folds))]
    rows = np.flatnonzero([split in (None, "train") for split in images.official])
    units = join([ranks(images.digests)[rows]] +
                 [numbers(column)[rows] for column in (images.groups, images.near) if column is not None])
    pairs = unique(images.labels[rows] * (len(rows) + 1) + units)
    number = Counter((pairs // (len(rows) + 1)).tolist())
    return {label for label, count in number.items() if count < max(len(splits) + 1, config.folds)}


def _series_notes(images: Images, group: np.ndarray, large: np.ndarray, classes: Sequence[str],
                  example: str) -> list[str]:
    """Return lines on the series that are kept whole, and on those that are too large. group: -1 for all but the
    former. large: rows of the latter, bool."""
    such, lines = f"by their file names (such as {readable(example, 60)})", []
    if (group >= 0).any():
        lines.append(f"frames of videos or the like, {such}: "
                     f"{held_together(group, images.official)}; split.groups can name others, and "
                     "split.near_duplicates = \"report\" none")
    if large.any():
        lines.append(f"videos or the like, {such}, are too few, or too long, to keep each in one split: "
                     + _by_class(images.labels, large, classes) + _DOUBT)
    return lines


def _by_class(labels: np.ndarray, rows: np.ndarray, classes: Sequence[str]) -> str:
    """Say how many of each class are among `rows`: "'a' (15 of 20)"."""
    total = np.bincount(labels)
    return some([f"'{classes[label]}' ({count} of {total[label]})"
                 for label, count in Counter(labels[rows].tolist()).most_common()], 10)
