"""Open images whose labels are in a table or in their names, not in folders, as a Source."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tenfold.data.errors import RecipeFault, SourceFault
from tenfold.data.sources.csv_table import Line
from tenfold.data.sources.image_paths import ImagePaths
from tenfold.data.sources.label_guess import guess_labels, likely_folders
from tenfold.data.sources.label_table import Labelling, LabelTable, label_table, names_no_image, read_label_table
from tenfold.data.sources.listing import HIDDEN, MASK, UNLABELLED, Folder, kinds_in_words
from tenfold.data.sources.masks import images_below
from tenfold.data.sources.named_files import NamedFiles
from tenfold.data.sources.path_patterns import PATTERN, check_pattern, matches
from tenfold.data.sources.source import Layout, Source
from tenfold.data.sources.split_names import bare_split
from tenfold.data.sources.table_files import SAVE_AS_CSV, WORKBOOKS, divide_column, find_tables, is_table
from tenfold.data.wording import counted, readable, some

_CURE = 'source.labels is "", "path:REGEX", or the name of a .csv file, with ":COLUMN" where it does not tell which'
_NAMED = 4                   # images without a label that are named


@dataclass(frozen=True)
class Pictures:
    """Pictures that may have labels: columns of equal length, sorted by path; and what is skipped beside them."""
    root: Path
    paths: Sequence[str]
    stamps: Sequence[tuple[int, int]]
    passed: Counter[str] = field(default_factory=Counter)
    hidden: list[str] = field(default_factory=list)


def check_labels(labels: str, where: str = "source.labels") -> None:
    """Check that `labels` (the recipe's source.labels) is valid, else raise RecipeFault."""
    if labels.startswith(PATTERN):
        check_pattern(labels, where, "([a-z]+)_\\d+")
    elif labels and not is_table(divide_column(labels)[0]):
        raise RecipeFault(where, f"is {labels!r}", SAVE_AS_CSV if labels.lower().endswith(WORKBOOKS) else _CURE)


def open_labelled(root: Path, top: Folder, labels: str) -> Source:
    """Open the pictures in a folder, with labels as `labels` (the recipe's source.labels) says.

    RecipeFault: it is not valid. SourceFault: it gives no image a label, or one image two.
    """
    check_labels(labels)
    pictures = _list_pictures(root, top)
    if labels.startswith(PATTERN):
        found = {row: label for row, label in enumerate(matches(labels, pictures.paths)) if label}
        if not found:
            raise SourceFault(f"source.labels = {labels!r}", "matches no path" + (
                f", such as {readable(pictures.paths[0])}" if pictures.paths else ""), _CURE)
        return _source(pictures, Labelling(f"source.labels = {labels!r}", "file names", found))
    table, others = _named_table(labels, top, pictures)
    labelling = table.labelling()
    more = [f"{other} is not read: {table.file} is" for other in others]
    return replace(_source(pictures, replace(labelling, notes=[*labelling.notes, *more])), is_listed=False)


def open_guessed(root: Path, top: Folder, fault: SourceFault) -> Source:
    """Open the pictures in a folder with the labels that a table beside them, or their names, most likely give.

    SourceFault: it is not certain what they are; `fault`, with what the tables say.
    """
    pictures = _list_pictures(root, top)
    labelling, doubts = guess_labels(top, ImagePaths(root, pictures.paths))
    if labelling:
        return _source(pictures, labelling)
    raise SourceFault(fault.where, fault.fact, f"{fault.cure}, or give a table of path,label itself, or "
                      "say by source.labels where their labels are" + (f" ({some(doubts, 3, '; ')})" if doubts else ""))


def open_table(file: Path, column: str = "") -> Source:
    """Open the pictures that a table of labels names: as the paths are written, or else anywhere in its folder.

    column: of the labels, if it is named. SourceFault: the table names no picture, or not the labels.
    """
    lines, files = read_label_table(file), NamedFiles(file.parent)
    table = label_table(file, file.name, lines, files, column)
    if not table:
        return _open_below(file, lines, column)
    labelling = table.labelling()
    root, paths = files.relative()
    order = sorted({row for _, rows in table.found for row in rows}, key=paths.__getitem__)
    row = {before: after for after, before in enumerate(order)}
    labelling = replace(labelling, labels={row[i]: label for i, label in labelling.labels.items()},
                        splits={row[i]: split for i, split in labelling.splits.items()})
    pictures = Pictures(root, [paths[i] for i in order], [files.stamps[i] for i in order])
    return replace(_source(pictures, labelling), is_listed=False)


def _open_below(file: Path, lines: list[Line], column: str) -> Source:
    """Open the pictures below the folder of a table that its lines mean. SourceFault: as for `open_table`."""
    root, top = file.parent, Folder(str(file.parent))
    pictures = _list_pictures(root, top)
    images = ImagePaths(root, pictures.paths)
    table = label_table(file, str(file), lines, images.near(likely_folders(top, "", file.name)), column)
    if not table:
        raise names_no_image(file, lines, root, images)
    return replace(_source(pictures, table.labelling()), is_listed=False)


def _named_table(labels: str, top: Folder, pictures: Pictures) -> tuple[LabelTable, list[Path]]:
    """Return (the table that source.labels names, files of that name that are not read).

    Of the table as it is given, and those inside the folder, it is the first that names an image.
    """
    root, (name, column) = pictures.root, divide_column(labels)
    files = find_tables(name, root)
    images = ImagePaths(root, pictures.paths)
    if not files:
        raise SourceFault(name, f"is no table here, nor in {root}",
                          'give source.labels the name of a table, or "" for class folders')
    for file in files:
        below = _below(file, root)
        bases = likely_folders(top, below, file.name) if below is not None else []
        if table := label_table(file, str(file), read_label_table(file), images.near(bases), column):
            return table, [other for other in files if not other.samefile(file)]
    raise names_no_image(files[0], read_label_table(files[0]), root, images)


def _below(file: Path, root: Path) -> str | None:
    """Return the folder of a file relative to `root`; None: it is not in it."""
    try:
        below = file.parent.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return None
    return "" if below == "." else below


def _list_pictures(root: Path, top: Folder) -> Pictures:
    """Return all pictures below a folder, without masks."""
    rows, passed, hidden = [], Counter[str](), []
    for folder, images, masks in images_below(top):
        rows += [(f"{folder.below}/{name}" if folder.below else name, stamp) for name, stamp in images]
        passed[MASK] += masks
    for folder in top.walk():
        passed += folder.passed
        passed[HIDDEN] += len(folder.hidden)
        hidden += folder.hidden
    rows.sort()
    return Pictures(root, [path for path, _ in rows], [stamp for _, stamp in rows], passed, hidden)


def _source(pictures: Pictures, labelling: Labelling) -> Source:
    """Return the pictures that have a label."""
    rows = sorted(labelling.labels)
    paths = [pictures.paths[row] for row in rows]
    classes = tuple(sorted(set(labelling.labels.values())))
    number = {name: i for i, name in enumerate(classes)}
    home, folders = _homes(paths)
    parts, official = labelling.parts, [labelling.splits.get(row) for row in rows]
    if folders and not labelling.splits:
        parts = {split: sorted({inner for inner, theirs in folders if theirs == split}) for _, split in folders}
        official = [split for _, split in folders]
    skipped = [path for row, path in enumerate(pictures.paths) if row not in labelling.labels]
    passed = pictures.passed - Counter(table.suffix.lower() for table in labelling.tables
                                       if _below(table, pictures.root) is not None)
    passed[UNLABELLED] += len(skipped)
    layout = Layout(labelling.kind, parts, len(rows), dict((+passed).most_common()))
    return Source(pictures.root, classes, paths, np.array([number[labelling.labels[row]] for row in rows], np.int64),
                  official, [pictures.stamps[row] for row in rows], layout,
                  _notes(pictures, labelling, layout, classes, skipped),
                  homes=[inner for inner, _ in folders] or [home] * len(rows))


def _homes(paths: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """Return (the folder that holds all of these images, the folder of its split and this split for each image).

    []: the images do not all lie in folders of a train and another split.
    """
    above = [path.rpartition("/")[0] for path in paths]
    try:
        home = os.path.commonpath(set(above))
    except ValueError:                           # absolute and relative paths
        home = ""
    splits = {folder: _split_folder(folder) for folder in set(above)}
    found = {split for _, split in splits.values()}
    return home, [splits[folder] for folder in above] if "" not in found and found > {"train"} else []


def _split_folder(folder: str) -> tuple[str, str]:
    """Return (the first folder in a path that is called like a split, this split), or ("", "")."""
    words = folder.split("/")
    return next((("/".join(words[:i + 1]), split) for i, word in enumerate(words) if (split := bare_split(word))),
                ("", ""))


def _notes(pictures: Pictures, labelling: Labelling, layout: Layout, classes: Sequence[str], skipped: list[str]
           ) -> list[str]:
    """Return the notes: first where the labels are from, then those of the labelling."""
    line = f"labels from {labelling.by}: {len(classes)} classes ({some(map(readable, classes))})"
    if layout.splits:
        given = [f"{split} ({some(parts, 2)})" for split, parts in layout.splits.items()]
        line += f" in the official splits {some(given, last=' and ')}"
    line += f"; {counted(layout.images, 'image')}"
    if skipped:
        line += f"; {counted(len(skipped), 'image')} {'has' if len(skipped) == 1 else 'have'} none and " \
            f"{'is' if len(skipped) == 1 else 'are'} passed over: {some(map(readable, skipped), _NAMED)}"
    others = {kind: count for kind, count in layout.passed_over.items() if kind != UNLABELLED}
    line += f"; also passed over: {kinds_in_words(others, pictures.hidden)}" if others else ""
    blank = len(labelling.labels) - len(labelling.splits) if labelling.splits else 0
    notes = [f"{some(next(iter(labelling.parts.values())), 2)}: {counted(blank, 'image')} of no split in it "
             f"{'is' if blank == 1 else 'are'} used for training"] if blank else []
    return [f"{pictures.root}: {text}" for text in (line, *labelling.notes, *notes)]
