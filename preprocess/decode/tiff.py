"""Read the directories of TIFF files, and write one page anew without its metadata, for Pillow."""

import struct
from collections.abc import Sequence

from tenfold.preprocess.decode.levels import HEADER, TRUNCATED, BadPicture

MOST_PAGES = 64
_FORMATS = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "s", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q",
            18: "Q"}
SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL, STRIPS, ORIENTATION = 254, 256, 257, 258, 259, 262, 266, \
    273, 274
SAMPLES, ROWS, COUNTS, LOWEST, HIGHEST, PLANAR, PREDICTOR, COLOURS = 277, 278, 279, 280, 281, 284, 317, 320
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_COUNTS, EXTRA, FORMAT, LOWEST_ANY, HIGHEST_ANY = 322, 323, 324, 325, 338, 339, \
    340, 341
# what Pillow needs to know of a page; profiles, EXIF, XMP and makers' notes are left behind
_PLAIN = (WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL, STRIPS, SAMPLES, ROWS, COUNTS, PLANAR, 292, 293,
          PREDICTOR, COLOURS, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_COUNTS, 332, EXTRA, FORMAT, 347, 512, 513, 514, 519,
          520, 521, 530, 531)
_LONG = {WIDTH, HEIGHT, STRIPS, ROWS, COUNTS, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_COUNTS, 292, 293, 513, 514, 519,
         520, 521}
_TABLES = 347                # JPEG's, the only tag of bytes that matters
_KINDS = {_TABLES: (bytes,), LOWEST_ANY: (int, float), HIGHEST_ANY: (int, float)}        # of all others: int
_BYTEWISE = {1, 5, 8, 32773, 32946, 34925, 50000}       # none, LZW, deflate, PackBits, deflate, LZMA, Zstandard
_NAMES = {34677: "SGI LogLuv", 32844: "LogL", 32845: "LogLuv", 32803: "the raw data of a camera",
          34892: "the raw data of a camera", 8: "CIE L*a*b*", 9: "CIE L*a*b*", 10: "CIE L*a*b*"}


