"""Decide which columns of a table hold the paths of images, their labels and their splits."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from tenfold.data.sources.csv_table import Line
from tenfold.data.sources.formats import SUFFIXES
from tenfold.data.sources.split_names import bare_split
from tenfold.data.wording import quoted, readable, some

# names of columns, in lower case, without blanks and marks; `is_called` also takes off a final "id" or "name"
PATHS = frozenset({"path", "file", "filepath", "imagepath", "imgpath", "imagefile", "image", "img", "picture",
                   "photo"})
_ROWS = frozenset({"", "index", "unnamed0", "row", "no", "nr"})      # of the numbers of lines
_LABELS = frozenset({"class", "category", "target", "species", "breed", "diagnosis", "dx", "disease", "grade", "level",
                     "variety", "cultivar", "digit", "character", "letter", "emotion", "expression", "groundtruth",
                     "gt", "y", "classification", "classlabel", "classes", "categories", "landmark", "individual",
                     "tag", "tags"})
_SPLITS = frozenset({"split", "set", "subset", "partition", "datasplit", "dataset", "usage", "phase", "traintest"})
_HELD_OUT = {"isval": "val", "isvalid": "val", "isvalidation": "val", "istest": "test"}      # columns of fastai
# columns that are about an image, but are most likely not what is to be recognised
_OTHER = frozenset({"patient", "subject", "person", "writer", "author", "user", "video", "group", "fold", "age", "sex",
                    "gender", "width", "height", "site", "camera", "source", "license", "date", "year", "view"})
_PLURALS = ("tags", "labels", "attributes")      # may hold several labels with blanks between them
_YES, _NO = frozenset({"1", "1.0", "true"}), frozenset({"0", "0.0", "false"})
_FRACTION = re.compile(r"[-+]?\d*\.\d*[1-9]\d*(e[-+]?\d+)?", re.IGNORECASE)
_MOST_SPLITS = 20            # words for splits in a column: "train", "Training", "val", …
_SAMPLE = 1000               # lines in which the column of the paths is looked for


class UndecidedError(ValueError):
    """A table does not say which of its columns are labels, or says it of none; the message is a fact about it."""


@dataclass(frozen=True)
class Columns:
    """The columns of a table that names images; the lines below the names of the columns, if it has such."""
    lines: list[Line]
    names: list[str]         # of the columns; "": it has none
    path: int
    label: tuple[int, ...]   # one column of labels, or several of which one is 1 in each line
    split: tuple[int, ...]   # one column of splits, or those of fastai
    is_named: bool           # the column of labels is known by its name

    def label_of(self, cells: list[str]) -> str:
        """Return the label in a line, "" for none."""
        if len(self.label) == 1:
            return cell_of(cells, self.label[0])
        return next(self.names[i] for i in self.label if _is_marked(cells, i))

    def split_of(self, cells: list[str]) -> str | None:
        """Return the official split in a line of the table, or None."""
        held_out = [(split, i) for i in self.split if (split := _HELD_OUT.get(plain_name(self.names[i])))]
        if not held_out:
            return bare_split(cell_of(cells, self.split[0])) if self.split else None
        return next((split for split, i in held_out if _is_marked(cells, i)), "train")

    def __str__(self) -> str:
        """Return the columns for a message: "columns id, breed"."""
        shown = [*dict.fromkeys((self.path, *self.label))]
        return "columns " + some((shown_name(self.names, i) for i in shown), 3, ", ")


def cell_of(cells: list[str], i: int) -> str:
    """Return a cell of a line, "" if the line is too short."""
    return cells[i] if i < len(cells) else ""


def choose_columns(lines: list[Line], find: Callable[[str], Sequence[int]]) -> Columns | None:
    """Return the columns of a table; None: it names no image. find: the images that a path means.

    UndecidedError: it names images, but it is open which column holds their labels.
    """
    path = path_column(lines, find)
    if path is None:
        return None
    first = lines[0][1]
    cell = cell_of(first, path)
    has_names = is_called(plain_name(cell), PATHS) or not (find(cell) or _are_files([cell]))
    width = max(len(cells) for _, cells in lines)
    names = [cell_of(first, i) if has_names else "" for i in range(width)]
    return _Table(lines[has_names:], names, path).columns()


def path_column(lines: list[Line], find: Callable[[str], Sequence[int]]) -> int | None:
    """Return the column that names the most images, or half as many and looks like it; None: none names any.

    The numbers of lines, as pandas writes them, may be the names of other images, too.
    """
    names = [*map(plain_name, lines[0][1])] if lines else []
    for sample in (lines[::len(lines) // _SAMPLE + 1], lines):
        width = max((len(cells) for _, cells in sample), default=0)
        cells_of = [{cell_of(cells, i) for _, cells in sample} - {""} for i in range(width)]
        named = [0 if _are_fractions(cells) else len({row for cell in cells for row in find(cell)})
                 for cells in cells_of]
        if any(named):
            looks = [is_called(cell_of(names, i), PATHS) + _are_files(cells_of[i]) for i in range(width)]
            return max(range(width), key=lambda i: (looks[i] * (2 * named[i] >= max(named)), named[i],
                                                    cell_of(names, i) not in _ROWS))
    return None


def _are_files(cells: Collection[str]) -> bool:
    """Whether most cells of a column end like the names of pictures."""
    return 2 * sum(cell.lower().endswith(tuple(SUFFIXES)) for cell in cells) > len(cells)


def _are_fractions(cells: Collection[str]) -> bool:
    """Whether most cells of a column are numbers such as 0.25."""
    return 2 * sum(map(bool, map(_FRACTION.fullmatch, cells))) > len(cells)


@dataclass(frozen=True)
class _Table:
    """A table of which the column of the paths is known; it finds the others."""
    lines: list[Line]
    names: list[str]
    path: int

    def columns(self) -> Columns:
        """Return all columns. UndecidedError: it is open which one holds the labels."""
        split = self._splits()
        label, is_named = self._labels([i for i in self._others if i not in split and self._values[i]])
        if len(label) == 1 and (fact := self._no_classes(label[0])):
            raise UndecidedError(fact)
        return Columns(self.lines, self.names, self.path, label, split, is_named)

    @cached_property
    def _others(self) -> list[int]:
        return [i for i in range(len(self.names)) if i != self.path]

    @cached_property
    def _values(self) -> dict[int, set[str]]:
        """The distinct values of each column except the one of paths."""
        return {i: {cell for _, cells in self.lines if (cell := cell_of(cells, i))} for i in self._others}

    def _splits(self) -> tuple[int, ...]:
        """Return the columns of official splits: the first of words, or else all that mark one split each."""
        filled = [i for i in self._others if self._values[i]]
        splits = {i: {*map(bare_split, self._values[i])} if len(self._values[i]) <= _MOST_SPLITS else {None} for i in
                  filled}
        words = [i for i in filled if None not in splits[i]
                 and (plain_name(self.names[i]) in _SPLITS or splits[i] > {"train"})]
        return tuple(words[:1]) or tuple(i for i in filled if plain_name(self.names[i]) in _HELD_OUT and {
            value.lower() for value in self._values[i]} <= _YES | _NO)

    def _labels(self, others: list[int]) -> tuple[tuple[int, ...], bool]:
        """Return (the columns of labels, whether they are known by their names)."""
        plain = [plain_name(name) for name in self.names]
        known = _LABELS - {"y"} if "x" in plain else _LABELS     # coordinates
        called = [i for i in others if plain[i] in ("label", "labels")] or \
            [i for i in others if is_called(plain[i], known | {"label"})]
        if called and self._same(called):        # "class_id" and "class_name"
            return (min(called, key=lambda i: all(value.isdigit() for value in self._values[i])),), True
        if called:
            raise UndecidedError(f"has the columns {self._listed(called)}, and any may be the label")
        marks = [i for i in others if {value.lower() for value in self._values[i]} <= _YES | _NO and self.names[i]]
        wrong = self._not_one_of(marks)
        if len(marks) > 1 and not wrong:
            return tuple(marks), False
        repeated = [i for i in others if 1 < len(self._values[i]) <= len(self.lines) / 2
                    and not is_called(plain_name(self.names[i]), _OTHER | _SPLITS | _HELD_OUT.keys())]
        if len(repeated) == 1:
            return (repeated[0],), False
        if len(marks) > 1 and set(repeated) <= set(marks):
            raise UndecidedError(f"does not mark one of {self._listed(marks)} in line {wrong}, and Tenfold is for one "
                                 "label per image")
        raise UndecidedError(f"has the columns {self._listed(repeated)}, and any may be the label" if repeated else
                             f"has no column that can be labels beside {shown_name(self.names, self.path)}")

    def _same(self, columns: list[int]) -> bool:
        """Whether these columns say the same, in other words."""
        pairs = {tuple(cell_of(cells, i) for i in columns) for _, cells in self.lines}
        return all(len({pair[k] for pair in pairs}) == len(pairs) for k in range(len(columns)))

    def _not_one_of(self, marks: list[int]) -> int:
        """Return the number of the first line in which not exactly one of these columns is marked; 0: there is none."""
        return next((n for n, cells in self.lines if sum(_is_marked(cells, i) for i in marks) != 1), 0)

    def _no_classes(self, i: int) -> str:
        """Say why the values of a column are no labels of one class each; "": they may be."""
        values, name = self._values[i], shown_name(self.names, i)
        if _are_fractions(values) and 2 * len(values) > len(self.lines):
            number = min(filter(_FRACTION.fullmatch, values))
            return f"has numbers such as {number} in the column {name}, and no classes"
        for mark in "|;, " if plain_name(self.names[i]) in _PLURALS else "|;,":
            several = [value for value in values if mark in value]
            parts = Counter(word.strip() for value in values for word in set(value.split(mark)))
            if len(several) > 1 and len(parts) < len(values) and all(
                    parts[word.strip()] > 1 for value in several for word in value.split(mark)):
                return f"has several labels in a line (column {name}: {quoted(min(several))}), and Tenfold is for " \
                    "one label per image"
        return ""

    def _listed(self, columns: list[int]) -> str:
        return some((shown_name(self.names, i) for i in columns), 4, " and ")


def plain_name(name: str) -> str:
    """Return the name of a column in lower case, without blanks and marks."""
    return re.sub(r"[\W_]+", "", name.lower())


def _is_marked(cells: list[str], i: int) -> bool:
    return cell_of(cells, i).lower() in _YES


def is_called(name: str, names: frozenset[str]) -> bool:
    """Whether the plain name of a column is one of `names`, perhaps with "id", "name" or "code" behind it."""
    return bool({name, name.removesuffix("id"), name.removesuffix("name"), name.removesuffix("code")} & names)


def shown_name(names: list[str], i: int) -> str:
    """Return the name of a column for a message, or its number if it has none."""
    return readable(names[i], 40) if names[i] else f"{i + 1}"
