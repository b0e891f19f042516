"""Labelled images: a folder of class folders, one with official splits above them, or an .npz.

A source lists what there is without opening any picture; its reader hands out one at a time, so
a set larger than memory works. Readers are small and picklable: worker processes get a copy.
"""

import math
import os
import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.errors import SourceFault
from data.files import publish
from data.public import SETS

_FETCHED = {f"{name}.npz" for name in SETS}
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".tif", ".tiff", ".gif"})
OFFICIAL = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class Source:
    """What there is: four columns of equal length, in an order that depends on names alone."""
    root: Path
    classes: tuple[str, ...]
    paths: list[str]               # relative to root, or "x[12]" in an arrays file
    labels: np.ndarray             # int64, index into classes
    official: list[str | None]     # "train", "val", "test", or None: no official split
    stamps: list[tuple[int, int]]  # size in bytes and time of change in ns: has it changed since?
    arrays: "Arrays | None" = None

    def __len__(self):
        return len(self.paths)

    def reader(self, scratch: Path) -> "FolderReader | Arrays":
        """What reads the pictures; a compressed arrays file is first unpacked into `scratch`."""
        return self.arrays.mapped(scratch) if self.arrays else FolderReader(self.root)


@dataclass(frozen=True)
class FolderReader:
    root: Path

    def read(self, row: int, path: str) -> bytes:
        """The bytes of the picture file at `path`, not yet decoded."""
        return (self.root / path).read_bytes()


@dataclass(frozen=True)
class Arrays:
    """The array `x` of an .npz: where its pixels begin, without reading them."""
    file: Path
    offset: int                    # of the first pixel in `file`; -1: compressed, no such place
    shape: tuple[int, ...]         # (n, H, W, C)

    def mapped(self, scratch: Path) -> "Arrays":
        if self.offset >= 0:
            return self
        unpacked = scratch / "x.npy"
        try:
            with zipfile.ZipFile(self.file) as z, z.open("x.npy") as x, publish(unpacked) as temporary, \
                    open(temporary, "wb") as out:
                shutil.copyfileobj(x, out, 1 << 20)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise SourceFault(self.file, f"is damaged ({error})", "make or fetch it again") from None
        with open(unpacked, "rb") as f:
            _header(f)
            if unpacked.stat().st_size < f.tell() + math.prod(self.shape):
                raise SourceFault(self.file, f"is damaged (x is shorter than its {self.shape})",
                                  "make or fetch it again")
            return Arrays(unpacked, f.tell(), self.shape)

    def read(self, row: int, path: str) -> np.ndarray:
        """Picture `row`: uint8 (H, W, C), a copy."""
        pixels = np.memmap(self.file, np.uint8, "r", self.offset, self.shape)
        return np.array(pixels[row])


def open_source(path) -> Source:
    """A folder or an .npz file -> a Source. SourceFault: missing, empty, unreadable, one class."""
    path = Path(path)
    if path.is_dir():
        source = _open_folder(path)
    elif path.suffix == ".npz" and path.is_file():
        source = _open_arrays(path)
    elif path.exists():
        raise SourceFault(path, "is neither a folder nor an .npz file",
                          "give a folder with one sub-folder per class")
    else:
        raise SourceFault(path, "does not exist", f"run make data NAME={path.stem}" if path.name in _FETCHED
                          else "give DATA=folder with one sub-folder per class")
    if len(source.classes) < 2:
        raise SourceFault(path, f"holds one class only, '{source.classes[0]}'",
                          "a classifier needs two: one sub-folder for each")
    return source


def _open_folder(root: Path) -> Source:
    parts = _official_parts(root)
    found = []                                            # (class, official split, path, stamp)
    classes = set()
    for part, split in parts:
        for entry in _folders(root / part):
            classes.add(entry)
            below = f"{part}/{entry}" if part else entry
            found += [(entry, split, path, stamp) for path, stamp in _pictures(root, below)]
    if not classes:
        raise SourceFault(root, "has no sub-folders", "put the images of each class into a folder of its own")
    if not found:
        raise SourceFault(root, "has no image below its class folders",
                          "give " + ", ".join(sorted(s[1:] for s in SUFFIXES)) + " files")
    found.sort(key=lambda f: f[2])
    names = tuple(sorted(classes))
    number = {name: i for i, name in enumerate(names)}
    return Source(root, names, [f[2] for f in found],
                  np.array([number[f[0]] for f in found], np.int64),
                  [f[1] for f in found], [f[3] for f in found])


def _official_parts(root: Path) -> list[tuple[str, str | None]]:
    """[("train", "train"), ("test", "test")] where those folders hold class folders, else [("", None)]."""
    official = [(n, OFFICIAL[n.lower()]) for n in _folders(root) if n.lower() in OFFICIAL]
    splits = {split for _, split in official}
    if "train" in splits and len(splits) > 1 and all(_folders(root / n) for n, _ in official):
        return official
    return [("", None)]


