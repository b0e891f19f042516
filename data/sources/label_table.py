"""Read the label of each image, and perhaps its official split, from a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tenfold.data.errors import SourceFault
from tenfold.data.sources.class_names import one_spelling
from tenfold.data.sources.column_names import UndecidedError, cell_of, shown_name
from tenfold.data.sources.csv_table import Line
from tenfold.data.sources.image_paths import ImagePaths
from tenfold.data.sources.label_columns import Columns, PathTable, find_paths
from tenfold.data.sources.path_column import Finder
from tenfold.data.sources.table_files import line_word, place_in, read_table
from tenfold.data.wording import counted, quoted, readable, some

LINES = "write a line of column names, path,label, and a line for each image"
_NAMED = 3                   # paths of a table that a message names


@dataclass(frozen=True)
class Labelling:
    """What is known of the labels of images, from a table or the names of files."""
    by: str                                      # for people: where it is known from
    kind: str                                    # as in Layout
    labels: dict[int, str]                       # the label of each image that has one, by its row
    splits: dict[int, str] = field(default_factory=dict)       # likewise the official split
    notes: list[str] = field(default_factory=list)
    parts: dict[str, list[str]] = field(default_factory=dict)  # what gives each official split, as in Layout
    tables: tuple[Path, ...] = ()                # that were read


@dataclass(frozen=True)
class LabelTable:
    """A table that names images: its file, its paths, and the column of labels if one is named."""
    file: Path
    name: str                                    # for people
    paths: PathTable
    images: Finder                               # finds those that a path in it means
    column: str = ""
    other_letters: list[str] = field(default_factory=list)       # the paths that are found in these; see `found`

    @cached_property
    def found(self) -> list[tuple[str, Sequence[int]]]:
        """The path in each line, "" if there is none, and the images that it means."""
        paths = [cell_of(cells, self.paths.path) for _, cells in self.paths.lines]
        return [(path, (self.images.find(path) or self._in_other_letters(path)) if path else ()) for path in paths]

    def _in_other_letters(self, path: str) -> Sequence[int]:
        found = self.images.find_in_any_case(path)
        self.other_letters.extend([path] if found else [])
        return found

    @cached_property
    def columns(self) -> Columns:
        """All of its columns. SourceFault: it leaves open which one holds the labels."""
        try:
            return self.paths.columns(self.column)
        except UndecidedError as fact:
            raise SourceFault(self.file, str(fact), fact.cure or (
                f"say which, such as {self.file}:{fact.columns[0]}" if fact.columns else
                f"name the columns path and label, or give {self.file}:COLUMN")) from None

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of its columns of labels; one is "" if it has none."""
        return tuple(self.columns.names[i] for i in self.columns.label)

    def labelling(self) -> Labelling:
        """Return the labels. SourceFault: two lines contradict each other, or no image has a label."""
        labels: dict[int, tuple[str, int]] = {}
        splits: dict[int, str] = {}
        missing: list[str] = []
        for (number, cells), (path, found) in zip(self.columns.lines, self.found, strict=True):
            missing += [] if found or not path else [path]
            label, split = one_spelling(self.columns.label_of(cells)), self.columns.split_of(cells)
            for row in found if label else ():
                known, line = labels.setdefault(row, (label, number))
                if known != label:
                    raise SourceFault(place_in(self.file, number), f"calls {readable(path)} {quoted(label)}, and "
                                      f"{line_word(self.file)} {line} {quoted(known)}", "give each image one label")
                if split and splits.setdefault(row, split) != split:
                    raise SourceFault(place_in(self.file, number), f"puts {readable(path)} into {split}, and a line "
                                      f"before into {splits[row]}", "give each image one split")
        if not labels:
            raise SourceFault(self.file, "gives no image a label", LINES)
        notes = [f"{self.name}: {counted(len(of), 'path')} {'is' if len(of) == 1 else 'are'} {fact}: "
                 + some(map(readable, of), _NAMED) for of, fact in (
                     (missing, "no image here"), (self.other_letters, "found in other letters (capital or small)"))
                 if of]
        notes += [f"{self.name}: the column {column} is not read: it holds {some(map(quoted, sorted(values)), 3)}, and "
                  "no train, val or test" for column, values in self.columns.no_splits().items() if not splits]
        parts: dict[str, list[str]] = {}
        for split in splits.values():
            parts[split] = [f"{some(shown_name(self.columns.names, i) for i in self.columns.split)} of {self.name}"]
        return Labelling(f"{self.name} ({self.columns})", "label table", {row: label for row, (label, _) in
                         labels.items()}, splits, notes, parts, (self.file,))


def read_label_table(file: Path) -> list[Line]:
    """Return the lines of a table of labels. SourceFault: the file is not a table."""
    return read_table(file, LINES, "source.labels")


def label_table(file: Path, name: str, lines: list[Line], images: Finder, column: str = "") -> LabelTable | None:
    """Return the table of labels that these lines make up; None: none of its columns names an image.

    name: of the table, for people. images: finds those of a path. column: of the labels, if it is named. SourceFault:
    it is open which column holds the paths.
    """
    try:
        paths = find_paths(lines, images)
    except UndecidedError as fact:
        raise SourceFault(file, str(fact), "name the columns path and label, or leave the others out") from None
    return LabelTable(file, name, paths, images, column) if paths else None


def names_no_image(file: Path, lines: list[Line], root: Path, images: ImagePaths) -> SourceFault:
    """Return the fault of a table that names none of the images in the folder `root`."""
    if not lines:
        return SourceFault(file, "is empty", LINES)
    last = lines[-1][1]
    doubtful = [shown for cell in last if cell and (shown := images.described(cell)) != readable(cell)]
    return SourceFault(file, f"names no image: its lines are such as {(doubtful or [readable(','.join(last))])[0]}" + (
        f", the images in {root} such as {readable(images.paths[0])}" if images.paths else
        f", and there is no image in {root}"), LINES)
