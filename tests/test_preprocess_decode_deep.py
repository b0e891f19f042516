"""Pictures of more than 8 bits look like their 8-bit selves, whatever container, type, layout or transparency."""

import itertools

import cv2
import numpy as np
import pytest
from cases import each
from picture_files import LIMIT, H, W, chunk, colour, grey, held, pixels_of, png, spread, tiff
from PIL import Image

from tenfold.preprocess.decode import BadPicture, decode, usual_range

GREY, RGB = grey(), colour()
PAPER = np.zeros((H, W), np.uint8)
PAPER[:, :9] = 255                       # alpha: what lies right of it is paper
MODES = {"grey": GREY, "grey, alpha": np.dstack([GREY, PAPER]), "RGB": RGB, "RGBA": np.dstack([RGB, PAPER])}


def seen(mode):
    """What the 8-bit picture of that mode looks like."""
    colours = MODES[mode][..., :-1] if "A" in mode or "alpha" in mode else MODES[mode].reshape(H, W, -1)
    return np.where(PAPER[..., None] == 0, 255, colours) if colours.shape[2] != MODES[mode][0, 0].size else colours


def assert_like(data, want, what, **how):
    want = want.reshape(H, W, -1)
    out = pixels_of(data, want.shape[2], LIMIT, **how)
    assert out.shape == want.shape, what
    assert np.abs(out.astype(int) - want).mean() < 2, what


LAYOUTS = list(itertools.product("<>", (False, True), (1, 8, 32773), (1, 2), ((0, 0), (0, 5), (16, 0))))


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
@each("mode", MODES)
@each("dtype", ["u1", "u2", "u4", "f4", "f8"])
def test_a_tiff_of_any_layout(dtype, mode, every):
    """Every fifth of the layouts has any two of their parts together."""
    pixels = spread(MODES[mode], dtype)
    for order, big, compression, planar, (tile, strip) in LAYOUTS[::every]:
        assert_like(tiff(pixels, order, big=big, compression=compression, planar=planar, tile=tile, strip=strip),
                    seen(mode), (order, big, compression, planar, tile, strip))
    for order, predictor, (tile, strip) in itertools.product("<>", (2, 3), ((0, 5), (16, 0))):
        if predictor == 2 or dtype[0] == "f":
            assert_like(tiff(pixels, order, compression=8, predictor=predictor, tile=tile, strip=strip), seen(mode),
                        (order, predictor, tile))


def test_what_tiff_says_of_its_levels():
    for dtype in ("u1", "u2", "u4", "f4"):
        assert_like(tiff(spread(255 - GREY, dtype), photometric=0), GREY, f"white is zero, {dtype}")
    for dtype in ("i1", "i2", "i4"):
        assert_like(tiff(spread(GREY, dtype)), GREY, dtype)
    for top in (1023, 4095, 16383):
        dark = GREY // 20 + 1
        deep = spread(dark, "u2", top)
        assert_like(tiff(deep, more=[(281, 3, [top])]), dark, f"MaxSampleValue {top}")
        assert_like(tiff(deep, more=[(340, 3, [0]), (341, 3, [top])]), dark, f"SMaxSampleValue {top}")
        statistic = tiff(deep, more=[(281, 3, [int(deep.max())])])      # what it happens to hold is no range
        assert (pixels_of(statistic, 1, LIMIT) == pixels_of(tiff(deep), 1, LIMIT)).all()
    assert_like(tiff((GREY / 127.5 - 1).astype("f4"), more=[(340, 11, [-1.0]), (341, 11, [1.0])]), GREY, "SMin, SMax")
    bits = np.unpackbits(spread(GREY, "u2", 4095).astype(">u2").view(np.uint8).reshape(H, W, 2), axis=2)[:, :, 4:]
    packed = np.packbits(bits.reshape(H, -1), axis=1)
    assert_like(tiff(packed, more=[(256, 4, [W]), (258, 3, [12])]), GREY, "12 bits without gaps")


