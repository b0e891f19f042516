"""Read the group of each image from a .csv file with lines of path,group."""

import csv
import os
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from tenfold.data.errors import SourceFault, unreadable
from tenfold.data.files import read_file
from tenfold.data.sources.class_names import one_spelling
from tenfold.data.sources.source import Source
from tenfold.data.wording import counted, readable, some

_LINES = "write lines of path,group"
# names of columns, in lower case, without blanks, marks and a final "id" or "name"
_PATHS = frozenset({"path", "filepath", "imagepath", "imgpath", "file", "imagefile", "image", "img"})
_GROUPS = frozenset({"group", "groups", "patient", "subject", "person", "participant", "individual", "writer", "author",
                     "user", "video", "clip", "case", "lesion", "slide", "scene", "session"})


def read_group_table(file: Path, source: Source) -> tuple[list[str | None], list[str]]:
    """Return (the group of each image or None, notes, one per line). SourceFault: no image has a group in the file.

    A path is as `source.paths` has it, or has the images' folder in front. The folders above a file, and its suffix,
    may be left out where only one image is meant.
    """
    rows = _rows(file if file.exists() else source.root / file)
    images = _Images(source)
    names: list[str | None] = [None] * len(source.paths)
    strange = []
    for number, path, group in rows:
        found = images.find(path)
        strange += [] if found else [path]
        for row in found:
            if names[row] and names[row] != group:
                raise SourceFault(f"{file}, line {number}", f"puts {path} into '{group}', and a line before into "
                                  f"'{names[row]}'", "give each image one group")
            names[row] = group
    if rows and len(strange) == len(rows):
        raise SourceFault(file, f"has no path of an image: its paths are such as {images.described(strange[0])}, those "
                          f"of the images such as {readable(source.paths[0])}",
                          f"{_LINES}, with the paths below {source.root}")
    if not any(names):
        raise SourceFault(file, "gives no image a group", _LINES)
    are = "is" if len(strange) == 1 else "are"
    return names, [f"{file}: {counted(len(strange), 'path')} {are} no image of {source.root}, such as "
                   + images.described(strange[0])] if strange else []


class _Images:
    """Finds the images that a path in a table means."""

    def __init__(self, source: Source):
        self._paths = source.paths
        self._above = {source.root.name, source.root.resolve().name} - {""}
        self._known: dict[str, list[int]] = {}   # spelling -> images; a folder may hold é in both of its spellings
        for i, path in enumerate(source.paths):
            self._known.setdefault(path, []).append(i)
            if (usual := one_spelling(path)) != path:
                self._known.setdefault(usual, []).append(i)

    def find(self, path: str) -> list[int]:
        """Return the row numbers of the images that a path means; []: there is none, or it is not certain which."""
        plain, *inside = self._plain(path)
        for name in (path, one_spelling(path), plain, *map(one_spelling, (plain, *inside))):
            if name in self._known:
                return self._known[name]
        ends = self._ending(path)
        return ends if len(ends) == 1 else []

    def described(self, path: str) -> str:
        """Return a path for a message, with the images that it may mean."""
        ends = [readable(self._paths[row]) for row in self._ending(path)]
        return readable(path) + (f" (which may be {some(ends, 2, ' or ')})" if ends else "")

    def _plain(self, path: str) -> list[str]:
        """Return a path with slashes, and what follows the images' folder in it."""
        plain = path.replace("\\", "/").removeprefix("./")
        parts = plain.split("/")
        return [plain, *("/".join(parts[i + 1:]) for i, part in enumerate(parts) if part in self._above)]

    def _ending(self, path: str) -> list[int]:
        """Return the images whose paths end with this one, with or without their suffix."""
        for name in map(one_spelling, self._plain(path)):
            end = f"/{name}"
            found = [row for row in self._of_name.get(name.rpartition("/")[2], ())
                     if any(f"/{whole}".endswith(end) for whole in self._with_and_without_suffix(row))]
            if found:
                return found
        return []

    @cached_property
    def _of_name(self) -> dict[str, list[int]]:
        """The images of each file name, with and without its suffix."""
        found: dict[str, list[int]] = {}
        for row in range(len(self._paths)):
            for path in self._with_and_without_suffix(row):
                found.setdefault(path.rpartition("/")[2], []).append(row)
        return found

    def _with_and_without_suffix(self, row: int) -> set[str]:
        path = one_spelling(self._paths[row])
        return {path, os.path.splitext(path)[0]}


def _rows(file: Path) -> list[tuple[int, str, str | None]]:
    """Return (line number, path, group) of each line of a .csv file; it may begin with a line of column names."""
    try:
        text = read_file(file).decode("utf-8-sig")
        first = text.partition("\n")[0]
        mark = next((m for m in ",;\t" if m in first), ",")
        rows = [(n, [cell.strip() for cell in row]) for n, row in
                enumerate(csv.reader(text.splitlines(), delimiter=mark), 1) if any(row)]
    except OSError as error:
        raise unreadable(error, file) or SourceFault(file, error.strerror or "cannot be read",
                                                     "give split.groups the name of a .csv file") from None
    except (ValueError, csv.Error) as error:
        raise SourceFault(file, f"is not a .csv file ({error})", f"{_LINES} in UTF-8") from None
    path, group, named = _columns(file, rows[0][1]) if rows else (0, 1, False)
    short = [n for n, row in rows if len(row) <= max(path, group)]
    if short or not rows:
        raise SourceFault(f"{file}, line {short[0]}" if short else file, "has no path and group", _LINES)
    return [(n, row[path], one_spelling(row[group]) or None) for n, row in rows[named:]]


def _columns(file: Path, first: Sequence[str]) -> tuple[int, int, bool]:
    """Return (column of the paths, column of the groups, whether the first line names the columns)."""
    heads = [re.sub(r"[\W_]+", "", cell.lower()) for cell in first]
    width = max((i + 1 for i, cell in enumerate(first) if cell), default=0)
    paths, groups = _named(heads, "path", _PATHS), _named(heads, "group", _GROUPS)
    if len(groups) == 1 and not paths and width > 2:             # an index of pandas has no name
        paths = [i for i, head in enumerate(heads) if head and i not in groups][:1]
    if len(paths) == len(groups) == 1:
        return paths[0], groups[0], True
    if width > 2:
        raise SourceFault(file, f"has {width} columns, and {_quoted(first)} do not tell which are paths and groups",
                          "name these two path and group, or leave the others out")
    return 0, 1, paths == [0] or heads[:1] == ["name"]


def _named(heads: Sequence[str], name: str, names: frozenset[str]) -> list[int]:
    """Return the columns that are called `name`, or else like one of `names`."""
    return [heads.index(name)] if name in heads else \
        [i for i, head in enumerate(heads) if {head, head.removesuffix("id"), head.removesuffix("name")} & names]


def _quoted(cells: Sequence[str]) -> str:
    return some((f"'{readable(cell, 40)}'" for cell in cells), 4, " and ")
