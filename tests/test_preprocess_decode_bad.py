"""Pictures that are set aside: enormous, truncated, damaged, or none at all."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from preprocess.decode import BadPicture, decode

LIMIT = 10**6
H, W = 17, 23
RNG = np.random.default_rng(0)
RGB = np.repeat(np.repeat(RNG.integers(0, 256, (H // 8 + 1, W // 8 + 1, 3), np.uint8), 8, 0), 8, 1)[:H, :W]
GREY = np.ascontiguousarray(RGB[..., 0])


def held(picture, kind, **how) -> bytes:
    out = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(out, kind, **how)
    return out.getvalue()


def png_that_claims(width, height) -> bytes:
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) \
        + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def tiff_that_claims(width, height) -> bytes:
    """Floats in colour, which only OpenCV reads: 8 × 8 pixels, whatever the header says."""
    data = bytearray(cv2.imencode(".tiff", np.zeros((8, 8, 3), np.float32), [cv2.IMWRITE_TIFF_COMPRESSION, 1])[1])
    at = struct.unpack_from("<I", data, 4)[0]
    for i in range(struct.unpack_from("<H", data, at)[0]):
        tag = struct.unpack_from("<H", data, at + 2 + 12 * i)[0]
        if tag in (256, 257):
            struct.pack_into("<HII", data, at + 4 + 12 * i, 4, 1, width if tag == 256 else height)
    return bytes(data)


@pytest.mark.parametrize("data", [png_that_claims(60000, 60000), png_that_claims(2**31 - 1, 2**31 - 1),
                                  png_that_claims(2**31 - 1, 1), tiff_that_claims(100_000, 100_000),
                                  held(GREY, "PNG"), held(GREY, "GIF"), held(RGB, "WEBP"), held(RGB, "JPEG"),
                                  held(RGB, "BMP"), held(RGB, "TIFF")], ids=range(10))
def test_enormous_pictures_are_set_aside_unseen(data):
    with pytest.raises(BadPicture, match="enormous"):
        decode(data, 3, H * W - 1)


def test_the_bound_is_the_recipes_not_pillows():
    assert decode(held(np.zeros((1, 2**16), np.uint8), "PNG"), 1, 2**16).shape == (1, 2**16, 1)
    with pytest.raises(BadPicture, match="damaged"):      # read on, past Pillow's own bound, to where it breaks off
        decode(png_that_claims(14_000, 14_000), 1, 10**9)


NOISE = RNG.integers(0, 256, (H, W, 3), np.uint8)
KINDS = [held(NOISE, kind) for kind in ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF")]
KINDS.append(cv2.imencode(".tiff", RNG.integers(0, 65536, (H, W, 3), np.uint16))[1].tobytes())


@pytest.mark.parametrize("data", KINDS, ids=["PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "TIFF16"])
def test_a_truncated_picture_is_set_aside(data):
    for share in (0.02, 0.3, 0.6, 0.9):
        with pytest.raises(BadPicture):
            decode(data[:int(share * len(data))], 3, LIMIT)


@pytest.mark.parametrize("data", KINDS, ids=["PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "TIFF16"])
def test_a_damaged_picture_is_read_or_set_aside(data):
    rng = np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data) if rng.random() < 0.5 else 60, 3):
            damaged[at] = int(rng.integers(256))
        try:
            out = decode(bytes(damaged), 3, LIMIT)
        except BadPicture:
            continue
        assert out.dtype == np.uint8
        assert out.shape[2] == 3


@pytest.mark.parametrize("data", [b"", b"\0", b"hello", b"II*\0", b"MM\0*", b"II*\0" + bytes(50), b"GIF89a",
                                  b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n",
                                  b"%PDF-1.4 ...", b"%!PS-Adobe EPSF", b"<svg xmlns='http://www.w3.org/2000/svg'/>",
                                  b"P6 2 2 255 " + bytes(12), b"BM" + bytes(60), b"RIFF\0\0\0\0WEBP"], ids=range(15))
def test_what_is_no_picture_is_set_aside(data):
    with pytest.raises(BadPicture):
        decode(data, 1, LIMIT)
