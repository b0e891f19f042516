"""Read JPEG files without their metadata, and check whether a truncated file still has all of its pixels."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from tenfold.preprocess.decode.levels import TRUNCATED, BadPicture, Frame
from tenfold.preprocess.decode.metadata import orientation_of
from tenfold.preprocess.decode.pillow import frame_of, in_words, opened
from tenfold.preprocess.decode.reduction import Reduction

_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd8\xff])")      # of a segment; in a scan, FF 00 and FF D0 to D7 are data


@dataclass(frozen=True)
class Jpeg:
    """A parsed JPEG: its bytes without metadata, its orientation, where its scan data begin."""
    data: bytes                          # from SOI on: tables, frames and scans, without metadata
    scan: int                            # where the first scan begins
    progressive: bool
    orientation: int


def parsed(data: bytes) -> Jpeg:
    """Parse a JPEG; leave out its application segments but those that decoding needs (JFIF, Adobe)."""
    kept, found, offset = [b"\xff\xd8"], dict[str, bytes](), 2
    while True:
        offset = _marker(data, offset)
        if offset < 0 or data[offset + 1] == 0xDA:
            break
        mark, end = data[offset + 1], offset + 2 + struct.unpack_from(">H", data, offset + 2)[0]
        content, metadata = data[offset + 4:end], 0xE0 <= data[offset + 1] <= 0xEF or data[offset + 1] == 0xFE
        follows = _follows(data, end)
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC) and content[:1] in (b"\x0c", b"\x10"):
            raise BadPicture(f"JPEG of {content[0]} bits, which is not read")
        if mark == 0xE1:
            found = _metadata_in(content) | found            # the first of each kind
        if not metadata or (follows and _needed(mark, content)):
            kept.append(data[offset:end])
        # its length is wrong: look for the next marker within it
        offset = end if follows or not metadata else offset + 4
    if offset < 0:
        raise BadPicture(TRUNCATED)
    head = b"".join(kept)
    return Jpeg(head + data[offset:], len(head), b"\xff\xc2" in head, orientation_of(**found))


def _metadata_in(content: bytes) -> dict[str, bytes]:
    """What `orientation_of` wants of an APP1 segment."""
    if content.startswith(b"Exif\0\0"):
        return {"exif": content}
    return {"xmp": content} if content.startswith(b"http://ns.adobe.com/xap/") else {}


def _needed(mark: int, content: bytes) -> bool:
    """Return whether it says which colours the components are."""
    return (mark == 0xE0 and content.startswith(b"JFIF") and len(content) >= 14) or \
        (mark == 0xEE and content.startswith(b"Adobe") and len(content) >= 12)


def _follows(data: bytes, offset: int) -> bool:
    """Return whether a marker stands at `offset`, fill bytes before it allowed."""
    while data[offset:offset + 2] == b"\xff\xff":
        offset += 1
    return data[offset:offset + 1] == b"\xff" and data[offset + 1:offset + 2] not in (b"", b"\0", b"\xff")


def _marker(data: bytes, offset: int) -> int:
    """Where the next marker of a segment stands, from `offset` on; -1: none. A length that is wrong loses the place:
    then the first marker that another follows, or a scan, is taken."""
    if data[offset:offset + 1] == b"\xff":
        while data[offset:offset + 2] == b"\xff\xff":
            offset += 1
        if offset + 4 <= len(data) and data[offset + 1] >= 0xC0 and not 0xD0 <= data[offset + 1] <= 0xD9:
            return offset
    for match in re.finditer(rb"\xff[\xc0-\xcf\xda-\xdf\xe0-\xef\xfe]", data[offset:offset + (1 << 17)]):
        here = offset + match.start()
        if (here + 4 <= len(data) and _follows(data, here + 2 + struct.unpack_from(">H", data, here + 2)[0])) \
                or data[here + 1:here + 4] == b"\xda\0\x0c" or data[here + 1:here + 4] == b"\xda\0\x08":
            return here
    return -1


def pixels(jpeg: Jpeg, max_pixels: int, reduction: Reduction | None = None) -> tuple[Frame, tuple[int, int]]:
    """Decode a JPEG, also where only its last bytes are missing; return it and its size as stored, upright.

    reduction: how many times smaller it may be decoded. BadPicture: more is missing, or it is damaged.
    """
    end, stored = jpeg.data.find(b"\xff\xd9", jpeg.scan), (0, 0)
    try:
        with opened(jpeg.data, ("JPEG",), max_pixels) as picture:
            stored = picture.size if jpeg.orientation >= 5 else picture.size[::-1]
            if reduction and (times := reduction(*stored)) > 1:
                picture.draft(None, (max(1, picture.width // times), max(1, picture.height // times)))
            frame = cast(Frame, frame_of(picture))           # a JPEG is never deep
        if jpeg.progressive and not _has_all_scans(jpeg.data):
            raise BadPicture(TRUNCATED)
        if (abs(frame.colour[-1, -1].astype(int) - 128) > 2).any() or end < 0:      # where pixels are missing,
            return frame, stored                                                   # libjpeg gives mid-grey
    except OSError as error:
        if in_words(error) != TRUNCATED:
            raise
        end = len(jpeg.data)
    return _all_there(jpeg.data[:end], max_pixels), stored


def _all_there(data: bytes, max_pixels: int) -> Frame:
    """The frame of a JPEG without its end. BadPicture: more is missing than a few bytes.

    What is missing shows where two different ends give different pixels.
    """
    data = data.rstrip(b"\xff")
    ends = []
    noise = np.random.default_rng(0).integers(0, 255, (2, len(data) + 4096), np.uint8)      # 255 would be a marker
    for filler in (*map(bytes, noise), b""):
        with opened(data + filler + b"\xff\xd9", ("JPEG",), max_pixels) as picture:
            ends.append(cast(Frame, frame_of(picture)))
    differ = (ends[0].colour != ends[1].colour).any(axis=2).sum()
    pixels = ends[0].colour[:, :, 0].size
    if not _has_all_scans(data) or differ > min(max(600, 0.02 * pixels), 0.1 * pixels):
        raise BadPicture(TRUNCATED)
    return ends[2]


def _has_all_scans(data: bytes) -> bool:
    """Return whether the scans that are there give every coefficient of every component of a JPEG to its last bit."""
    left = {}
    for marker, content in _segments(data):
        try:
            if marker in (0xC0, 0xC1, 0xC2):
                left = {content[6 + 3 * i]: [99] * 64 for i in range(content[5])}
            elif marker == 0xDA:
                many = content[0]
                first, last, bits = content[1 + 2 * many:4 + 2 * many]
                for i in range(many):
                    left[content[1 + 2 * i]][first:last + 1] = [bits & 15] * (last + 1 - first)
        except (IndexError, KeyError, ValueError):
            return False
    return bool(left) and not any(max(bits) for bits in left.values())


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (marker, content) of each segment of a JPEG up to its end marker; what follows that is no part of it."""
    at = 2
    while (found := _MARKER.search(data, at)) and found[1] != b"\xd9":
        size = int.from_bytes(data[found.end():found.end() + 2], "big")
        yield found[1][0], data[found.end() + 2:found.end() + size]
        at = found.end() + max(2, size)
