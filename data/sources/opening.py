"""Open labelled images: a folder of class folders, perhaps with official splits above them, or an .npz file.

A source lists what there is without decoding any picture; its reader hands out one at a time, so
a set larger than memory works. Readers are small and picklable: worker processes get a copy.
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
from tenfold.data.sources.source import FolderReader, Source

__all__ = ["FolderReader", "Source", "open_source"]
_FETCHED = {f"{name}.npz" for name in SETS}
_FOLDER = "give a folder with one sub-folder per class"
_UNPACK = "unpack it, and give the folder"
_SAVE = "save its pixels and labels with numpy.savez(file, x=…, y=…)"
# by content, or by suffix where the content is not telling: (what it is, cure)
_OTHERS = {"ZIP": ("a ZIP archive", _UNPACK), "gzip": ("a gzip archive", _UNPACK), "7z": ("a 7z archive", _UNPACK),
           "RAR": ("a RAR archive", _UNPACK), ".tar": ("a tar archive", _UNPACK), ".xz": ("an xz archive", _UNPACK),
           "NumPy": ("one NumPy array", "save images and labels with numpy.savez(file.npz, x=…, y=…)"),
           "HDF5": ("an HDF5 file", _SAVE), ".mat": ("a MATLAB file", _SAVE), ".pkl": ("a pickle", _SAVE),
           ".pickle": ("a pickle", _SAVE), ".pt": ("a PyTorch file", _SAVE), ".pth": ("a PyTorch file", _SAVE),
           ".parquet": ("a Parquet file", _SAVE), ".tfrecord": ("a TFRecord file", _SAVE),
           ".csv": ("a table", f"{_FOLDER}: labels are read from folders, not from tables"),
           ".tsv": ("a table", f"{_FOLDER}: labels are read from folders, not from tables")}


def open_source(path: str | Path, training: bool = True, groups: str = "") -> Source:
    """Open a folder or an .npz file as a Source; no picture is read.

    training: every class folder must hold an image to learn from. (An arrays file may declare classes that it holds
    no image of; a build asks `check_learnable` again.) groups: the recipe's split.groups, for its notes.
    SourceFault: missing, empty, unreadable, one class.
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
    """The fault of a file that is no source: what it is instead, and how its images come in."""
    if not path.is_file():                       # a device, a pipe
        return SourceFault(path, "is neither a folder nor an .npz file", _FOLDER)
    try:
        with open_file(path) as f:
            kind = identify(f.read(HEAD))
    except OSError as error:
        return unreadable(error, path) or SourceFault(path, f"cannot be read ({error.strerror})", "look at it")
    suffix = path.suffix.lower()
    if kind in DECODED or kind == HEIC:
        what, cure = f"one picture ({kind})", _FOLDER
    else:
        what, cure = _OTHERS.get(suffix) or _OTHERS.get(kind) or (f"{kind or 'an unknown format'}", _FOLDER)
    return SourceFault(path, f"is {what}, neither a folder nor an .npz file", cure)