def _folders(folder: Path) -> list[str]:
    """Names of the folders in it, hidden ones passed over, sorted."""
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if os.path.isdir(e.path) and not e.name.startswith("."))
    except OSError as error:
        raise SourceFault(folder, error.strerror or "cannot be listed", "check its permissions") from None


def _pictures(root: Path, below: str):
    """(relative path, (size, mtime)) of every picture file below, at any depth; links to folders and
    hidden names are passed over, and so are files that do not end like a picture."""
    def refuse(error):
        raise SourceFault(error.filename, error.strerror, "check its permissions")
    for folder, folders, names in os.walk(root / below, onerror=refuse):
        folders[:] = [f for f in folders if not f.startswith(".")]
        for name in names:
            if name.startswith(".") or os.path.splitext(name)[1].lower() not in SUFFIXES:
                continue
            full = os.path.join(folder, name)
            try:
                facts = os.stat(full)
            except OSError:                               # a broken link: decoding will say so
                yield os.path.relpath(full, root), (0, 0)
                continue
            if stat.S_ISREG(facts.st_mode):
                yield os.path.relpath(full, root), (facts.st_size, facts.st_mtime_ns)


def _open_arrays(path: Path) -> Source:
    """`x` uint8 (n, H, W) or (n, H, W, C), `y` integers (n,), `classes` (k,), optional `split` (n,)."""
    try:
        with zipfile.ZipFile(path) as z, z.open("x.npy") as x:
            shape, dtype = _header(x)
            info, begin = z.getinfo("x.npy"), x.tell()
        offset = _stored_at(path, info) + begin if info.compress_type == zipfile.ZIP_STORED else -1
        with np.load(path, allow_pickle=False) as z:
            y = z["y"]
            classes, official = (z[name].astype(str).ravel().tolist() if name in z else None
                                 for name in ("classes", "split"))
    except Exception as error:   # zipfile and numpy raise a dozen kinds on damage, and on what is made to harm
        raise SourceFault(path, f"is not an arrays file ({error})",
                          "save it with numpy.savez(file, x=…, y=…, classes=…)") from None

    def fault(fact, cure):
        return SourceFault(path, fact, cure)
    if dtype != np.uint8 or len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3, 4)) \
            or min(shape[1:]) < 1:
        raise fault(f"x is {dtype} {tuple(shape)}", "give uint8 (n, H, W) or (n, H, W, C) with C 1, 3 or 4")
    if not np.issubdtype(y.dtype, np.integer) or y.shape != shape[:1]:
        raise fault(f"x has {shape[0]} rows, y is {y.dtype} {y.shape}", "give one whole number a row")
    if official and len(official) != len(y):
        raise fault(f"x has {shape[0]} rows, split {len(official)}", "give train, val or test for each")
    if not len(y):
        raise fault("holds no image", "give at least two classes of them")
    if info.file_size < begin + math.prod(shape) or (offset >= 0 and path.stat().st_size < offset + math.prod(shape)):
        raise fault(f"is damaged (x is shorter than its {tuple(shape)})", "make or fetch it again")
    if classes is None:          # each has an image, so there are no more of them than images
        classes = [str(i) for i in range(min(len(y), max(0, int(y.max()) + 1)))]
    if y.min() < 0 or y.max() >= len(classes) or len(set(classes)) != len(classes):
        raise fault(f"y runs from {y.min()} to {y.max()}, classes names {len(set(classes))}",
                    "give each label a name of its own in classes")
    strange = set(official or ()) - {"train", "val", "test"}
    if strange:
        raise fault(f"split holds {min(strange)!r}", "write train, val or test")
    facts = path.stat()
    return Source(path, tuple(classes), [f"x[{i}]" for i in range(len(y))], y.astype(np.int64),
                  official or [None] * len(y), [(facts.st_size, facts.st_mtime_ns)] * len(y),
                  Arrays(path, offset, (*shape, 1) if len(shape) == 3 else tuple(shape)))


def _header(f):
    """(shape, dtype) of the .npy that `f` stands at; `f` is left at the first byte of data."""
    version = np.lib.format.read_magic(f)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else \
        np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(f)
    if fortran:
        raise ValueError("x is in Fortran order")
    return shape, dtype


def _stored_at(path: Path, info: zipfile.ZipInfo) -> int:
    """Where an uncompressed member's bytes begin: behind its local header (APPNOTE.TXT 4.3.7)."""
    with open(path, "rb") as f:
        f.seek(info.header_offset + 26)
        name, extra = np.frombuffer(f.read(4), "<u2")
    return info.header_offset + 30 + int(name) + int(extra)
