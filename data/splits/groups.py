"""Find which images belong together: by folder, by a pattern on the path, by a table, or because they look the same."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tenfold.data.errors import RecipeFault, SourceFault
from tenfold.data.sources.class_names import one_spelling
from tenfold.data.sources.csv_table import is_table
from tenfold.data.sources.path_patterns import PATTERN, check_pattern, matches
from tenfold.data.sources.source import Source
from tenfold.data.splits.assign import HELD_OUT, Images, join, numbers, ranks
from tenfold.data.splits.group_table import read_group_table
from tenfold.data.tables import Split
from tenfold.data.unique import unique
from tenfold.data.wording import counted, some

_MANY, _SHARE = 4, 2             # a group of near-duplicates is too large if it has more than 4 pictures and more than
                                 # half of a class
_MOST, _FRAMES = 0.5, 4          # near-duplicates may be frames of videos if more than half of the images are such, in
                                 # groups of four or more on average
_BURSTS = "; if they are frames of videos, split.groups keeps whole videos together, which this does not"
_CURE = "split.groups is \"\", \"folder\", \"path:REGEX\" or the name of a .csv file"


def check_groups(grouping: str, where: str = "split.groups") -> None:
    """Check that `grouping` (the recipe's split.groups) is valid, else raise RecipeFault."""
    if grouping.startswith(PATTERN):
        check_pattern(grouping, where, "(writer\\d+)")
    elif grouping not in ("", "folder") and not is_table(grouping):
        raise RecipeFault(where, f"is {grouping!r}", _CURE)


def source_groups(grouping: str, source: Source) -> tuple[list[str | None] | None, list[str]]:
    """Return (the group of each image of a source, None for an image in no group; notes, one per line).

    None instead of the list: there are no groups. grouping: the recipe's split.groups. RecipeFault: it is not valid.
    SourceFault: no image has a group, or the table of groups cannot be read.
    """
    check_groups(grouping)
    given = getattr(source, "groups", None)
    if not grouping:
        names = _spelt_alike(given or ())
        return (names, [_summary("the groups of the arrays file", names, source)]) if any(names) else (None, [])
    lines: list[str] = []
    if grouping == "folder":
        homes = source.homes or [""] * len(source.paths)                 # none in an arrays file
        names = [_folder(path, home) for path, home in zip(source.paths, homes, strict=True)]
    elif grouping.startswith(PATTERN):
        names = matches(grouping, source.paths)
    else:
        names, lines = read_group_table(Path(grouping), source)
    if not any(names):
        what = "no image lies in a folder below its class folder" if grouping == "folder" else \
            f"no path matches, such as {source.paths[0]}"
        raise SourceFault(f"split.groups = {grouping!r}", what, _CURE)
    return names, [*lines, _summary(f"split.groups = {grouping!r}", names, source)]


def _spelt_alike(names: Iterable[str]) -> list[str | None]:
    """Return the names of groups in one spelling (see `one_spelling`), None for an empty name."""
    return [one_spelling(name) or None for name in names]


def near_to_hold(images: Images, classes: Sequence[str], config: Split) -> tuple[np.ndarray, list[str]]:
    """Return (images.near with -1 for groups that cannot be copies of one picture, int64 (n,); notes, one per line).

    A group that is large compared with its class means that all pictures of the class look alike (a camera that does
    not move, patterns that differ by noise). So does a group that leaves the class with too few units to be split.
    """
    near, total = numbers([] if images.near is None else images.near), Counter(images.labels.tolist())
    pictures = different(near, images.digests)
    of: dict[int, Counter] = {}                  # classes of each group
    many: dict[int, int] = {}                    # different pictures in each group
    for row in np.flatnonzero(pictures > 1).tolist():
        group = int(near[row])
        of.setdefault(group, Counter())[int(images.labels[row])] += 1
        many[group] = int(pictures[row])
    held = set(of)
    too_many = {n for n in held if many[n] > _MANY
              and any(_SHARE * count > total[label] for label, count in of[n].items())}
    short = _short_classes(replace(images, near=_only(near, held - too_many)), config)
    too_many |= {n for n in held if not short.isdisjoint(of[n])}
    near = _only(near, held - too_many)
    lines = []
    if too_many:
        alike: Counter = sum((of[n] for n in too_many), Counter())
        names = [f"'{classes[label]}' ({count} of {total[label]})" for label, count in alike.most_common()]
        lines.append("too many images look alike to keep them in one split: " + some(names, 10)
                     + "; the score may be too good, and split.groups can say which belong together")
    held_near = near[near >= 0]
    if len(held_near):
        bursts = len(held_near) > max(_MOST * len(near), _FRAMES * len(np.unique(held_near)) - 1)
        lines.append(f"near-duplicates: {_held_together(near, images.official)}" + _BURSTS * bursts)
    return near, lines


def different(near: np.ndarray, digests: Sequence[str] | np.ndarray) -> np.ndarray:
    """Return how many different pictures are in the group of each row, int64 (n,). near: as near_groups returns it."""
    group = ranks(np.where(near < 0, -1 - np.arange(len(near)), near))
    pairs = unique(group * (len(near) + 1) + ranks(digests))
    return np.bincount(pairs // (len(near) + 1))[group]


def _only(near: np.ndarray, kept: set[int]) -> np.ndarray:
    return np.where(np.isin(near, np.fromiter(kept, np.int64, len(kept))), near, -1)


def _short_classes(images: Images, config: Split) -> set[int]:
    """Return the classes that have fewer units than there are splits to fill."""
    splits = [split for split in HELD_OUT if split not in images.official
              and (getattr(config, split) or (split == "test" and config.folds))]
    rows = np.flatnonzero([split in (None, "train") for split in images.official])
    units = join([ranks(images.digests)[rows]] +
                 [numbers(column)[rows] for column in (images.groups, images.near) if column is not None])
    pairs = unique(images.labels[rows] * (len(rows) + 1) + units)
    number = Counter((pairs // (len(rows) + 1)).tolist())
    return {label for label, count in number.items() if count < max(len(splits) + 1, config.folds)}


def _summary(grouping: str, names, source: Source) -> str:
    alone = sum(not name and split not in HELD_OUT for name, split in zip(names, source.official, strict=True))
    line = f"{grouping}: {_held_together(numbers(names), source.official)}"
    if alone:
        line += f"; {counted(alone, 'image')} {'is' if alone == 1 else 'are'} in no group, so each can lie in any split"
    return line


def _held_together(group: np.ndarray, official: Sequence[str | None]) -> str:
    """Put groups into words: "2 groups of 5 images, each held together". group: as numbers returns it."""
    grouped = [(number, split or "train") for number, split in zip(group.tolist(), official, strict=True)
               if number >= 0]
    groups = len({number for number, _ in grouped})
    across = len(set(grouped)) > groups          # official splits are kept as they are
    return f"{counted(groups, 'group')} of {counted(len(grouped), 'image')}, " + (
        "held together except across official splits" if across else "held together" if groups == 1 else
        "each held together")


def _folder(path: str, home: str) -> str | None:
    """Return the folders between the class folder `home` and the file."""
    return one_spelling(path.removeprefix(f"{home}/").rpartition("/")[0]) or None
