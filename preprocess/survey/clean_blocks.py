"""A block of cleaned pictures on disk, with room for the levels that copies are drawn from.

`clean-00000.u8` begins with tables: a row for each picture in each pen, a row for each level, the corners of the
hulls. Then come the cleaned pixels, then room for levels, empty at first (a sparse file). Whoever draws a copy makes
the level that it needs and writes it there, where others find it: `clean-00000.made` has a byte for each level, which
becomes 1 once its pixels are written. Two workers that make the same level write the same bytes.
"""

import errno
import mmap
import os
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.files import open_descriptor, open_file, publish
from tenfold.preprocess.draw.pyramid import AS_IT_IS, Levels, Pen, Picture, Store

_HEAD = 5                    # int64 at the very start: pens of a source, rows, levels, corners, where pixels begin
_NUMBERS = ("pens", "first_level", "levels", "first_corner", "corners", "offset", "height", "width", "channels",
            "brush", "above", "left", "bare", "red", "green", "blue")
_ROW = np.dtype([(name, "<i8") for name in _NUMBERS] + [("pivot", "<f8")])
_SMALL = 1 << 16             # bytes of a level that stays in memory where its source has a single copy


def pixels_file(folder: Path, number: int) -> Path:
    """Return the path of the file that holds a block's tables and pixels."""
    return folder / f"clean-{number:05d}.u8"


def write_pictures(path: Path, pictures: Sequence[Picture | None]) -> tuple[int, int, int]:
    """Write a block whole or not at all. pictures: one for each source, None: it has none.

    Returns its bytes, how many of them were written (behind them is room for levels), and the CRC-32 of those, which
    takes two thirds of SHA-256's time.
    """
    drawn = [picture.levels.pixels for picture in pictures if picture]
    starts = iter(np.cumsum([0, *(pixels.nbytes for pixels in drawn)]).tolist())
    end = sum(pixels.nbytes for pixels in drawn)
    pens = max((1 + len(picture.broader) for picture in pictures if picture), default=1)
    rows, corners = np.zeros(len(pictures) * pens, _ROW), 0
    levels: list[tuple[int, int, int]] = []
    hulls = [np.empty((0, 2), np.float32)]
    for source, picture in enumerate(pictures):
        if picture is None:
            continue
        start, in_pens = next(starts), (picture, *picture.broader)
        for row, one in enumerate(in_pens, source * pens):
            held, shape = one.levels, one.levels.pixels.shape
            rows[row] = (len(in_pens), len(levels), len(held), corners, len(one.hull), start, *shape, held.pen.brush,
                         *held.pen.ground, one.bare, *(one.background * 3)[:3], one.pivot)
            hulls.append(one.hull)
            corners += len(one.hull)
            for number, (height, width) in enumerate((one.size, *held.shapes)):      # the base first; see Levels
                levels.append((end, height, width))
                if held.pen != AS_IT_IS if number == 0 else (height, width) != one.size:
                    end += height * width * shape[2]
    tables = [np.array(levels, "<i8").reshape(-1, 3), np.concatenate(hulls).astype("<f4", copy=False)]
    begin = 8 * _HEAD + rows.nbytes + sum(table.nbytes for table in tables)
    head = np.array([pens, len(rows), len(levels), corners, begin], "<i8")
    check = 0
    with publish(path) as temporary, open(temporary, "wb") as f:
        for table in (head, rows, *tables, *drawn):
            piece = np.ascontiguousarray(table).reshape(-1).view(np.uint8).data
            f.write(piece)
            check = zlib.crc32(piece, check)
        written = f.tell()
        f.truncate(begin + end)
    return begin + end, written, check


def is_whole(path: Path, size: int, written: int, check: int) -> bool:
    """Whether a block on disk holds what `write_pictures` wrote, by what that returned."""
    with open_file(path) as f:
        if os.fstat(f.fileno()).st_size != size:
            return False
        with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as data, \
                data[:written] as part:
            return zlib.crc32(part) == check


