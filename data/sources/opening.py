"""Open labelled images: a folder of class folders, a folder or table with labels in the table, or an .npz file.

A source lists the images without decoding them. Its reader returns one at a time, so a set may be larger than memory.
Readers are small and can be pickled: each worker process gets a copy.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.data.errors import SourceFault, UserFault, unreadable
from tenfold.data.files import open_file
from tenfold.data.public import SETS
from tenfold.data.sources.arrays import open_arrays
from tenfold.data.sources.class_checks import check_learnable, class_notes
from tenfold.data.sources.class_folders import NoClassFoldersError
from tenfold.data.sources.folder import open_folder
from tenfold.data.sources.formats import DECODED, HEAD, HEIC, identify
from tenfold.data.sources.labelled import open_guessed, open_labelled, open_table
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.other_files import FOLDER, what_it_is
from tenfold.data.sources.source import FolderReader, Source
from tenfold.data.sources.table_files import divide_column, is_table
from tenfold.data.wording import quoted

if TYPE_CHECKING:
    from tenfold.data.recipe import Recipe

__all__ = ["FolderReader", "Source", "open_images", "open_source"]
_FETCHED = {f"{name}.npz" for name in SETS}


def open_images(recipe: Recipe, data: str | Path = "", training: bool = True) -> Source:
    """Open the images at `data`, or else those that the recipe names, with labels as the recipe says.

    The arguments and faults are those of `open_source`. SourceFault: the recipe names no images.
    """
    if not (data or recipe.source.data):
        raise SourceFault(recipe.name, "names no images", "give --data=folder")
    return open_source(data or recipe.source.data, training, recipe.split.groups, recipe.source.labels)


def open_source(path: str | Path, training: bool = True, groups: str = "", labels: str = "") -> Source:
    """Open a folder, a table of labels or an .npz file as a Source; no picture is read.

    training: every class folder must hold an image to train on. (An arrays file may name classes without images; a
    build calls `check_learnable` for it.) groups: the recipe's split.groups, which the notes take into account. labels:
    the recipe's source.labels, for a folder; of a table its column, where `path` itself does not end in ":COLUMN".
    SourceFault: missing, empty, unreadable, or only one class.
    """
    path, column = Path(path), divide_column(labels)[1]
    if not path.exists():
        file, named = divide_column(str(path))
        path, column = Path(file), named or column
    if path.is_dir():
        source = _open_folder(path, groups == "folder", labels)
    elif path.suffix.lower() == ".npz" and path.is_file():
        source = open_arrays(path)
        if labels:
            note = f"{path}: source.labels = {labels!r} is not used, an arrays file holds its labels"
            source = replace(source, notes=[*source.notes, note])
    elif is_table(path.name) and path.is_file():
        source = open_table(path, column)
    elif path.exists():
        raise _no_source(path)
    else:
        raise SourceFault(path, "does not exist", f"run `tenfold fetch {path.stem}`" if path.name in _FETCHED
                          else "give a folder with one sub-folder for each class, a table of labels or an .npz file")
    if len(source.classes) < 2:
        raise _one_class(path, source)
    if training and not source.arrays:
        check_learnable(source)
    return replace(source, notes=[*source.notes, *class_notes(source)])


def _open_folder(path: Path, grouped: bool, labels: str) -> Source:
    """Open a folder. If its images are not in class folders, a table or their names may give their labels."""
    top = Folder(str(path))
    if labels:
        return open_labelled(path, top, labels)
    try:
        source = open_folder(path, top, grouped)
    except NoClassFoldersError as fault:
        return open_guessed(path, top, fault)
    return source if len(source.classes) > 1 else open_guessed(path, top, _one_class(path, source))


def _one_class(path: Path, source: Source) -> SourceFault:
    in_folders = source.layout.kind in ("class folders", "official splits")
    return SourceFault(path, f"holds one class only, {quoted(source.classes[0])}",
                       "a classifier needs two: " + ("one sub-folder for each" if in_folders else "two labels"))


def _no_source(path: Path) -> UserFault:
    """Return the fault of a file that is not a source: it says what the file is, and how to provide the images."""
    if not path.is_file():                       # a device, a pipe
        return SourceFault(path, "is neither a folder, a table nor an .npz file", FOLDER)
    try:
        with open_file(path) as f:
            kind = identify(f.read(HEAD))
    except OSError as error:
        return unreadable(error, path) or SourceFault(path, f"cannot be read ({error.strerror})", "look at it")
    if kind in DECODED or kind == HEIC:
        what, cure = f"one picture ({kind})", FOLDER
    else:
        what, cure = what_it_is(kind, path.suffix.lower())
    return SourceFault(path, f"is {what}, neither a folder, a table nor an .npz file", cure)
