"""The names of the columns of a table: what they tell, and how they are shown."""

import re
from collections.abc import Sequence

from tenfold.data.wording import quoted, readable, some

# names of columns, in lower case, without blanks and marks; `is_called` also takes off a final "id" or "name"
PATHS = frozenset({"path", "file", "filepath", "imagepath", "imgpath", "imagefile", "image", "img", "picture",
                   "photo"})
ROWS = frozenset({"", "index", "unnamed0", "row", "no", "nr"})      # of the numbers of lines
LABELS = frozenset({"class", "category", "target", "species", "breed", "diagnosis", "dx", "disease", "grade", "level",
                     "variety", "cultivar", "digit", "character", "letter", "emotion", "expression", "groundtruth",
                     "gt", "y", "classification", "classlabel", "classes", "categories", "landmark", "individual",
                     "tag", "tags"})


class UndecidedError(ValueError):
    """It is open which column of a table holds the labels, or the paths; the message says what was found.

    columns: the names of those that may hold the labels. cure: what to do, "" for what is always said.
    """

    def __init__(self, fact: str, columns: Sequence[str] = (), cure: str = ""):
        super().__init__(fact)
        self.columns, self.cure = columns, cure


def cell_of(cells: Sequence[str], i: int) -> str:
    """Return a cell of a line, "" if the line is too short."""
    return cells[i] if i < len(cells) else ""


def plain_name(name: str) -> str:
    """Return the name of a column in lower case, without blanks and marks."""
    return re.sub(r"[\W_]+", "", name.lower())


def is_called(name: str, names: frozenset[str]) -> bool:
    """Return whether the plain name of a column is one of `names`, perhaps with "id", "name" or "code" behind it."""
    return bool({name, name.removesuffix("id"), name.removesuffix("name"), name.removesuffix("code")} & names)


def shown_name(names: Sequence[str], i: int) -> str:
    """Return the name of a column for a message, or its number if it has none."""
    name = cell_of(names, i)
    return readable(name, 40) if name else f"{i + 1}"


def listed(names: Sequence[str], columns: Sequence[int]) -> str:
    """Return the names of some columns for a message."""
    return some((shown_name(names, i) for i in columns), 4, " and ")


def named_column(names: Sequence[str], column: str, path: int) -> int:
    """Return the column of a table that is called `column`, or has this number and no name, beside that of its paths.

    UndecidedError: there is none, or there are several.
    """
    shown = [shown_name(names, i) for i in range(len(names))]
    found = [i for i in range(len(names)) if column in (names[i], shown[i])] or \
        [i for i in range(len(names)) if plain_name(column) == plain_name(names[i])]
    if len(found) == 1 and found != [path]:
        return found[0]
    others = some((name for i, name in enumerate(shown) if i != path), 8) or "no other"
    raise UndecidedError(f"has {'several columns' if len(found) > 1 else 'no column'} {quoted(column)} beside the "
                         f"paths in {shown[path]}: it has {others}")
