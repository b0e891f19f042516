"""A block of cleaned pictures opened for drawing; the levels that are made are kept in it (see `clean_blocks`)."""

import errno
import mmap
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.files import open_descriptor, open_file
from tenfold.preprocess.draw.pyramid import AS_IT_IS, Levels, Pen, Picture, Store
from tenfold.preprocess.survey.clean_blocks import HEAD, ROW, Tables, pixels_file

_SMALL = 1 << 16             # a level of fewer bytes stays in memory if its source has a single copy


def forget_levels(folder: Path) -> None:
    """Forget which levels an earlier build made: in a power failure it may have lost the last ones."""
    for path in folder.glob("*.made"):
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Block:
    """A block opened for drawing; its tables and pixels are mapped into memory."""
    folder: Path
    number: int
    once: bool = False       # a single copy of each source is drawn, so levels are not shared

    @cached_property
    def _bytes(self) -> np.ndarray:
        with open_file(pixels_file(self.folder, self.number)) as f:
            return np.frombuffer(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)

    @cached_property
    def _tables(self) -> Tables:
        pens, rows, levels, corners, _ = np.frombuffer(self._bytes, "<i8", HEAD).tolist()
        levels_begin = 8 * HEAD + rows * ROW.itemsize
        return Tables(pens, np.frombuffer(self._bytes, ROW, rows, 8 * HEAD),
                       np.frombuffer(self._bytes, "<i8", 3 * levels, levels_begin).reshape(-1, 3),
                       np.frombuffer(self._bytes, "<f4", 2 * corners, levels_begin + 24 * levels).reshape(-1, 2))

    @cached_property
    def _pixels_begin(self) -> int:
        return self._tables.pixels_begin

    @cached_property
    def _made(self) -> np.ndarray:
        """uint8 (levels,): 1 for a level whose pixels are written; other workers may set it meanwhile."""
        with open_file(self._flags, "ab") as f:
            f.truncate(count := len(self._tables.levels))
            _allocate(f, count)
        with open_file(self._flags) as f:
            return np.frombuffer(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)

    @property
    def _flags(self) -> Path:
        return pixels_file(self.folder, self.number).with_suffix(".made")

    def picture(self, source: int) -> Picture:
        """Return the cleaned picture of a source. source: its number within this block."""
        rows, first = self._tables.rows, source * self._tables.pens
        broader = tuple(self._in_pen(rows[row]) for row in range(first + 1, first + rows[first]["pens"].item()))
        return self._in_pen(rows[first], broader)

    def _in_pen(self, row: np.void, broader: tuple[Picture, ...] = ()) -> Picture:
        """Return the picture in one pen from its row of the table."""
        (_, first, count, corner, corners, offset, height, width, channels, brush, above, left, bare, *colour,
         pivot) = row.item()
        pen = Pen(brush, (above, left)) if brush or above or left else AS_IT_IS
        background = tuple(colour[:channels])
        shapes = tuple((h, w) for _, h, w in self._tables.levels[first + 1:first + 1 + count].tolist())
        levels = Levels(self._pixels(offset, height, width, channels), pen, background, shapes,
                        _StoredLevels(self, first, channels))
        hull = self._tables.corners[corner:corner + corners]
        return Picture(levels, pen.size(height, width), hull, background, pivot, bool(bare), broader)

    def _pixels(self, offset: int, height: int, width: int, channels: int) -> np.ndarray:
        start = self._pixels_begin + offset
        return self._bytes[start:start + height * width * channels].reshape(height, width, channels)

    def level(self, number: int, channels: int) -> np.ndarray | None:
        """Return a level by its row in the table of levels; None: no worker has made it yet."""
        if not self._made[number]:
            return None
        offset, height, width = self._tables.levels[number].tolist()
        return self._pixels(offset, height, width, channels)

    def keep(self, number: int, pixels: np.ndarray) -> np.ndarray:
        """Write the pixels of a level into its room on disk, and return them from there.

        They are returned as they are if the disk is full, or if they are few and not needed again.
        """
        if self.once and pixels.nbytes < _SMALL:
            return pixels
        offset, height, width = self._tables.levels[number].tolist()
        with suppress(OSError):
            if _write(pixels_file(self.folder, self.number), np.ascontiguousarray(pixels).reshape(-1).data,
                      self._pixels_begin + offset):
                if not self.once:
                    _write(self._flags, b"\1", number)
                return self._pixels(offset, height, width, pixels.shape[2])
        return pixels


class _StoredLevels(Store):
    """The levels of a picture in one pen, which are kept on disk once they are made."""

    def __init__(self, block: Block, first: int, channels: int) -> None:
        """first: row of the picture itself in the block's table of levels."""
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
    """Reserve disk space for a file of `size` bytes: to read a hole of a mapped file on a full tmpfs raises SIGBUS."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):          # others: not supported by this file system
            raise OSError(error.errno, error.strerror, file.name) from None


def _write(path: Path, data: bytes | memoryview, offset: int) -> bool:
    """Write into an existing file at `offset`; return whether all was written."""
    file = open_descriptor(path, os.O_WRONLY)
    try:
        return os.pwrite(file, data, offset) == len(data)
    finally:
        os.close(file)
