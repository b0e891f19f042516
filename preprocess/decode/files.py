"""Open a picture file with the reader for its format, which its first bytes show: its frames and orientation."""

import importlib.util
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tenfold.data.sources.formats import DECODED, HEAD, HEIC, LFS, identify
from tenfold.preprocess.decode import jpeg, jpeg2000, png, tiff, tiff_pixels
from tenfold.preprocess.decode.levels import HEADER, TRUNCATED, BadPicture, Deep, Frame, check_size
from tenfold.preprocess.decode.pillow import frame_of, opened, stored_orientation
from tenfold.preprocess.decode.reduction import Reduction

MOST_FRAMES = 64             # looked at, to find one that is not empty
_UNREAD = {"JPEG XL", "PostScript", "Photoshop", "OpenEXR", "Radiance HDR", "DDS", "DICOM", "SVG"}
_BOXES = (b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid")        # of AVIF and HEIC, outermost
_TGA = (".tga", ".icb", ".vda", ".vst")


@dataclass(frozen=True)
class Opened:
    """A picture file, opened but not decoded."""
    frames: Iterator                     # of Frame or Deep
    orientation: int = 1
    several: bool = False
    stored: tuple[int, int] = (0, 0)     # height, width, upright, of a picture that is decoded smaller


@contextmanager
def open_picture(data: bytes, max_pixels: int, name: str, reduction: Reduction | None) -> Iterator[Opened]:
    """Open a picture file of any kind that Tenfold reads. BadPicture: it is of another kind, or damaged."""
    kind = identify(data[:HEAD])
    if not kind and name.lower().endswith(_TGA):
        kind = "TGA"
    if kind == HEIC:
        _register_heic()
    elif kind not in DECODED:
        raise BadPicture(_why_not_read(kind, data))
    if kind == "TIFF":
        yield _open_tiff(data, max_pixels)
    elif kind == "PNG":
        yield _open_png(data, max_pixels)
    elif kind == "JPEG":
        found = jpeg.parsed(data)
        frame, stored = jpeg.pixels(found, max_pixels, reduction)
        yield Opened(iter([frame]), found.orientation, stored=stored)
    elif data[:2] in (b"PF", b"Pf"):
        yield Opened(iter([_portable_floats(data, max_pixels)]))
    else:
        _check_length(kind, data)
        with opened(data, DECODED.get(kind, ("HEIF",)), max_pixels) as picture:
            orientation = stored_orientation(picture)
            several = _is_animated(picture)
            frames = iter([jpeg2000.pixels(data, picture, max_pixels)]) if kind == "JPEG 2000" else \
                _frames(picture, several)
            yield Opened(frames, orientation, several)


def _why_not_read(kind: str, data: bytes) -> str:
    """The reason why a file of a kind that is not in DECODED is set aside."""
    if kind in _UNREAD:
        return f"{kind}, a kind of picture that Tenfold does not read"
    if kind == LFS:
        return "a pointer of Git LFS, not the picture itself; run `git lfs pull` where the images come from"
    return f"not a picture: {kind}" if kind else "not a picture" if data.strip(b"\0") else \
        "not a picture: nothing but zeros"


def _check_length(kind: str, data: bytes) -> None:
    """BadPicture: the file is shorter than its own outermost boxes."""
    end = 8 + int.from_bytes(data[4:8], "little") if kind == "WebP" else 0
    if kind in ("AVIF", HEIC):
        while data[end + 4:end + 8] in _BOXES and (size := int.from_bytes(data[end:end + 4], "big")) >= 8:
            end += size
    if end > len(data):
        raise BadPicture(TRUNCATED)


def _register_heic() -> None:
    if not importlib.util.find_spec("pillow_heif"):
        raise BadPicture("HEIC; pip install pillow-heif")
    import pillow_heif
    pillow_heif.register_heif_opener()


def _is_animated(picture: Image.Image) -> bool:
    try:
        return getattr(picture, "is_animated", False)
    except Exception:                        # what follows the first frame is damaged
        picture.seek(0)
        return False


def _frames(picture: Image.Image, several: bool) -> Iterator:
    yield frame_of(picture)
    for i in range(1, MOST_FRAMES if several else 1):
        try:
            picture.seek(i)
            frame = frame_of(picture)
        except Exception:                    # the first was the last one, or what follows it is damaged
            return
        yield frame


def _open_png(data: bytes, max_pixels: int) -> Opened:
    found = png.parsed(data)
    check_size(found.height, found.width, max_pixels)
    if found.depth == 16:
        return Opened(iter([png.deep_pixels(found, max_pixels)]), found.orientation, found.animated)
    try:
        picture = opened(found.data, ("PNG",), max_pixels)
    except BadPicture:
        if not found.animated:
            raise
        picture = opened(found.still, ("PNG",), max_pixels)       # what is damaged is its animation
    several = _is_animated(picture)
    return Opened(_frames(picture, several), found.orientation, several)


def _portable_floats(data: bytes, max_pixels: int) -> Deep:
    """A portable float map (http://www.pauldebevec.com/Research/HDR/PFM): rows from the bottom up."""
    head = re.match(rb"P([Ff])\s+(\d{1,9})\s+(\d{1,9})\s+(-?\d[\d.eE+-]*)\s", data[:200])
    if not head:
        raise BadPicture(HEADER)
    width, height, channels = int(head[2]), int(head[3]), 3 if head[1] == b"F" else 1
    check_size(height, width, max_pixels)
    if len(data) - head.end() < 4 * width * height * channels or not width or not height:
        raise BadPicture(TRUNCATED)
    order = "<" if head[4].startswith(b"-") else ">"
    pixels = np.frombuffer(data, f"{order}f4", width * height * channels, head.end()).astype(np.float32)
    return Deep(pixels.reshape(height, width, channels)[::-1], 32)


def _open_tiff(data: bytes, max_pixels: int) -> Opened:
    pages = tiff.pages_of(data)
    return Opened(_tiff_frames(data, pages, max_pixels), tiff.orientation(pages[0]), len(pages) > 1)


def _tiff_frames(data: bytes, pages: list[dict], max_pixels: int) -> Iterator:
    for i, page in enumerate(pages):
        try:
            check_size(*tiff.size_of(page), max_pixels)
            frame = _tiff_frame(data, page, max_pixels)
        except Exception:
            if not i:                        # a later page matters only where the first is empty
                raise
            return
        yield frame


def _tiff_frame(data: bytes, page: dict, max_pixels: int) -> Frame | Deep:
    if tiff.pillow_misreads(page):
        return tiff_pixels.read_page(data, page)
    try:
        picture = opened(tiff.plain_file(data, page), ("TIFF",), max_pixels)
    except (struct.error, ValueError, OverflowError):        # values that no tag may have
        raise BadPicture(HEADER) from None
    except BadPicture as bad:
        if tiff.is_readable(page):
            return tiff_pixels.read_page(data, page)
        raise BadPicture(tiff.unread(page)) if str(bad) == HEADER else bad from None
    return frame_of(picture)


def may_be_deep(data: bytes) -> bool:
    """Return whether a file's header speaks of levels that only the whole set can bring to 0..255."""
    kind = identify(data[:HEAD])
    if kind == "TIFF":
        return any(tiff.is_deep(page) for page in tiff.directories(data)[:1])
    return (kind == "PNG" and data[24:25] == b"\x10") or data[:2] in (b"PF", b"Pf") or \
        (kind == "JPEG 2000" and jpeg2000.precision(data) == 16)
