"""Decide which columns of a table hold the paths of images, their labels and their splits."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from tenfold.data.sources.column_names import (
    LABELS,
    PATHS,
    UndecidedError,
    cell_of,
    is_called,
    listed,
    named_column,
    plain_name,
    shown_name,
)
from tenfold.data.sources.csv_table import Line
from tenfold.data.sources.path_column import FRACTION, Finder, are_files, are_fractions, path_column
from tenfold.data.sources.split_names import bare_split
from tenfold.data.wording import quoted, some

_SPLITS = frozenset({"split", "set", "subset", "partition", "datasplit", "dataset", "usage", "phase", "traintest"})
_HELD_OUT = {"isval": "val", "isvalid": "val", "isvalidation": "val", "istest": "test"}      # columns of fastai
# columns that are about an image, but are most likely not what is to be recognised
_OTHER = frozenset({"patient", "subject", "person", "writer", "author", "user", "video", "group", "fold", "age", "sex",
                    "gender", "width", "height", "site", "camera", "source", "license", "date", "year", "view"})
_PLURALS = ("tags", "labels", "attributes")      # may hold several labels with blanks between them
_YES, _NO = frozenset({"1", "1.0", "true"}), frozenset({"0", "0.0", "false"})
_MOST_SPLITS = 20            # words for splits in a column: "train", "Training", "val", …


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
        if not self._held_out:
            return bare_split(cell_of(cells, self.split[0])) if self.split else None
        marked = next((split for i, split, _ in self._held_out if _is_marked(cells, i)), None)
        is_blank = any(writes_no and not cell_of(cells, i) for i, _, writes_no in self._held_out)
        return marked or (None if is_blank else "train")

    @cached_property
    def _held_out(self) -> list[tuple[int, str, bool]]:
        """Of each column that marks a split: its number, the split, and whether it has a mark for all others, too, so
        that an empty cell in it says nothing."""
        return [(i, split, any(cell_of(cells, i).lower() in _NO for _, cells in self.lines)) for i in self.split
                if (split := _HELD_OUT.get(plain_name(self.names[i])))]

    def no_splits(self) -> dict[str, set[str]]:
        """Return {the name of a column that is called like one of splits, but is none: what it holds}."""
        return {shown_name(self.names, i): values for i, name in enumerate(self.names) if plain_name(name) in _SPLITS
                and i not in (self.path, *self.label, *self.split)
                and (values := {cell for _, cells in self.lines if (cell := cell_of(cells, i))})}

    def __str__(self) -> str:
        """Return the columns for a message: "columns id, breed"."""
        shown = [*dict.fromkeys((self.path, *self.label))]
        return "columns " + some((shown_name(self.names, i) for i in shown), 3, ", ")


def find_paths(lines: list[Line], images: Finder) -> "PathTable | None":
    """Return a table with the column of its paths; None: it names no image. UndecidedError: it may be another."""
    found = path_column(lines, images)
    if not found:
        return None
    (path, find), first = found, lines[0][1]
    cell = cell_of(first, path)
    has_names = is_called(plain_name(cell), PATHS) or not (find(cell) or are_files([cell]))
    width = max(len(cells) for _, cells in lines)
    return PathTable(lines[has_names:], [cell_of(first, i) if has_names else "" for i in range(width)], path)


@dataclass(frozen=True)
class PathTable:
    """A table of which the column of the paths is known; it finds the others."""
    lines: list[Line]
    names: list[str]
    path: int

    def columns(self, named: str = "") -> Columns:
        """Return all columns. named: that of the labels. UndecidedError: it is open which one holds the labels."""
        label: tuple[int, ...]
        if named:
            label, is_named = (named_column(self.names, named, self.path),), True
            split = self._splits([i for i in self._others if i not in label])
        else:
            split = self._splits(self._others)
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

    def _splits(self, others: list[int]) -> tuple[int, ...]:
        """Return the columns of official splits: the first with their names, or else all of 1 and 0 for one split.

        UndecidedError: one of them holds other words, too.
        """
        filled = [i for i in others if self._values[i]]
        splits = {i: {*map(bare_split, self._values[i])} if len(self._values[i]) <= _MOST_SPLITS else {None} for i in
                  filled}
        words = [i for i in filled if None not in splits[i]
                 and (plain_name(self.names[i]) in _SPLITS or splits[i] > {"train"})]
        if words:
            return tuple(words[:1])
        marks = [i for i in filled if plain_name(self.names[i]) in _HELD_OUT]
        for i in filled:
            if plain_name(self.names[i]) in _SPLITS and splits[i] - {None}:
                raise self._no_split(i, [value for value in self._values[i] if not bare_split(value)],
                                     "train, val or test")
            if i in marks and (odd := [value for value in self._values[i] if value.lower() not in _YES | _NO]):
                raise self._no_split(i, odd, "1 or 0")
        return tuple(marks)

    def _no_split(self, i: int, odd: list[str], words: str) -> UndecidedError:
        return UndecidedError(f"has {quoted(min(odd))} in the column {shown_name(self.names, i)}, which is not {words}",
                              cure=f"write {words} there, or rename the column")

    def _labels(self, others: list[int]) -> tuple[tuple[int, ...], bool]:
        """Return (the columns of labels, whether they are known by their names)."""
        plain = [plain_name(name) for name in self.names]
        known = LABELS - {"y"} if "x" in plain else LABELS     # coordinates
        called = [i for i in others if plain[i] in ("label", "labels")] or \
            [i for i in others if is_called(plain[i], known | {"label"})]
        if called and self._same(called):        # "class_id" and "class_name"
            return (min(called, key=lambda i: all(value.isdigit() for value in self._values[i])),), True
        if called:
            raise self._open(called)
        marks = [i for i in others if {value.lower() for value in self._values[i]} <= _YES | _NO and self.names[i]]
        wrong = self._not_one_of(marks)
        if len(marks) > 1 and not wrong:
            return tuple(marks), False
        repeated = [i for i in others if 1 < len(self._values[i]) <= len(self.lines) / 2
                    and not is_called(plain_name(self.names[i]), _OTHER | _SPLITS | _HELD_OUT.keys())]
        if len(repeated) == 1:
            return (repeated[0],), False
        if len(marks) > 1 and set(repeated) <= set(marks):
            raise UndecidedError(f"does not mark one of {listed(self.names, marks)} in line {wrong}, and Tenfold is "
                                 "for one label per image")
        if repeated:
            raise self._open(repeated)
        raise UndecidedError(f"has no column that can be labels beside {shown_name(self.names, self.path)}")

    def _open(self, columns: list[int]) -> UndecidedError:
        return UndecidedError(f"has the columns {listed(self.names, columns)}, and any may be the label",
                              [shown_name(self.names, i) for i in columns])

    def _same(self, columns: list[int]) -> bool:
        """Return whether these columns say the same, in other words."""
        pairs = {tuple(cell_of(cells, i) for i in columns) for _, cells in self.lines}
        return all(len({pair[k] for pair in pairs}) == len(pairs) for k in range(len(columns)))

    def _not_one_of(self, marks: list[int]) -> int:
        """Return the number of the first line in which not exactly one of these columns is marked; 0: there is none."""
        return next((n for n, cells in self.lines if sum(_is_marked(cells, i) for i in marks) != 1), 0)

    def _no_classes(self, i: int) -> str:
        """Say why the values of a column are no labels of one class each; "": they may be."""
        values, name = self._values[i], shown_name(self.names, i)
        if are_fractions(values) and 2 * len(values) > len(self.lines):
            number = min(filter(FRACTION.fullmatch, values))
            return f"has numbers such as {number} in the column {name}, and no classes"
        for mark in "|;, " if plain_name(self.names[i]) in _PLURALS else "|;,":
            several = [value for value in values if mark in value]
            parts = Counter(word.strip() for value in values for word in set(value.split(mark)))
            if len(several) > 1 and len(parts) < len(values) and all(
                    parts[word.strip()] > 1 for value in several for word in value.split(mark)):
                return f"has several labels in a line (column {name}: {quoted(min(several))}), and Tenfold is for " \
                    "one label per image"
        return ""


def _is_marked(cells: list[str], i: int) -> bool:
    return cell_of(cells, i).lower() in _YES