def directories(data: bytes) -> list[dict[int, tuple]]:
    """Return the pages in their order, [{tag: values}, …]; what is damaged is left out."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if not order or len(data) < 8:
        return []
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    number, entry = ("Q", "HHQ") if big else ("I", "HHI")
    pages: list[dict[int, tuple]] = []
    visited: set[int] = set()
    try:
        offset = struct.unpack_from(order + number, data, 8 if big else 4)[0]
        while offset and offset not in visited and len(pages) < MOST_PAGES:
            visited.add(offset)
            count = struct.unpack_from(order + ("Q" if big else "H"), data, offset)[0]
            offset += 8 if big else 2
            step = 20 if big else 12
            page = {}
            for i in range(min(count, 4096)):
                value = offset + i * step + step - (8 if big else 4)
                tag, kind, many = struct.unpack_from(order + entry, data, offset + i * step)
                values = _values(data, order + number, kind, many, value)
                if values and type(values[0]) in _KINDS.get(tag, (int,)):
                    page[tag] = values
            pages.append(page)
            offset = struct.unpack_from(order + number, data, offset + count * step)[0]
    except (struct.error, OverflowError):        # it points beyond the file
        pass
    return pages


def _values(data: bytes, pointer: str, kind: int, many: int, offset: int) -> tuple:
    """The values of an entry whose value field lies at `offset`; () where they cannot be read."""
    form = _FORMATS.get(kind)
    if not form or not 0 < many <= len(data):
        return ()
    form = f"{pointer[0]}{many}{form}"
    if struct.calcsize(form) > struct.calcsize(pointer):
        offset = struct.unpack_from(pointer, data, offset)[0]
    try:
        return struct.unpack_from(form, data, offset)
    except (struct.error, OverflowError):
        return ()


def pages_of(data: bytes) -> list[dict]:
    """Return the full pictures of a file: no previews, no masks. BadPicture: there is none."""
    every = [page for page in directories(data) if WIDTH in page and HEIGHT in page]
    full = [page for page in every if not first(page, SUBFILE, 0) & 5]
    if not every:
        raise BadPicture(HEADER)
    return full or every


def first(page: dict, tag: int, default: int = 1) -> int:
    """Return the first value of a tag, as a whole number."""
    return int(page.get(tag, (default,))[0])


def size_of(page: dict) -> tuple[int, int]:
    """Return (height, width)."""
    height, width = (int(page[tag][0]) for tag in (HEIGHT, WIDTH))
    if height < 1 or width < 1:
        raise BadPicture(HEADER)
    return height, width


def orientation(page: dict) -> int:
    """Return the orientation of a page, 1 to 8 as EXIF counts."""
    value = first(page, ORIENTATION)
    return int(value) if value in range(1, 9) else 1


def unread(page: dict) -> str:
    """Say why a page whose directory is sound cannot be read."""
    bits = ", ".join(map(str, page.get(BITS, (1,))[:4]))
    return f"TIFF of a kind that is not read (compression {first(page, COMPRESSION)}, photometric " \
           f"{photometric_of(page)}, {bits} bits)"


def photometric_of(page: dict) -> int:
    """Return what its levels mean (the tag PhotometricInterpretation); where that is missing, as libtiff guesses."""
    guess = 2 if first(page, SAMPLES) >= 3 else 0 if first(page, COMPRESSION) in (2, 3, 4) else 1
    return first(page, PHOTOMETRIC, guess)


def bits_of(page: dict) -> int:
    """Return the bits of a level."""
    return int(max(page.get(BITS, (1,))))


def is_deep(page: dict) -> bool:
    """Return whether the levels of a page are anything but whole numbers of 8 bits or fewer."""
    return bits_of(page) > 8 or first(page, FORMAT) in (2, 3)


def is_readable(page: dict) -> bool:
    """Return whether `tiff_pixels` can read a page."""
    return first(page, COMPRESSION) in _BYTEWISE and photometric_of(page) in (0, 1, 2, 3) \
        and len(set(page.get(BITS, (1,)))) == 1


def pillow_misreads(page: dict) -> bool:
    """Return whether `tiff_pixels` reads a page, and Pillow wrongly or no better.

    Such are deep pages, byte palettes, and pages that are not compressed or hold their colours one after another.
    """
    return is_readable(page) and (is_deep(page) or max(page.get(COLOURS, (256,))) < 256
                                    or first(page, COMPRESSION) == 1 or first(page, PLANAR) == 2)


def plain_file(data: bytes, page: dict) -> bytes:
    """Return a TIFF file of this page alone, without its metadata, for Pillow."""
    name = _NAMES.get(photometric_of(page))
    if name:
        raise BadPicture(f"TIFF that holds {name}, which is not read")
    for at, count in ((STRIPS, COUNTS), (TILES, TILE_COUNTS)):
        check_there(data, page.get(at, ()), page.get(count, ()))
    meaning = {} if first(page, COMPRESSION) == 6 else {PHOTOMETRIC: (photometric_of(page),)}
    return file_of(data, {tag: page[tag] for tag in _PLAIN if tag in page} | meaning)


def check_there(data: bytes, offsets: Sequence, counts: Sequence) -> None:
    """Raise BadPicture unless the file is long enough for its strips or tiles."""
    if any(at + count > len(data) for at, count in zip(offsets, counts, strict=False)):
        raise BadPicture(TRUNCATED)


def file_of(data: bytes, tags: dict) -> bytes:
    """Return `data` as a TIFF whose only directory, at its end, has these tags."""
    order = "<" if data[:2] == b"II" else ">"
    offset = len(data) + len(data) % 2
    body, end = b"", offset + 6 + 12 * len(tags)
    beyond = b""
    for tag in sorted(tags):
        values = tags[tag]
        if isinstance(values[0], bytes):
            kind, many, packed = 7, len(values[0]), values[0]
        else:
            kind = 4 if tag in _LONG else 3
            many, packed = len(values), struct.pack(f"{order}{len(values)}{'I' if kind == 4 else 'H'}",
                                                    *map(int, values))
        if len(packed) > 4:
            where, packed = end + len(beyond), packed + bytes(len(packed) % 2)
            beyond += packed
            packed = struct.pack(order + "I", where)
        body += struct.pack(order + "HHI", tag, kind, many) + packed.ljust(4, b"\0")
    head = data[:2] + struct.pack(order + "HI", 42, offset)
    return b"".join((head, data[8:], bytes(len(data) % 2), struct.pack(order + "H", len(tags)), body, bytes(4), beyond))
