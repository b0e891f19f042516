"""Read an .npz without loading it: the headers of its arrays, and its pixels memory-mapped.

Nothing in the file is believed unseen, and nothing in it is ever unpickled.
"""

import math
import re
import shutil
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np

from tenfold.data.errors import MachineFault, SourceFault, UserFault, unreadable
from tenfold.data.files import open_file, publish
from tenfold.data.memory import check_room, gigabytes
from tenfold.data.wording import some

_MEMBERS = 1000              # whose headers are read
_DEFLATE = 1032              # bytes that a byte of deflate can become at the most
_AGAIN = "make or fetch it again"
SAVE = "save it with numpy.savez(file, x=…, y=…, classes=…)"


@dataclass(frozen=True)
class Arrays:
    """An array of pictures in an .npz: where its pixels begin, without reading them."""
    file: Path
    offset: int                    # of the first pixel in `file`; -1: compressed, no such place
    shape: tuple[int, ...]         # (n, H, W, C)
    key: str = "x"
    whole: bool = False            # its checksum was compared

    def mapped(self, scratch: Path) -> "Arrays":
        """Return the same pictures in a file that can be mapped: unpacked into `scratch` where they are compressed."""
        if self.offset >= 0:
            return self if self.whole else self._checked()
        unpacked, size, free = scratch / f"{self.key}.u8", math.prod(self.shape), shutil.disk_usage(scratch).free
        if size > free:
            raise MachineFault(self.file, f"unpacks to {gigabytes(size)}, and the disk of {scratch} has "
                               f"{gigabytes(free)} left", "free some space, or choose another --out")
        try:
            with open_file(self.file) as f, zipfile.ZipFile(f) as z, z.open(f"{self.key}.npy") as x, \
                    publish(unpacked) as temporary, open(temporary, "wb") as out:
                _header(x)
                _copy(x, out, size)              # and nothing that may follow
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            words = str(error) or f"{self.key} is shorter than its {self.shape}"
            raise SourceFault(self.file, f"is damaged ({words})", _AGAIN) from None
        return Arrays(unpacked, 0, self.shape, self.key, whole=True)

    def _checked(self) -> "Arrays":
        """Return the same, once all bytes are what the file's own checksum (CRC-32) says."""
        try:
            with open_file(self.file) as f, zipfile.ZipFile(f) as z, z.open(f"{self.key}.npy") as x:
                while x.read(1 << 20):
                    pass
        except Exception as error:   # zipfile raises a dozen kinds on damage
            raise SourceFault(self.file, f"is damaged ({error})", _AGAIN) from None
        return replace(self, whole=True)

    @cached_property
    def _pixels(self) -> np.ndarray:
        """All pictures, mapped when the first one is read: to map a file takes ten times as long as to read 28×28."""
        with open_file(self.file) as f:
            return np.asarray(np.memmap(f, np.uint8, "r", self.offset, self.shape))

    def __getstate__(self) -> dict:
        """Leave out the map: a worker process makes its own."""
        return {name: value for name, value in self.__dict__.items() if name != "_pixels"}

    def read(self, row: int, path: str) -> np.ndarray:
        """Return picture `row`, uint8 (H, W, C), as a copy."""
        return np.array(self._pixels[row])

    @property
    def pixels_of_each(self) -> int:
        """Height times width of a picture."""
        return self.shape[1] * self.shape[2]

    @property
    def shape_of_each(self) -> tuple[int, ...] | None:
        """(H, W, C) of every picture."""
        return self.shape[1:]

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return some pictures, uint8 (n, H, W, C), as a copy. rows: int64 (n,)."""
        return self._pixels[rows]


@dataclass(frozen=True)
class Members:
    """Several arrays of pictures, one behind the other."""
    arrays: tuple[Arrays, ...]

    def mapped(self, scratch: Path) -> "Members":
        """Return the same pictures in files that can be mapped, as `Arrays.mapped` does."""
        return Members(tuple(arrays.mapped(scratch) for arrays in self.arrays))

    def read(self, row: int, path: str) -> np.ndarray:
        """Return picture `row` of all, uint8 (H, W, C), as a copy."""
        for one in self.arrays:
            if row < one.shape[0]:
                return one.read(row, path)
            row -= one.shape[0]
        raise IndexError(path)

    @property
    def pixels_of_each(self) -> int:
        """Height times width of the largest picture."""
        return max(one.pixels_of_each for one in self.arrays)

    @property
    def shape_of_each(self) -> tuple[int, ...] | None:
        """(H, W, C) of every picture; None: they differ."""
        shapes = {one.shape[1:] for one in self.arrays}
        return shapes.pop() if len(shapes) == 1 else None

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return some pictures of one shape, uint8 (n, H, W, C), as a copy. rows: int64 (n,)."""
        starts = np.cumsum([0, *(one.shape[0] for one in self.arrays)])
        out = np.empty((len(rows), *self.arrays[0].shape[1:]), np.uint8)
        for start, one in zip(starts.tolist(), self.arrays, strict=False):
            inside = (rows >= start) & (rows < start + one.shape[0])
            out[inside] = one.read_rows(rows[inside] - start)
        return out


@dataclass(frozen=True)
class Member:
    """The header of one array."""
    info: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    begin: int                     # of its data, within the member

    def __str__(self):
        return f"{self.dtype} {self.shape}"