def test_associated_alpha_and_what_is_no_alpha():
    for dtype in ("u1", "u2", "f4"):
        half = np.full((H, W), 128, np.uint8)
        mixed = np.dstack([spread(RGB * 0.502, dtype), spread(half, dtype)])
        assert_like(tiff(mixed, more=[(338, 3, [1])]), 255 - (255 - RGB.astype(int)) * 128 // 255, dtype)
        assert_like(tiff(spread(MODES["RGBA"], dtype), more=[(338, 3, [0])]), RGB, f"an extra channel, {dtype}")


def test_palettes_of_bytes_and_of_words():
    colours = np.random.default_rng(0).integers(0, 256, (3, 256))
    for scale in (257, 256, 1):                  # some programs write bytes where TIFF wants 16 bits
        data = tiff(GREY, photometric=3, more=[(320, 3, (colours * scale).ravel().tolist())])
        assert_like(data, colours.T[GREY], scale)


@each("mode", MODES)
def test_a_png_of_16_bits(mode):
    for top in (255, 1023, 4095, 16383, 65535):
        assert_like(png(spread(MODES[mode], "u2", top), 16), seen(mode), top)


def test_png_transparent_levels():
    for bits in (1, 2, 4, 8, 16):
        levels = spread(GREY, "u2", 2**bits - 1)
        clear = int(levels[0, 1])                # of white, so that it stays visible that ink is kept
        want = np.rint(levels / (2**bits - 1) * 255)
        assert_like(png(levels, bits, chunk(b"tRNS", clear.to_bytes(2, "big"))), want, bits)
        levels[5:9, 5:9] = clear = int(levels[12, 12])
        want = np.where(levels == clear, 255, np.rint(levels / (2**bits - 1) * 255))
        if want.min() < 255:
            assert_like(png(levels, bits, chunk(b"tRNS", clear.to_bytes(2, "big"))), want, bits)
    for bits in (8, 16):
        levels = spread(RGB, "u2", 2**bits - 1)
        told = b"".join(int(v).to_bytes(2, "big") for v in levels[12, 12])
        want = np.where((levels == levels[12, 12]).all(axis=2, keepdims=True), 255, RGB)
        assert_like(png(levels, bits, chunk(b"tRNS", told)), want, bits)


def test_png_significant_bits():
    dark = GREY // 4
    deep = spread(dark, "u2", 4095)
    for data, what in ((deep, "as they were"), (deep << 4, "shifted"), (deep << 4 | deep >> 8, "spread")):
        assert_like(png(data, 16, chunk(b"sBIT", b"\x0c")), dark, what)


def test_portable_maps_of_any_depth():
    for top in (255, 1000, 4095, 65535):
        for mark, pixels in ((b"P5", GREY // 4), (b"P6", RGB // 4)):
            data = spread(pixels, ">u2" if top > 255 else "u1", top).tobytes()
            assert_like(b"%s %d %d %d\n" % (mark, W, H, top) + data, pixels, (mark, top))
    for mark, pixels in ((b"Pf", GREY), (b"PF", RGB)):
        for scale, dtype in ((b"-1.0", "<f4"), (b"1.0", ">f4")):
            data = spread(pixels[::-1], dtype).tobytes()
            assert_like(b"%s\n%d %d\n%s\n" % (mark, W, H, scale) + data, pixels, (mark, scale))


def test_jpeg_2000_of_16_bits():
    for top in (4095, 65535):
        assert_like(held(Image.fromarray(spread(GREY, "u2", top)), "JPEG2000"), GREY, top)
        large = RGB.repeat(4, 0).repeat(4, 1)        # OpenCV writes none that is smaller
        packed = cv2.imencode(".jp2", spread(large, "u2", top)[..., ::-1],
                              [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1].tobytes()
        assert np.abs(pixels_of(packed, 3, LIMIT).astype(int) - large).mean() < 2


def test_the_range_is_a_fact_of_the_set():
    """Two pictures keep their ratio, and a third that is brighter changes both."""
    bright, dark = spread(GREY, "u2", 4095), spread(GREY // 4, "u2", 4095)
    found = [decode(png(pixels, 16), 1, LIMIT).levels for pixels in (bright, dark)]
    span = ("unsigned", *usual_range(found))
    assert span == ("unsigned", 0, 4095)
    assert_like(png(bright, 16), GREY, "bright", ranges=[span])
    assert_like(png(dark, 16), GREY // 4, "dark", ranges=[span])
    found.append(decode(png(bright << 4, 16), 1, LIMIT).levels)
    wider = ("unsigned", *usual_range(found))
    assert_like(png(bright, 16), GREY // 16, "bright beside a brighter one", ranges=[wider])
    assert (pixels_of(png(bright << 4, 16), 1, LIMIT, ranges=[span])[GREY >= 16] == 255).all()     # cut, not wrapped


@each(("pixels", "span"), [
    ([0, 1], (0, 1)), ([0, 200], (0, 255)), ([0, 256], (0, 1023)), ([0, 1024], (0, 4095)), ([0, 5000], (0, 16383)),
    ([0, 20000], (0, 65535)), ([0, 0], (0, 65535))])
def test_the_least_usual_depth_that_holds_them(pixels, span):
    levels = decode(png(np.array([pixels], "u2"), 16), 1, LIMIT).levels
    assert usual_range([levels]) == span


@each(("low", "high", "dtype", "span"), [
    (0, 1, "f4", (0, 1)), (-1e-4, 1.001, "f4", (0, 1)), (-1, 1, "f4", (-1, 1)), (-.5, .5, "f4", (-.5, .5)),
    (0, 250, "f4", (0, 255)), (0, 60000, "f4", (0, 65535)), (0, 3.5, "f4", (0, 3.5)), (-90, 900, "f4", (-90, 900)),
    (-1000, 3000, "i2", (-1024, 3071)), (-100, 100, "i2", (-128, 127)), (-9000, 0, "i2", (-2**15, 2**15 - 1)),
    (0, 32000, "i2", (0, 2**15 - 1)), (0, 200, "i2", (0, 255)), (0, 2**31, "u4", (0, 2**32 - 1))])
def test_usual_ranges_of_other_numbers(low, high, dtype, span):
    levels = decode(tiff(np.array([[low, high]]).astype(dtype)), 1, LIMIT).levels
    assert usual_range([levels]) == span


@each("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_numbers_are_damage(value):
    real = GREY.astype(np.float32)
    real[3, 3] = value
    for data in (tiff(real), tiff(np.dstack([real] * 3))):
        with pytest.raises(BadPicture, match="not numbers"):
            pixels_of(data, 1, LIMIT)
