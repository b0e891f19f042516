"""Call Pillow without changing the process's settings or printing; its errors become one-line reasons."""

import ctypes
import io
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from tenfold.data.out_of_memory import is_out_of_memory
from tenfold.preprocess.decode.levels import (
    BROKEN,
    BYTES_A_JPEG_PIXEL,
    BYTES_A_PIXEL,
    HEADER,
    TRUNCATED,
    BadPicture,
    Deep,
    Frame,
    check_size,
)
from tenfold.preprocess.decode.metadata import orientation_of

_ONE_AT_A_TIME = threading.Lock()
_SILENT = logging.NullHandler()          # else Python prints what Pillow logs


def in_words(error: Exception) -> str:
    """Say what a library's error means for the picture."""
    text = str(error).lower()
    if isinstance(error, EOFError) or re.search("truncat|unexpected end|reached eof|not enough|premature", text):
        return TRUNCATED
    if isinstance(error, UnidentifiedImageError):
        return HEADER
    unread = re.search("conversion from (\\w+)", str(error))
    if unread:
        return f"colours of a kind that is not read ({unread[1]})"
    return BROKEN


@contextmanager
def quiet(max_pixels: int) -> Iterator[None]:
    """Hold Pillow to `max_pixels`, and keep it and libtiff from printing; afterwards they are as before.

    These settings are the process's, so one thread decodes at a time.
    """
    with _ONE_AT_A_TIME, _kept_quiet(max_pixels):
        yield


@contextmanager
def _kept_quiet(max_pixels: int) -> Iterator[None]:
    bound, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
    silence = _libtiff()
    before = silence(None) if silence else None
    logger = logging.getLogger("PIL")
    added = _SILENT not in logger.handlers
    logger.addHandler(_SILENT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd EXIF block or palette is no news to the user
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = bound
        if added:
            logger.removeHandler(_SILENT)
        if silence:
            silence(before)


@cache
def _libtiff() -> Any:
    """Sets what Pillow's libtiff does with its errors, which is to print them; None where it cannot be found."""
    try:
        handler = ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler
    except (AttributeError, OSError):
        return None
    handler.restype, handler.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    return handler


def opened(data: bytes, formats: tuple[str, ...], max_pixels: int) -> Image.Image:
    """Open a file without decoding it. BadPicture: too large, or its header is broken."""
    if formats == ("AVIF",):
        from PIL import AvifImagePlugin
        if not AvifImagePlugin.SUPPORTED:
            raise BadPicture("AVIF, which this Pillow cannot read; pip install --upgrade pillow")
    try:
        picture = Image.open(io.BytesIO(data), formats=formats)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise BadPicture(f"enormous: more than {max_pixels} pixels") from None
    except Exception as error:
        if is_out_of_memory(error):
            raise
        words = in_words(error)
        raise BadPicture(words if words == TRUNCATED else HEADER) from None
    each = BYTES_A_JPEG_PIXEL if formats == ("JPEG",) else BYTES_A_PIXEL
    check_size(picture.height, picture.width, max_pixels, each)
    return picture


def frame_of(picture: Image.Image) -> Frame | Deep:
    """Return the frame that the picture stands at."""
    picture.load()
    if picture.mode.startswith("I") or picture.mode == "F":      # Pillow spread them over 16 bits
        pixels = np.asarray(picture)[:, :, None]
        return Deep(pixels.astype(np.uint16), 16, declared=(0, 65535))
    if picture.mode == "La":
        picture = picture.convert("LA")
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "RGBa"):
        pixels = np.asarray(picture.convert("RGBA"))
        return Frame(pixels[:, :, :3], pixels[:, :, 3])
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    pixels = np.asarray(picture)
    return Frame(pixels[:, :, None] if pixels.ndim == 2 else pixels)


def frame_in_memory(picture: Image.Image) -> Frame | Deep:
    """Return the frame of a PIL image that someone else opened or made: deep ones keep the levels that they hold."""
    picture.load()
    if not picture.mode.startswith("I") and picture.mode != "F":
        return frame_of(picture)
    pixels = np.asarray(picture)[:, :, None]
    if pixels.dtype.kind == "i" and pixels.min() >= 0 and pixels.max() < 1 << 16:    # Pillow's way with 16 bits
        pixels = pixels.astype(np.uint16)
    return Deep(pixels.astype(pixels.dtype.newbyteorder("=")), 8 * pixels.itemsize)


def stored_orientation(picture: Image.Image) -> int:
    """Return how the camera was turned, 1 to 8 as EXIF counts, by the metadata that Pillow found."""
    def as_bytes(value: str | bytes | None) -> bytes:
        return value.encode("utf-8", "replace") if isinstance(value, str) else value or b""
    return orientation_of(as_bytes(picture.info.get("exif")), as_bytes(picture.info.get("xmp")))
