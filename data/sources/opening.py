"""Open labelled images: a folder of class folders, perhaps inside folders of official splits, or an .npz file.

A source lists the images without decoding them. Its reader returns one at a time, so a set may be larger than memory.
Readers are small and can be pickled: each worker process gets a copy.
"""

from dataclasses import replace
from pathlib import Path

from tenfold.data.errors import SourceFault, UserFault, unreadable
from tenfold.data.files import open_file
from tenfold.data.public import SETS
from tenfold.data.sources.arrays import open_arrays
from tenfold.data.sources.class_checks import check_learnable, class_notes
from tenfold.data.sources.folder import open_folder
from tenfold.data.sources.formats import DECODED, HEAD, HEIC, identify
from tenfold.data.sources.other_files import FOLDER, what_it_is
from tenfold.data.sources.source import FolderReader, Source

__all__ = ["FolderReader", "Source", "open_source"]
_FETCHED = {f"{name}.npz" for name in SETS}


def open_source(path: str | Path, training: bool = True, groups: str = "") -> Source:
    """Open a folder or an .npz file as a Source; no picture is read.

    training: every class folder must hold an image to train on. (An arrays file may name classes without images; a
    build calls `check_learnable` for it.) groups: the recipe's split.groups, which the notes take into account.
    SourceFault: missing, empty, unreadable, or only one class.
    """
    path = Path(path)
    if path.is_dir():
        source = open_folder(path, grouped=groups == "folder")
    elif path.suffix.lower() == ".npz" and path.is_file():
        source = open_arrays(path)
    elif path.exists():
        raise _no_source(path)
    else:
        raise SourceFault(path, "does not exist", f"run `tenfold fetch {path.stem}`" if path.name in _FETCHED
                          else "give a folder with one sub-folder for each class, or an .npz file")
    if len(source.classes) < 2:
        raise SourceFault(path, f"holds one class only, '{source.classes[0]}'",
                          "a classifier needs two: " + ("two labels" if source.arrays else "one sub-folder for each"))
    if training and not source.arrays:
        check_learnable(source)
    return replace(source, notes=[*source.notes, *class_notes(source)])


def _no_source(path: Path) -> UserFault:
    """Return the fault of a file that is not a source: it says what the file is, and how to provide the images."""
    if not path.is_file():                       # a device, a pipe
        return SourceFault(path, "is neither a folder nor an .npz file", FOLDER)
    try:
        with open_file(path) as f:
            kind = identify(f.read(HEAD))
    except OSError as error:
        return unreadable(error, path) or SourceFault(path, f"cannot be read ({error.strerror})", "look at it")
    if kind in DECODED or kind == HEIC:
        what, cure = f"one picture ({kind})", FOLDER
    else:
        what, cure = what_it_is(kind, path.suffix.lower())
    return SourceFault(path, f"is {what}, neither a folder nor an .npz file", cure)
