"""Find the column of a table that holds the paths of images."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from tenfold.data.sources.column_names import (
    LABELS,
    PATHS,
    ROWS,
    UndecidedError,
    cell_of,
    is_called,
    listed,
    plain_name,
)
from tenfold.data.sources.csv_table import Line
from tenfold.data.sources.formats import SUFFIXES

_USUAL = ("id", "name")      # of several columns that name the same number of images, this is that of the paths
FRACTION = re.compile(r"[-+]?\d*\.\d*[1-9]\d*(e[-+]?\d+)?", re.IGNORECASE)
_SAMPLE = 1000               # lines in which the column of the paths is looked for


class Finder(Protocol):
    """Finds the images that a path means, by their rows."""

    def find(self, path: str) -> Sequence[int]:
        """Return the rows of the images that a path means, upper and lower case told apart."""

    def find_in_any_case(self, path: str) -> Sequence[int]:
        """Return the row of the only image that a path means if upper and lower case are not told apart."""


def path_column(lines: list[Line], images: Finder) -> tuple[int, Callable[[str], Sequence[int]]] | None:
    """Return (the column that names the most images, or half as many and looks like it; what finds them); None: none
    names any.

    The numbers of lines, as pandas writes them, and of classes may be the names of other images, too. UndecidedError:
    two columns name as many images, but not the same ones.
    """
    names = [*map(plain_name, lines[0][1])] if lines else []
    some_lines = lines[::len(lines) // _SAMPLE + 1]
    for find, sample in ((images.find, some_lines), (images.find, lines), (images.find_in_any_case, some_lines)):
        width = max((len(cells) for _, cells in sample), default=0)
        cells_of = [{cell_of(cells, i) for _, cells in sample} - {""} for i in range(width)]
        named = [0 if are_fractions(cells) else len({row for cell in cells for row in find(cell)})
                 for cells in cells_of]
        if not any(named):
            continue
        heads = [cell_of(names, i) for i in range(width)]
        looks = [is_called(head, PATHS) + are_files(cells) for head, cells in zip(heads, cells_of, strict=True)]
        ranks = [(looks[i] * (2 * named[i] >= max(named)), not is_called(heads[i], LABELS | {"label"}), named[i],
                  (heads[i] in _USUAL) - (heads[i] in ROWS)) if named[i] else () for i in range(width)]
        best, *others = [i for i in range(width) if ranks[i] == max(ranks)]
        for other in others:
            if any(find(cell_of(cells, best)) != find(cell_of(cells, other)) for _, cells in sample):
                raise UndecidedError(f"has the columns {listed(lines[0][1], (best, other))}, and either may be the "
                                     "paths (rename it path)")
        return best, find
    return None


def are_files(cells: Collection[str]) -> bool:
    """Return whether most cells of a column end like the names of pictures."""
    return 2 * sum(cell.lower().endswith(tuple(SUFFIXES)) for cell in cells) > len(cells)


def are_fractions(cells: Collection[str]) -> bool:
    """Return whether most cells of a column are numbers such as 0.25."""
    return 2 * sum(map(bool, map(FRACTION.fullmatch, cells))) > len(cells)