class Npz:
    """An .npz file by its headers. SourceFault: it is none."""

    def __init__(self, path: Path):
        self.path = path
        self.members: dict[str, Member] = {}
        self.damaged: dict[str, str] = {}        # members whose header cannot be read, and why
        try:
            with open_file(path) as f, zipfile.ZipFile(f) as z:
                for info in z.infolist()[:_MEMBERS]:
                    _check_name(z, info)
                    if info.filename.endswith(".npy"):
                        self._add(z, info)
        except Exception as error:   # zipfile raises a dozen kinds on damage, and on what is made to harm
            raise self._no_arrays(error) from None

    def _add(self, z: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        key = info.filename.removesuffix(".npy")
        if not re.fullmatch(r"[\w .-]{1,100}", key):            # it becomes the name of a file where it is unpacked
            self.damaged[key] = "of a name that is no array's"
            return
        try:
            with z.open(info) as f:
                shape, fortran, dtype = _header(f)
                self.members[key] = Member(info, shape, dtype, fortran, f.tell())
        except Exception as error:   # numpy too
            self.damaged[key] = str(error)

    def read(self, key: str, most: int) -> np.ndarray:
        """Read an array in full. SourceFault: it has more than `most` bytes, is damaged, or holds Python objects."""
        member = self.members[key]
        size = math.prod(member.shape) * member.dtype.itemsize
        if size > most:
            raise self.fault(f"{key} is declared with {gigabytes(size)}, where {gigabytes(most)} are the most that it "
                             "can need", _AGAIN)
        check_room(self.path, 2 * size, f"to read {key}", "free some memory")
        if member.dtype.hasobject:
            raise self.fault(f"{key} holds Python objects, which are never unpickled",
                             f"save it as text or numbers: {key}=numpy.array({key}, dtype=str)")
        self._check_whole(key)
        try:
            with open_file(self.path) as f, np.load(f, allow_pickle=False) as z:
                return z[key]
        except Exception as error:
            raise self._no_arrays(error) from None

    def pixels(self, key: str) -> Arrays:
        """Locate the pictures of the array `key`, uint8 (n, H, W) or (n, H, W, C), in the file."""
        member = self.members[key]
        self._check_whole(key)
        offset = -1
        if member.info.compress_type == zipfile.ZIP_STORED:
            try:
                offset = _stored_at(self.path, member.info) + member.begin
            except (OSError, ValueError) as error:
                raise self._no_arrays(error) from None
            if self.path.stat().st_size < offset + math.prod(member.shape):
                raise self._short(key)
        shape = (*member.shape, 1) if len(member.shape) == 3 else tuple(member.shape)
        return Arrays(self.path, offset, shape, key)

    def _check_whole(self, key: str) -> None:
        member, packed = self.members[key], self.members[key].info.compress_size
        method = member.info.compress_type
        if (method == zipfile.ZIP_STORED and packed < member.info.file_size) or (
                method == zipfile.ZIP_DEFLATED and packed * _DEFLATE + 1000 < member.info.file_size):
            raise SourceFault(self.path, f"is damaged ({key} declares more than its {packed} bytes can hold)", _AGAIN)
        if min(member.shape, default=0) < 0 or \
                member.info.file_size < member.begin + math.prod(member.shape) * member.dtype.itemsize:
            raise self._short(key)

    def _short(self, key: str) -> SourceFault:
        return SourceFault(self.path, f"is damaged ({key} is shorter than its {self.members[key].shape})", _AGAIN)

    def _no_arrays(self, error) -> UserFault:
        return unreadable(error, self.path) or SourceFault(self.path, f"is not an arrays file ({error})", SAVE)

    def fault(self, fact: str, cure: str) -> SourceFault:
        """Return a fault that also lists the arrays that were found."""
        held = [f"{key[:40]} {member}" for key, member in self.members.items()]
        held += [f"{key[:40]} (damaged: {why[:60]})" for key, why in self.damaged.items()]
        return SourceFault(self.path, f"{fact} (it holds {some(held, 8) or 'no arrays'})", cure)


def _check_name(z: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Raise zipfile.BadZipFile where the two names of a member differ: it would be passed over, or be another array."""
    try:
        z.open(info).close()
    except zipfile.BadZipFile as error:
        if "differ" in str(error):
            raise
    except Exception:            # of a kind that is not read
        return


def _header(f) -> tuple[tuple[int, ...], bool, np.dtype]:
    """(shape, in Fortran order, dtype) of the .npy that `f` stands at; `f` is left at the first byte of data."""
    version = np.lib.format.read_magic(f)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else \
        np.lib.format.read_array_header_2_0
    return read(f)


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copy so many bytes. EOFError: there are fewer."""
    while size:
        data = source.read(min(size, 1 << 20))
        if not data:
            raise EOFError
        target.write(data)
        size -= len(data)


def _stored_at(path: Path, info: zipfile.ZipInfo) -> int:
    """Where an uncompressed member's bytes begin: behind its local header (APPNOTE.TXT 4.3.7)."""
    with open_file(path) as f:
        f.seek(info.header_offset + 26)
        name, extra = np.frombuffer(f.read(4), "<u2")
    return info.header_offset + 30 + int(name) + int(extra)
