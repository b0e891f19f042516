"""Whatever kind of file a picture comes in, its pixels come out upright, uint8, grey or RGB."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from preprocess.decode import BadPicture, decode, from_array

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


def grey_of(rgb):
    return np.asarray(Image.fromarray(rgb).convert("L"))


LOSSLESS = [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})]


@pytest.mark.parametrize(("kind", "how"), LOSSLESS, ids=str)
def test_lossless_kinds_give_the_very_pixels(kind, how):
    assert (decode(held(RGB, kind, **how), 3, LIMIT) == RGB).all()
    assert (decode(held(RGB, kind, **how), 1, LIMIT)[..., 0] == grey_of(RGB)).all()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_grey_pictures(kind):
    out = decode(held(GREY, kind), 1, LIMIT)
    assert out.shape == (H, W, 1)
    assert out.dtype == np.uint8
    assert out.flags.c_contiguous
    assert (out[..., 0] == GREY).all()
    assert (decode(held(GREY, kind), 3, LIMIT) == GREY[..., None]).all()


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("WEBP", "RGB"),
                                            ("TIFF", "CMYK")])
def test_lossy_and_print_kinds_are_near(kind, mode):
    picture = Image.fromarray(RGB).convert(mode)
    data = held(picture, kind, **({"quality": 95} if kind != "TIFF" else {}))
    for channels in (1, 3):
        want = np.asarray(picture.convert("RGB").convert("L" if channels == 1 else "RGB")).reshape(H, W, channels)
        out = decode(data, channels, LIMIT)
        assert out.shape == (H, W, channels)
        assert np.abs(out.astype(int) - want).mean() < 12


def test_transparency_is_white_paper():
    alpha = np.zeros((H, W), np.uint8)
    alpha[:, :9] = 255
    for data in (held(np.dstack([RGB, alpha]), "PNG"), held(np.dstack([RGB, alpha]), "WEBP", lossless=True, exact=True),
                 held(np.dstack([RGB, alpha]), "TIFF")):
        out = decode(data, 3, LIMIT)
        assert (out[:, :9] == RGB[:, :9]).all()
        assert (out[:, 9:] == 255).all()
    out = decode(held(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)]), "PNG"), 1, LIMIT)[..., 0]
    assert (out[:, :9] == GREY[:, :9]).all()
    assert (out[:, 9:] == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_palettes_with_and_without_transparency(kind):
    picture = Image.fromarray(RGB).quantize(16)
    assert (decode(held(picture, kind), 3, LIMIT) == np.asarray(picture.convert("RGB"))).all()
    index = int(np.asarray(picture)[0, 0])
    out = decode(held(picture, kind, transparency=index), 3, LIMIT)
    clear = np.asarray(picture) == index
    assert (out[clear] == 255).all()
    assert (out[~clear] == np.asarray(picture.convert("RGB"))[~clear]).all()


def test_one_bit_pictures_are_black_and_white():
    bits = GREY > 99
    for kind in ("PNG", "BMP", "TIFF"):
        assert (decode(held(Image.fromarray(bits), kind), 1, LIMIT)[..., 0] == bits * 255).all()


def test_the_first_frame_of_many():
    for kind in ("GIF", "WEBP", "TIFF", "PNG"):
        how = {"lossless": True} if kind == "WEBP" else {}
        data = held(GREY, kind, save_all=True, append_images=[Image.fromarray(255 - GREY)], **how)
        assert (decode(data, 1, LIMIT)[..., 0] == GREY).all(), kind


@pytest.mark.parametrize("top", [65535, 4095, 200])
def test_sixteen_bits_are_scaled_by_their_type(top):
    deep = (GREY.astype(np.uint32) * top // 255).astype(np.uint16)
    want = np.rint(deep / 257).astype(int)
    colour = np.stack([deep] * 3, axis=2)
    colour[:, :5] = (top, 0, 0)
    for data in (held(Image.fromarray(deep), "PNG"), held(Image.fromarray(deep), "TIFF"),
                 cv2.imencode(".png", deep)[1].tobytes(), cv2.imencode(".tiff", deep)[1].tobytes()):
        assert np.abs(decode(data, 1, LIMIT)[..., 0].astype(int) - want).max() <= 1
    for ending in (".png", ".tiff"):
        out = decode(cv2.imencode(ending, colour[..., ::-1])[1].tobytes(), 3, LIMIT)
        assert np.abs(out[:, 5:].astype(int) - want[:, 5:, None]).max() <= 1, ending
        assert np.abs(out[0, 0].astype(int) - (round(top / 257), 0, 0)).max() <= 1, ending      # red stays red


def test_float_tiffs():
    for scale in (1.0, 255.0, 65535.0):
        real = (GREY / 255 * scale).astype(np.float32)
        real[0, 0] = scale
        out = decode(held(Image.fromarray(real), "TIFF"), 1, LIMIT)[..., 0]
        assert np.abs(out[1:].astype(int) - GREY[1:]).max() <= 1
    colour = (RGB / 255).astype(np.float32)
    colour[0, 0] = 1
    out = decode(cv2.imencode(".tiff", colour[..., ::-1])[1].tobytes(), 3, LIMIT)
    assert np.abs(out[1:].astype(int) - RGB[1:]).max() <= 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_numbers_are_damage(value):
    real = GREY.astype(np.float32)
    real[3, 3] = value
    colour = np.stack([real] * 3, axis=2)
    for data in (held(Image.fromarray(real), "TIFF"), cv2.imencode(".tiff", colour)[1].tobytes()):
        with pytest.raises(BadPicture, match="not numbers"):
            decode(data, 1, LIMIT)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_camera_was_turned(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(kind, {})
    turned = {1: GREY, 2: GREY[:, ::-1], 3: GREY[::-1, ::-1], 4: GREY[::-1], 5: GREY.T, 6: np.rot90(GREY, -1),
              7: np.rot90(GREY, 2).T, 8: np.rot90(GREY)}[orientation]
    out = decode(held(GREY, kind, exif=exif, **how), 1, LIMIT)[..., 0]
    assert out.shape == turned.shape
    assert np.abs(out.astype(int) - turned).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_tiff_of_a_turned_camera(orientation):
    deep = RGB[..., ::-1].astype(np.uint16) * 257
    data = bytearray(cv2.imencode(".tiff", deep, [cv2.IMWRITE_TIFF_COMPRESSION, 1])[1])
    at = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, at)[0]
    old = data[at + 2:at + 2 + 12 * count]
    tags = {struct.unpack_from("<H", old, 12 * i)[0]: old[12 * i:12 * i + 12] for i in range(count)}
    tags[274] = struct.pack("<HHIHH", 274, 3, 1, orientation, 0)
    struct.pack_into("<I", data, 4, len(data))
    data += struct.pack("<H", len(tags)) + b"".join(bytes(tags[t]) for t in sorted(tags)) + bytes(4)
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert (decode(bytes(data), 3, LIMIT) == decode(held(RGB, "PNG", exif=exif), 3, LIMIT)).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("given", [GREY[..., None], RGB, np.dstack([RGB, np.full((H, W), 255, np.uint8)])],
                         ids=["grey", "rgb", "rgba"])
def test_rows_of_an_array_take_the_same_road(given, channels):
    out = from_array(given, channels)
    colour = given[..., :3] if given.shape[2] > 1 else np.repeat(given, 3, axis=2)
    want = colour if channels == 3 else grey_of(np.ascontiguousarray(colour))[..., None]
    assert out.dtype == np.uint8
    assert (out == want).all()
