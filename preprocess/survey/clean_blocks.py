"""Write a block of cleaned pictures to disk, with room for the pyramid levels that copies are drawn from.

`clean-00000.u8` begins with tables: a row for each picture in each pen, a row for each level, and the corners of the
convex hulls. The cleaned pixels follow, then room for the pixels of levels, empty at first (a sparse file). A worker
that draws a copy makes the level that it needs and writes it into this room, where other workers find it:
`clean-00000.made` has a byte for each level, which becomes 1 once its pixels are written. Two workers that make the
same level write the same bytes.
"""

import mmap
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tenfold.data.files import open_file, publish
from tenfold.preprocess.draw.pyramid import AS_IT_IS, Picture

HEAD = 5                    # int64 at the very start: pens of a source, rows, levels, corners, where pixels begin
_NUMBERS = ("pens", "first_level", "levels", "first_corner", "corners", "offset", "height", "width", "channels",
            "brush", "above", "left", "bare", "red", "green", "blue")
ROW = np.dtype([(name, "<i8") for name in _NUMBERS] + [("pivot", "<f8")])


class Tables(NamedTuple):
    """The tables at the beginning of a block; offsets are relative to where the pixels begin."""
    pens: int                # rows of each source
    rows: np.ndarray         # ROW (sources × pens,): a picture in one pen
    levels: np.ndarray       # int64 (levels, 3): offset, height, width
    corners: np.ndarray      # float32 (corners, 2): of all hulls

    @property
    def pixels_begin(self) -> int:
        """Where the pixels begin in the file."""
        return 8 * HEAD + self.rows.nbytes + self.levels.nbytes + self.corners.nbytes


def pixels_file(folder: Path, number: int) -> Path:
    """Return the path of the file that holds a block's tables and pixels."""
    return folder / f"clean-{number:05d}.u8"


def write_pictures(path: Path, pictures: Sequence[Picture | None]) -> tuple[int, int, int]:
    """Write a block whole or not at all. pictures: one for each source, None for a source that has none.

    Returns the size of the file, how many bytes of it were written (the rest is room for levels), and the CRC-32 of
    the written bytes, which takes two thirds of SHA-256's time.
    """
    tables, pixel_bytes = _lay_out(pictures)
    begin = tables.pixels_begin
    head = np.array([tables.pens, len(tables.rows), len(tables.levels), len(tables.corners), begin], "<i8")
    check = 0
    with publish(path) as temporary, open(temporary, "wb") as f:
        for part in (head, tables.rows, tables.levels, tables.corners,
                     *(picture.levels.pixels for picture in pictures if picture)):
            data = np.ascontiguousarray(part).reshape(-1).view(np.uint8).data
            f.write(data)
            check = zlib.crc32(data, check)
        written = f.tell()
        f.truncate(begin + pixel_bytes)
    return begin + pixel_bytes, written, check


def _lay_out(pictures: Sequence[Picture | None]) -> tuple[Tables, int]:
    """Return the tables of a block, and how many bytes the cleaned pixels and the levels take."""
    pens = max((1 + len(picture.broader) for picture in pictures if picture), default=1)
    rows, corners = np.zeros(len(pictures) * pens, ROW), 0
    levels: list[tuple[int, int, int]] = []
    hulls = [np.empty((0, 2), np.float32)]
    cleaned, end = 0, sum(picture.levels.pixels.nbytes for picture in pictures if picture)
    for source, picture in enumerate(pictures):
        if picture is None:
            continue
        in_pens = (picture, *picture.broader)
        for row, one in enumerate(in_pens, source * pens):
            pen, shape = one.levels.pen, one.levels.pixels.shape
            rows[row] = (len(in_pens), len(levels), len(one.levels), corners, len(one.hull), cleaned, *shape, pen.brush,
                         *pen.ground, one.bare, *(one.background * 3)[:3], one.pivot)
            hulls.append(one.hull)
            corners += len(one.hull)
            for number, (height, width) in enumerate((one.size, *one.levels.shapes)):    # the base first; see Levels
                levels.append((end, height, width))
                needs_room = pen != AS_IT_IS if number == 0 else (height, width) != one.size
                end += height * width * shape[2] * needs_room
        cleaned += picture.levels.pixels.nbytes
    return Tables(pens, rows, np.array(levels, "<i8").reshape(-1, 3),
                   np.concatenate(hulls).astype("<f4", copy=False)), end


def is_whole(path: Path, size: int, written: int, check: int) -> bool:
    """Return whether a block on disk is what `write_pictures` wrote. size, written, check: what that returned."""
    with open_file(path) as f:
        if os.fstat(f.fileno()).st_size != size:
            return False
        with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as data, \
                data[:written] as part:
            return zlib.crc32(part) == check
