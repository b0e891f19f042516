"""Find the labels of images that do not lie in class folders: in a table near them, or in their names."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tenfold.data.errors import SourceFault
from tenfold.data.sources.class_folders import holds_annotations, is_of_labels
from tenfold.data.sources.image_paths import ImagePaths, splits_in
from tenfold.data.sources.label_names import labels_in_names
from tenfold.data.sources.label_table import Labelling, LabelTable, label_table, read_label_table
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.split_names import SPLIT_WORDS, SplitName, parse_split_name
from tenfold.data.sources.table_files import SAVE_AS_CSV, WORKBOOKS
from tenfold.data.wording import folder_name, some

_ORDER = tuple(SPLIT_WORDS)
_MOST = 50                   # tables of a kind in a folder; of more, each is about one image
_SUBMISSION = re.compile(r"submi(t|ssion)", re.IGNORECASE)       # its labels are placeholders


def guess_labels(top: Folder, images: ImagePaths) -> tuple[Labelling | None, list[str]]:
    """Return (the labels of images below the folder `top`, what there is to say of the tables that do not decide).

    The labels are None if it is open what they are. SourceFault: the only table of labels contradicts itself.
    """
    tables, doubts, strange = _tables(top, images)
    if tables:
        labelling = _joined([(table, table.labelling()) for table in tables])
        if labelling and len(set(labelling.labels.values())) > 1:
            return labelling, []
        doubts = [f"{some((table.name for table in tables), 4, ' and ')} " + (
            "gives all images one label" if labelling else "all give labels")]
    books = {kind for folder in top.walk() if folder.has_pictures for kind in folder.passed} & {*WORKBOOKS}
    strange += [f"{kind} files are not read: {SAVE_AS_CSV}" for kind in sorted(books)]
    found = None if doubts else labels_in_names(images.paths)
    return found, [] if found else doubts + strange


def likely_folders(top: Folder, below: str, name: str) -> list[str]:
    """Return the folders that the paths in a table are most likely relative to: its own, those above it, and beside
    each of these those of its split.

    below: the folder of the table, relative to that of `top`. name: of the table, such as "train.csv".
    """
    folders = {folder.below: folder for folder in top.walk()}
    split = _split_name(f"{below}/{name}")
    found, here = [], below if below in folders else None
    while here is not None:
        found += [here, *(inner.below for inner_name, inner in folders[here].folders.items()
                          if split and (theirs := parse_split_name(inner_name)) and theirs.split == split.split)]
        here = here.rpartition("/")[0] if here else None
    return found


def _tables(top: Folder, images: ImagePaths) -> tuple[list[LabelTable], list[str], list[str]]:
    """Return (the tables near the images that say their labels, what to say of those that name images but leave the
    labels open, what to say of the others)."""
    tables: list[LabelTable] = []
    doubts: list[str] = []
    strange: list[str] = []
    for folder, name in _near(top):
        shown = f"{folder.below}/{name}" if folder.below else name
        bases = likely_folders(top, folder.below, name)
        try:
            file = Path(folder.path) / name
            table = label_table(file, shown, read_label_table(file), images.near(bases))
            fact = _objection(table, images) if table else "names none of them"
            if fact or not table:
                strange += [f"{shown} {fact}"] if _is_likely(name) else []
            elif table.columns:                  # or a fault
                tables.append(table)
        except SourceFault as fault:
            (doubts if _is_likely(name) else strange).append(f"{shown} {fault.fact}; {fault.cure}")
    return [table for table in tables if table.columns.is_named] or tables, doubts, strange


def _is_likely(name: str) -> bool:
    """Return whether a file is likely to hold labels: a .csv file, or one that is called so or like a split."""
    stem, suffix = os.path.splitext(name)
    return suffix.lower() in (".csv", ".tsv") or is_of_labels(name) or parse_split_name(stem) is not None


def _near(top: Folder) -> Iterator[tuple[Folder, str]]:
    """Yield (folder, name) of the tables in the folders that hold images at any depth, or are called "labels"."""
    everywhere = {os.path.splitext(name)[0] for folder in top.walk() for name, _ in folder.pictures}
    for folder in sorted(top.walk(), key=lambda folder: folder.below):
        images = {os.path.splitext(name)[0] for name, _ in folder.pictures} if folder.has_pictures else everywhere
        is_near = folder.has_pictures or any(map(holds_annotations, folder.below.split("/")))
        names = folder.tables if is_near else []
        kinds = Counter(os.path.splitext(name)[1] for name in names)
        for name in names:
            stem, suffix = os.path.splitext(name)
            if not _SUBMISSION.search(name) and stem not in images and kinds[suffix] <= _MOST:     # boxes of one image
                yield folder, name


def _objection(table: LabelTable, images: ImagePaths) -> str:
    """Say why a table is not one of these images; "": most of its paths are images, or most images in the folders of
    these are in the table by more than numbers, and they are not of another split than its name says."""
    if len(table.paths.names) < 2:
        return "has no labels"
    found = [rows for path, rows in table.found if path]
    rows = {row for of_path in found for row in of_path}
    folders = {images.paths[row].rpartition("/")[0] for row in rows}
    beside = sum(path.rpartition("/")[0] in folders for path in images.paths)
    numbers = all(path.isdecimal() for path, _ in table.found)
    if 2 * sum(map(bool, found)) < len(found) and (numbers or 2 * len(rows) < beside):
        return "names few of them"
    split, splits = _split_name(table.name), set().union(*map(splits_in, folders))
    return f"names images in {some(sorted(map(folder_name, folders)), 2)}" if split and splits and \
        split.split not in splits else ""


def _joined(each: list[tuple[LabelTable, Labelling]]) -> Labelling | None:
    """Return the labels of several tables as one: of a table for each split, or that which holds all of the others.

    None: they do not fit each other.
    """
    largest = max((labelling for _, labelling in each), key=lambda one: len(one.labels))
    if all(labelling.labels.items() <= largest.labels.items() for _, labelling in each):
        return largest
    splits = _splits_of([table.name for table, _ in each])
    rows = [row for _, labelling in each for row in labelling.labels]
    if not splits or len(set(rows)) < len(rows) or len({table.label_names for table, _ in each}) > 1:
        return None
    ordered = sorted(zip(splits, each, strict=True), key=lambda one: _ORDER.index(one[0]))
    columns = {str(table.columns) for table, _ in each}
    by = [table.name if len(columns) == 1 else labelling.by for _, (table, labelling) in ordered]
    joined = Labelling(some(by, 3, " and ") + (f" ({columns.pop()})" if len(columns) == 1 else ""), "label table", {})
    for split, (table, labelling) in ordered:
        joined.labels.update(labelling.labels)
        joined.splits.update(dict.fromkeys(labelling.labels, split))
        joined.notes.extend(labelling.notes)
        joined.parts[split] = [table.name]
    return replace(joined, tables=tuple(table.file for table, _ in each))


def _splits_of(names: list[str]) -> list[str]:
    """Return the splits that the names of tables mean; []: they are not those of a train and other splits of a set."""
    known = [name for name in map(_split_name, names) if name]
    splits = [name.split for name in known]
    whole = len(known) == len(names) and len({name.rest for name in known}) == 1
    return splits if whole and len(set(splits)) == len(splits) and "train" in splits else []


def _split_name(table: str) -> SplitName | None:
    """Return the split that the name of a table means, or else the nearest of its folders: "train/_classes.csv"."""
    parts = Path(table).with_suffix("").parts
    return next((found for part in reversed(parts) if (found := parse_split_name(part))), None)
