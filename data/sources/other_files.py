"""Say what files are that are neither images nor an .npz file, and how to make a source of their content."""

from collections import Counter

from tenfold.data.errors import SourceFault
from tenfold.data.sources.file_kinds import RAW
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.table_files import SAVE_AS_CSV, WORKBOOKS
from tenfold.data.wording import counted

FOLDER = "give a folder with one sub-folder per class"
_UNPACK = "unpack it, and give the folder"
_SAVE = "save the images and labels with numpy.savez(file.npz, x=…, y=…)"
_CONVERT = "save each as PNG, in one sub-folder per class"
_FRAMES = "save frames as images, in a folder for each video inside its class: class/video/1.png"
_ARRAYS = "give that file itself"
_OF_MANY = {_UNPACK: "unpack them",              # cures of several files, where that makes a difference
            _ARRAYS: "give one .npz file itself, which holds all: x_train, y_train, x_test, y_test"}
_KINDS = (                   # what one file is, the cure, its format as `identify` names it, its suffixes
    ("a ZIP archive", _UNPACK, "ZIP", ".zip"), ("a gzip archive", _UNPACK, "gzip", ".gz", ".tgz"),
    ("a 7z archive", _UNPACK, "7z", ".7z"), ("a RAR archive", _UNPACK, "RAR", ".rar"),
    ("a tar archive", _UNPACK, ".tar"), ("an xz archive", _UNPACK, ".xz"), ("a bzip2 archive", _UNPACK, ".bz2"),
    ("one NumPy array", _SAVE, "NumPy", ".npy"), ("an HDF5 file", _SAVE, "HDF5", ".h5", ".hdf5"),
    ("a MATLAB file", _SAVE, ".mat"), ("a pickle", _SAVE, ".pkl", ".pickle"),
    ("a PyTorch file", _SAVE, ".pt", ".pth"), ("a Parquet file", _SAVE, ".parquet"), ("an Arrow file", _SAVE, ".arrow"),
    ("a TFRecord file", _SAVE, ".tfrecord", ".tfrecords", ".tfrec"),
    ("a spreadsheet", SAVE_AS_CSV, *WORKBOOKS),
    ("a DICOM file", _CONVERT, "DICOM", ".dcm", ".dicom"), ("a PDF file", _CONVERT, "PDF", ".pdf"),
    ("an SVG drawing", _CONVERT, "SVG", ".svg"), ("a raw camera file", _CONVERT, *sorted(RAW)),
    ("a video", _FRAMES, "video", ".mp4", ".avi", ".mov", ".mkv", ".webm"),
)
PROGRAMS = frozenset({".py", ".ipynb", ".m", ".r", ".c", ".cc", ".cpp", ".h", ".hpp", ".cu", ".cs", ".java", ".kt",
                      ".swift", ".go", ".rs", ".js", ".jsx", ".ts", ".tsx", ".php", ".html", ".css", ".sh",
                      ".pth", ".pt", ".onnx", ".tflite", ".keras", ".pb", ".model", ".weights"})     # and their files
_OTHERS = {key: (what, cure) for what, cure, *keys in _KINDS for key in keys}


def what_it_is(kind: str, suffix: str) -> tuple[str, str]:
    """Return (what a file is, cure), from its format as `identify` names it and its suffix in lower case."""
    return _OTHERS.get(suffix) or _OTHERS.get(kind) or (kind or "an unknown format", FOLDER)


def holds_programs(folder: Folder) -> bool:
    """Return whether a folder holds programs or their files, at any depth."""
    return any(not PROGRAMS.isdisjoint(one.passed) for one in folder.walk())


def no_images(root: Folder, fact: str, cure: str) -> SourceFault:
    """Return the fault of a folder without images; if it holds other data, their most frequent kind with its cure.

    Beside programs, only archives, .npz files and what is more than they count: others may be models and papers.
    """
    passed = sum((folder.passed for folder in root.walk()), Counter[str]())
    programs = sum(passed[kind] for kind in PROGRAMS)
    for name, count in passed.most_common():
        kind = name.removeprefix("without suffix (").removesuffix(")")
        theirs = _ARRAYS if kind == ".npz" else _OTHERS.get(kind, ("", ""))[1]
        if theirs in (_UNPACK, _ARRAYS) or (theirs and count > programs):
            theirs = _OF_MANY.get(theirs, theirs) if count > 1 else theirs
            return SourceFault(root.path, f"{fact}, but {counted(count, f'{kind} file')}", theirs)
    return SourceFault(root.path, fact, cure)
