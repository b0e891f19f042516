"""Bytes of a picture file → uint8 pixels. The one file that knows BGR, EXIF, palettes and bombs."""

import io
import warnings

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF")   # Pillow opens nothing else for us


class BadPicture(Exception):
    """A picture to set aside; `str()` is the reason that dataset.json records."""


def decode(data: bytes, channels: int, max_pixels: int) -> np.ndarray:
    """The first frame, upright: uint8 (H, W, channels), grey (ITU-R 601) or RGB, 0..255.

    Transparent pixels are laid on white paper; 16-bit depth is scaled to 8.
    BadPicture: empty, truncated, not a picture, larger than `max_pixels`.
    """
    if not data:
        raise BadPicture("empty file")
    Image.MAX_IMAGE_PIXELS = max_pixels      # Pillow's own bound is lower than a recipe may ask for
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd EXIF block or palette is no news to the user
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                if picture.width * picture.height > max_pixels:
                    raise BadPicture(f"enormous: {picture.width}×{picture.height} pixels")
                return _pixels(ImageOps.exif_transpose(picture), channels)
    except BadPicture:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise BadPicture("enormous: a decompression bomb") from None
    except UnidentifiedImageError:
        return _decode_with_opencv(data, channels, max_pixels)
    except MemoryError:
        raise BadPicture("enormous: it does not fit in memory") from None
    except Exception as error:   # Pillow's plugins raise OSError, SyntaxError, struct.error, … on damage
        raise BadPicture(f"damaged: {error}") from None


def from_array(pixels: np.ndarray, channels: int) -> np.ndarray:
    """A row of an arrays file, uint8 (H, W, 1, 3 or 4) -> uint8 (H, W, channels)."""
    if pixels.shape[2] == channels:
        return np.ascontiguousarray(pixels)
    return _pixels(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels), channels)


def _pixels(picture: Image.Image, channels: int) -> np.ndarray:
    if picture.mode.startswith("I") or picture.mode == "F":
        return _deep(np.asarray(picture), channels)
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    return np.ascontiguousarray(pixels[:, :, None] if channels == 1 else pixels)


def _deep(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Whole numbers or floats of more than 8 bits, (H, W) or (H, W, 3): scaled to 0..255 by their type
    (16 bits), else by the least of the usual ranges that holds them."""
    if np.issubdtype(pixels.dtype, np.floating):
        if not np.isfinite(pixels).all():
            raise BadPicture("damaged: pixels that are not numbers")
        top = 1.0 if pixels.max(initial=0) <= 1 else 255.0 if pixels.max() <= 255 else 65535.0
    else:
        top = 255.0 if pixels.max(initial=0) <= 255 and pixels.dtype.itemsize != 2 else 65535.0
    pixels = np.clip(np.rint(pixels * (255.0 / top)), 0, 255).astype(np.uint8)
    if pixels.ndim == 3 and channels == 1:
        return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[:, :, None]
    return np.repeat(pixels.reshape(*pixels.shape[:2], -1), channels // max(1, pixels[0, 0].size), axis=2)


def _decode_with_opencv(data: bytes, channels: int, max_pixels: int) -> np.ndarray:
    """Kinds of TIFF that Pillow does not know (16 bits a channel, floats in colour)."""
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        raise BadPicture("not a picture")
    try:                                     # what the header says, before gigabytes are unpacked
        held = io.BytesIO(data)
        tags = TiffImagePlugin.ImageFileDirectory_v2(held.read(8))
        held.seek(tags.next)
        tags.load(held)
        width, height = int(tags[TiffImagePlugin.IMAGEWIDTH]), int(tags[TiffImagePlugin.IMAGELENGTH])
    except Exception as error:
        raise BadPicture(f"damaged: {error!r}") from None
    if width * height > max_pixels:
        raise BadPicture(f"enormous: {width}×{height} pixels")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise BadPicture("not a picture")
    turned = tags.get(ExifTags.Base.Orientation, 1)
    if turned in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    pixels = pixels[::-1 if turned in (3, 4, 7, 8) else 1, ::-1 if turned in (2, 3, 6, 7) else 1]
    if pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels[:, :, 2::-1] if pixels.shape[2] >= 3 else pixels[:, :, :1])
        pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    return _deep(pixels, channels)
