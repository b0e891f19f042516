"""Read the group of each image from a .csv file with lines of path,group."""

from collections.abc import Sequence
from pathlib import Path

from tenfold.data.errors import SourceFault
from tenfold.data.sources.class_names import one_spelling
from tenfold.data.sources.column_names import PATHS, UndecidedError, is_called, named_column, plain_name
from tenfold.data.sources.csv_table import Line
from tenfold.data.sources.image_paths import ImagePaths
from tenfold.data.sources.label_columns import find_paths
from tenfold.data.sources.path_column import path_column
from tenfold.data.sources.source import Source
from tenfold.data.sources.table_files import divide_column, find_tables, place_in, read_table
from tenfold.data.wording import counted, readable, some

_LINES = "write lines of path,group"
# names of columns
_GROUPS = frozenset({"group", "groups", "patient", "subject", "person", "participant", "individual", "writer", "author",
                     "user", "video", "clip", "case", "lesion", "slide", "scene", "session"})


def read_group_table(table: str, source: Source) -> tuple[list[str | None], list[str]]:
    """Return (the group of each image or None, notes, one per line). SourceFault: no image has a group in the file.

    table: "file" or "file:column". A path is one that `ImagePaths` finds.
    """
    images = ImagePaths(source.root, source.paths)
    name, column = divide_column(table)
    file = Path(name)
    rows = _rows(next(iter(find_tables(name, source.root)), file), images, column)
    names: list[str | None] = [None] * len(source.paths)
    strange = []
    for number, path, group in rows:
        found = images.find(path) or images.find_in_any_case(path)
        strange += [] if found else [path]
        for row in found:
            if group and names[row] and names[row] != group:
                raise SourceFault(place_in(file, number), f"puts {path} into '{group}', and a line before into "
                                  f"'{names[row]}'", "give each image one group")
            names[row] = names[row] or group
    if rows and len(strange) == len(rows):
        raise SourceFault(file, f"has no path of an image: its paths are such as {images.described(strange[0])}, those "
                          f"of the images such as {readable(source.paths[0])}",
                          f"{_LINES}, with the paths below {source.root}")
    if not any(names):
        raise SourceFault(file, "gives no image a group", _LINES)
    are = "is" if len(strange) == 1 else "are"
    return names, [f"{file}: {counted(len(strange), 'path')} {are} no image of {source.root}, such as "
                   + images.described(strange[0])] if strange else []


def _rows(file: Path, images: ImagePaths, column: str) -> list[tuple[int, str, str | None]]:
    """Return (line number, path, group) of each line of a table; it may begin with a line of column names."""
    rows = read_table(file, _LINES, "split.groups")
    try:
        path, group, named = _columns(file, rows, images, column) if rows else (0, 1, False)
    except UndecidedError as fact:
        raise SourceFault(file, str(fact), f"name the columns path and group, or give {file}:COLUMN") from None
    short = [n for n, row in rows if len(row) <= max(path, group)]
    if short or not rows:
        raise SourceFault(place_in(file, short[0]) if short else file, "has no path and group", _LINES)
    return [(n, row[path], one_spelling(row[group]) or None) for n, row in rows[named:]]


def _columns(file: Path, rows: list[Line], images: ImagePaths, column: str) -> tuple[int, int, bool]:
    """Return (column of the paths, column of the groups, whether the first line names the columns).

    column: the name of that of the groups; "": it is not given. UndecidedError: it is open which they are.
    """
    first = rows[0][1]
    if column and (table := find_paths(rows, images)):
        return table.path, named_column(table.names, column, table.path), len(table.lines) < len(rows)
    heads = [*map(plain_name, first)]
    width = max((i + 1 for i, cell in enumerate(first) if cell), default=0)
    paths, groups = _named(heads, "path", PATHS), _named(heads, "group", _GROUPS)
    if len(groups) == 1 and not paths and width > 2 and (found := path_column(rows, images)):
        paths = [found[0]]
    if len(paths) == len(groups) == 1:
        return paths[0], groups[0], True
    if width > 2:
        raise SourceFault(file, f"has {width} columns, and {_quoted(first)} do not tell which are paths and groups",
                          f"name these two path and group, or say which by {file}:COLUMN")
    return 0, 1, paths == [0] or heads[:1] == ["name"]


def _named(heads: Sequence[str], name: str, names: frozenset[str]) -> list[int]:
    """Return the columns that are called `name`, or else like one of `names`."""
    return [heads.index(name)] if name in heads else \
        [i for i, head in enumerate(heads) if is_called(head, names)]


def _quoted(cells: Sequence[str]) -> str:
    return some((f"'{readable(cell, 40)}'" for cell in cells), 4, " and ")
