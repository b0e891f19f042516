"""Find which images belong together: by folder, by a pattern on the path, or by a table."""

from collections.abc import Iterable, Sequence

import numpy as np

from tenfold.data.errors import RecipeFault, SourceFault
from tenfold.data.sources.class_names import one_spelling
from tenfold.data.sources.path_patterns import PATTERN, check_pattern, matches
from tenfold.data.sources.source import Source
from tenfold.data.sources.table_files import SAVE_AS_CSV, WORKBOOKS, divide_column, is_table
from tenfold.data.splits.assign import HELD_OUT, numbers
from tenfold.data.splits.group_table import read_group_table
from tenfold.data.wording import counted

_CURE = "give \"folder\", \"path:REGEX\" or the name of a .csv file, perhaps with :COLUMN"


def check_groups(grouping: str, where: str = "split.groups") -> None:
    """Check that `grouping` (the recipe's split.groups) is valid, else raise RecipeFault."""
    if grouping.startswith(PATTERN):
        check_pattern(grouping, where, "(writer\\d+)")
    elif grouping not in ("", "folder") and not is_table(divide_column(grouping)[0]):
        raise RecipeFault(where, f"is {grouping!r}", SAVE_AS_CSV if grouping.lower().endswith(WORKBOOKS) else _CURE)


def source_groups(grouping: str, source: Source, where: str = "") -> tuple[list[str | None] | None, list[str]]:
    """Return (the group of each image of a source, None for an image in no group; notes, one per line).

    None instead of the list: there are no groups. grouping: the recipe's split.groups. where: what a fault names
    instead of it. RecipeFault: it is not valid. SourceFault: no image has a group, or the table of groups cannot be
    read.
    """
    check_groups(grouping, where or "split.groups")
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
        names, lines = read_group_table(grouping, source)
    if not any(names):
        what = "no image lies in a folder below its class folder" if grouping == "folder" else \
            f"no path matches, such as {source.paths[0]}"
        raise SourceFault(where or f"split.groups = {grouping!r}", what, _CURE)
    return names, [*lines, _summary(f"split.groups = {grouping!r}", names, source)]


def held_together(group: np.ndarray, official: Sequence[str | None]) -> str:
    """Put groups into words: "2 groups of 5 images, each held together". group: as numbers returns it."""
    grouped = [(number, split or "train") for number, split in zip(group.tolist(), official, strict=True)
               if number >= 0]
    groups = len({number for number, _ in grouped})
    across = len(set(grouped)) > groups          # official splits are kept as they are
    return f"{counted(groups, 'group')} of {counted(len(grouped), 'image')}, " + (
        "held together except across official splits" if across else "held together" if groups == 1 else
        "each held together")


def _spelt_alike(names: Iterable[str]) -> list[str | None]:
    """Return the names of groups in one spelling (see `one_spelling`), None for an empty name."""
    return [one_spelling(name) or None for name in names]


def _summary(grouping: str, names, source: Source) -> str:
    alone = sum(not name and split not in HELD_OUT for name, split in zip(names, source.official, strict=True))
    line = f"{grouping}: {held_together(numbers(names), source.official)}"
    if alone:
        line += f"; {counted(alone, 'image')} {'is' if alone == 1 else 'are'} in no group, so each can lie in any split"
    return line


def _folder(path: str, home: str) -> str | None:
    """Return the folders between the class folder `home` and the file."""
    return one_spelling(path.removeprefix(f"{home}/").rpartition("/")[0]) or None