def forget_levels(folder: Path) -> None:
    """Forget which levels were made in an earlier build, which may have lost the last of them with the power."""
    for path in folder.glob("*.made"):
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Block:
    """A block opened for drawing: its tables and pixels are mapped into memory."""
    folder: Path
    number: int
    once: bool = False       # a single copy is drawn of each source

    @cached_property
    def _bytes(self) -> np.ndarray:
        with open_file(pixels_file(self.folder, self.number)) as f:
            return np.frombuffer(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)

    @cached_property
    def _tables(self) -> tuple[int, int, np.ndarray, np.ndarray, np.ndarray]:
        """Pens of a source, where pixels begin, rows, levels (n, 3): place, height, width; corners (n, 2)."""
        pens, count, levels, corners, begin = np.frombuffer(self._bytes, "<i8", _HEAD).tolist()
        at = 8 * _HEAD
        rows = np.frombuffer(self._bytes, _ROW, count, at)
        at += rows.nbytes
        return pens, begin, rows, np.frombuffer(self._bytes, "<i8", 3 * levels, at).reshape(-1, 3), np.frombuffer(
            self._bytes, "<f4", 2 * corners, at + 24 * levels).reshape(-1, 2)

    @cached_property
    def _made(self) -> np.ndarray:
        """uint8 (levels,): 1 for those whose pixels are there; others may set them meanwhile."""
        with open_file(self._flags, "ab") as f:
            f.truncate(count := len(self._tables[3]))
            _allocate(f, count)
        with open_file(self._flags) as f:
            return np.frombuffer(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)

    @property
    def _flags(self) -> Path:
        return pixels_file(self.folder, self.number).with_suffix(".made")

    def picture(self, source: int) -> Picture:
        """Return the cleaned picture of a source, by its place in this block."""
        pens, _, rows, _, _ = self._tables
        first = source * pens
        broader = tuple(self._in_pen(rows[row]) for row in range(first + 1, first + rows[first]["pens"].item()))
        return self._in_pen(rows[first], broader)

    def _in_pen(self, row: np.void, broader: tuple[Picture, ...] = ()) -> Picture:
        """The picture in one pen."""
        (_, first, count, corner, corners, offset, height, width, channels, brush, above, left, bare, *colour,
         pivot) = row.item()
        pen = Pen(brush, (above, left)) if brush or above or left else AS_IT_IS
        background = tuple(colour[:channels])
        shapes = tuple((h, w) for _, h, w in self._tables[3][first + 1:first + 1 + count].tolist())
        levels = Levels(self._pixels(offset, height, width, channels), pen, background, shapes,
                        _Kept(self, first, channels))
        return Picture(levels, pen.size(height, width), self._tables[4][corner:corner + corners], background, pivot,
                       bool(bare), broader)

    def _pixels(self, offset: int, height: int, width: int, channels: int) -> np.ndarray:
        start = self._tables[1] + offset
        return self._bytes[start:start + height * width * channels].reshape(height, width, channels)

    def level(self, number: int, channels: int) -> np.ndarray | None:
        """Return a level by its row in the table of levels; None: nobody has made it."""
        if not self._made[number]:
            return None
        offset, height, width = self._tables[3][number].tolist()
        return self._pixels(offset, height, width, channels)

    def keep(self, number: int, pixels: np.ndarray) -> np.ndarray:
        """Return the pixels of a level from its room on disk, where they are written first; as they came where the
        disk is full, or where they are few and not needed again."""
        if self.once and pixels.nbytes < _SMALL:
            return pixels
        offset, height, width = self._tables[3][number].tolist()
        with suppress(OSError):
            if _write(pixels_file(self.folder, self.number), np.ascontiguousarray(pixels).reshape(-1).data,
                      self._tables[1] + offset):
                if not self.once:
                    _write(self._flags, b"\1", number)
                return self._pixels(offset, height, width, pixels.shape[2])
        return pixels


class _Kept(Store):
    """The levels of a picture in one pen, each in its room on disk once it is made."""

    def __init__(self, block: Block, first: int, channels: int) -> None:
        """first: row of the base in the block's table of levels."""
        self._block, self._first, self._channels = block, first, channels
        self._found: dict[int, np.ndarray] = {}

    def get(self, key: int) -> np.ndarray | None:
        found = self._found.get(key)
        if found is None and not self._block.once:
            found = self._block.level(self._first + key, self._channels)
        return found

    def keep(self, key: int, pixels: np.ndarray) -> np.ndarray:
        self._found[key] = kept = self._block.keep(self._first + key, pixels)
        return kept


def _allocate(file: Any, size: int) -> None:
    """Take the space for so many bytes: where a map of a full tmpfs is read at a hole, the process dies of SIGBUS."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):          # others: this file system has no such thing
            raise OSError(error.errno, error.strerror, file.name) from None


def _write(path: Path, data: bytes | memoryview, offset: int) -> bool:
    """Write into a file that is there; whether all was written."""
    file = open_descriptor(path, os.O_WRONLY)
    try:
        return os.pwrite(file, data, offset) == len(data)
    finally:
        os.close(file)
