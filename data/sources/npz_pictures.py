"""Read the pictures of an .npz, one or several at a time: they are decompressed if need be, and mapped into memory."""

import math
import shutil
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np

from tenfold.data.errors import MachineFault, SourceFault
from tenfold.data.files import open_file, publish
from tenfold.data.memory import format_bytes

AGAIN = "make or fetch it again"


@dataclass(frozen=True)
class Arrays:
    """An array of pictures in an .npz, and where its pixels begin."""
    file: Path
    offset: int                    # of the first pixel in `file`; -1: the array is compressed
    shape: tuple[int, ...]         # (n, H, W, C)
    key: str = "x"                 # name of the array
    whole: bool = False            # its checksum was compared

    def mapped(self, scratch: Path) -> "Arrays":
        """Return the same pictures in a file that can be mapped; compressed ones are unpacked into `scratch`."""
        if self.offset >= 0:
            return self if self.whole else self._checked()
        unpacked, size, free = scratch / f"{self.key}.u8", math.prod(self.shape), shutil.disk_usage(scratch).free
        if size > free:
            raise MachineFault(self.file, f"unpacks to {format_bytes(size)}, and the disk of {scratch} has "
                               f"{format_bytes(free)} left", "free some space, or write to another disk")
        try:
            with open_file(self.file) as f, zipfile.ZipFile(f) as z, z.open(f"{self.key}.npy") as x, \
                    publish(unpacked) as temporary, open(temporary, "wb") as out:
                read_header(x)
                _copy(x, out, size)              # no more bytes than the pictures have
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            words = str(error) or f"{self.key} is shorter than its {self.shape}"
            raise SourceFault(self.file, f"is damaged ({words})", AGAIN) from None
        return Arrays(unpacked, 0, self.shape, self.key, whole=True)

    def _checked(self) -> "Arrays":
        """Compare all bytes with the checksum in the file (CRC-32), and return the same pictures marked as whole."""
        try:
            with open_file(self.file) as f, zipfile.ZipFile(f) as z, z.open(f"{self.key}.npy") as x:
                while x.read(1 << 20):
                    pass
        except Exception as error:   # zipfile raises a dozen kinds on damage
            raise SourceFault(self.file, f"is damaged ({error})", AGAIN) from None
        return replace(self, whole=True)

    @cached_property
    def _pixels(self) -> np.ndarray:
        """All pictures, mapped once: to map a file takes ten times as long as to read a picture of 28×28."""
        with open_file(self.file) as f:
            return np.asarray(np.memmap(f, np.uint8, "r", self.offset, self.shape))

    def __getstate__(self) -> dict:
        """Leave out the mapped pixels, because a worker process maps the file itself."""
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
    """Several arrays of pictures, numbered one after the other."""
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


def read_header(f: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read the header of an .npy; return (shape, in Fortran order, dtype). `f` is then at the first byte of data."""
    version = np.lib.format.read_magic(f)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else \
        np.lib.format.read_array_header_2_0
    return read(f)


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copy `size` bytes. EOFError: there are fewer."""
    while size:
        data = source.read(min(size, 1 << 20))
        if not data:
            raise EOFError
        target.write(data)
        size -= len(data)
