"""Damage: what costs a picture and what does not, and that the reason is given in words and nowhere else."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
from cases import each
from picture_files import LIMIT, H, W, chunk, colour, grey, held, pixels_of, png, tiff
from PIL import Image

from tenfold.data import memory
from tenfold.data.errors import MachineFault
from tenfold.preprocess.decode import BadPicture, decode

GREY, RGB = grey(), colour()
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (H, W, 3), np.uint8)
BIG = RNG.integers(0, 200, (80, 96, 3), np.uint8).repeat(2, 0).repeat(2, 1)


def exif_of(orientation) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def png_that_claims(width, height) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def tiff_that_claims(width, height, **how) -> bytes:
    return tiff(np.zeros((8, 8, 3), np.float32), more=[(256, 4, [width]), (257, 4, [height])], **how)


@each("data", [
    png_that_claims(60000, 60000), png_that_claims(2**31 - 1, 2**31 - 1), png_that_claims(2**31 - 1, 1),
    tiff_that_claims(100_000, 100_000), tiff_that_claims(100_000, 100_000, compression=8), held(GREY, "PNG"),
    held(GREY, "GIF"), held(RGB, "WEBP"), held(RGB, "JPEG"), held(RGB, "BMP"), held(RGB, "TIFF"), held(RGB, "PPM"),
    held(RGB, "JPEG2000"), held(RGB, "AVIF"), b"PF %d %d -1 " % (W, H) + bytes(12 * H * W)], ids=range(15))
def test_enormous_pictures_are_set_aside_unseen(data):
    with pytest.raises(BadPicture, match="enormous"):
        pixels_of(data, 3, H * W - 1)


def test_memory_that_is_lacking_stops_a_build_and_costs_no_picture(monkeypatch):
    """What is in a set does not depend on the machine: not on its memory, not on the number of workers."""
    png = held(np.zeros((2000, 1500), np.uint8), "PNG")
    monkeypatch.setattr(memory, "share", 60_000_000)         # of a worker beside others
    with pytest.raises(MachineFault, match=r"a\.png: needs about 72 MB of memory to be decoded, and 60 MB are free for "
                                           "each worker; ask for fewer --workers, or lower source.max_pixels"):
        decode(png, 1, 10**7, name="a.png")
    assert decode(held(np.zeros((1500, 2000), np.uint8), "JPEG"), 1, 10**7).size == (1500, 2000)
    monkeypatch.setattr(memory, "share", 10**9)
    for error in (MemoryError(), RuntimeError("std::bad_alloc")):
        with monkeypatch.context() as patch:
            patch.setattr(Image, "open", raising(error))
            with pytest.raises(BadPicture, match="damaged: it asks for more memory than a picture takes"):
                decode(png, 1, 10**7)
            with pytest.raises(MachineFault, match=r"a\.png: memory is used up in decoding it; ask for"):
                decode(png, 1, 10**8, name="a.png")


def raising(error):
    def function(*arguments, **more):
        raise error
    return function


def test_the_bound_is_the_recipes_not_pillows(monkeypatch):
    monkeypatch.setattr(memory, "share", 10**12)
    before = Image.MAX_IMAGE_PIXELS
    assert pixels_of(held(np.zeros((1, 2**16), np.uint8), "PNG"), 1, 2**16).shape == (1, 2**16, 1)
    with pytest.raises(BadPicture, match="damaged"):      # read on, past Pillow's own bound, to where it breaks off
        pixels_of(png_that_claims(14_000, 14_000), 1, 10**9)
    assert before == Image.MAX_IMAGE_PIXELS


BOMB = zlib.compress(b"x" * 3_000_000)
SPOILT_CHUNKS = {
    "a bomb of text": chunk(b"zTXt", b"XML\0\0" + BOMB), "a bomb of UTF-8": chunk(b"iTXt", b"k\0\1\0\0\0" + BOMB),
    "a bomb of a profile": chunk(b"iCCP", b"p\0\0" + BOMB), "EXIF of rubbish": chunk(b"eXIf", b"Exif\0\0b'bad"),
    "EXIF cut off": chunk(b"eXIf", exif_of(6)[6:14]), "a profile of rubbish": chunk(b"iCCP", b"p\0\0rubbish"),
    "a short gAMA": chunk(b"gAMA", b"\0"), "a short pHYs": chunk(b"pHYs", b"\0\0"),
    "a short cHRM": chunk(b"cHRM", b"\0"), "a short acTL": chunk(b"acTL", b"\0\0"), "an odd sRGB": chunk(b"sRGB", b""),
    "text of a wrong checksum": chunk(b"tEXt", b"a\0b", spoilt=True), "text without a key": chunk(b"tEXt", b"\0"),
    "EXIF of a wrong checksum": chunk(b"eXIf", exif_of(6)[6:], spoilt=True),
    "XMP of rubbish": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation=\"99\"")}


@each("name", SPOILT_CHUNKS)
def test_metadata_of_a_png_never_costs_a_picture(name):
    for pixels, bits in ((GREY, 8), (GREY.astype(np.uint16) * 257, 16), (RGB, 8), (RGB.astype(np.uint16) * 257, 16)):
        spoilt, sound = (png(pixels, bits, *more) for more in ((SPOILT_CHUNKS[name],), ()))
        assert (pixels_of(spoilt, 3, LIMIT) == pixels_of(sound, 3, LIMIT)).all()


@each("segment", [
    b"\xff\xe1\0\x10Exif\0\0rubbish!",
    b"\xff\xe1\0\x08Exif\0\0",
    b"\xff\xe2\0\x12MPF\0rubbish-here!",
    b"\xff\xe2\0\x12ICC_PROFILE\0\1\x02xx",
    b"\xff\xed\0\x16Photoshop 3.0\x008BIMxx",
    b"\xff\xfe\0\x06\xff\xfe\xff\xfe",
    b"\xff\xee\0\x07Adobe",
    b"\xff\xe0\0\x08JFIF\0\1",
    b"\xff\xe1\0\x07http:",
    b"\xff\xe1\x01\0Exif\0\0its length is wrong",
    b"\xff\xe1\xff\xf0Exif\0\0its length goes beyond the file",
    b"\xff\xff\xff"], ids=range(12))
def test_metadata_of_a_jpeg_never_costs_a_picture(segment):
    for mode in ("L", "RGB", "CMYK"):
        data = held(Image.fromarray(RGB).convert(mode), "JPEG")
        at = 2 + (2 + int.from_bytes(data[4:6], "big")) * (data[3] in (0xE0, 0xEE))
        for spoilt in (data[:2] + segment + data[2:], data[:at] + segment + data[at:]):
            assert (pixels_of(spoilt, 3, LIMIT) == pixels_of(data, 3, LIMIT)).all(), mode


# EXIF beyond the file and within it, XMP, a profile, orientations, IPTC, a resolution, a program, further directories
SPOILT_TAGS = [(34665, 4, [10**9]), (34665, 4, [3]), (700, 1, b"<rubbish"), (34675, 7, b"profile"), (274, 3, [77]),
               (274, 2, b"no"), (33723, 4, [1]), (282, 3, [0]), (305, 2, b"\xff\xfe"), (330, 4, [2**32 - 1]),
               (50706, 1, b"\1\1\0\0"), (65000, 7, b"")]


def test_metadata_of_a_tiff_never_costs_a_picture():
    for pixels in (GREY, RGB, GREY.astype(np.uint16) * 257, (RGB / 255).astype(np.float32)):
        for compression in (1, 8):
            want = pixels_of(tiff(pixels, compression=compression), 3, LIMIT)
            for more in SPOILT_TAGS:
                assert (pixels_of(tiff(pixels, compression=compression, more=[more]), 3, LIMIT) == want).all(), more


def test_metadata_of_a_webp_never_costs_a_picture():
    plain = held(RGB, "WEBP", lossless=True)
    for what in ({"exif": b"Exif\0\0rubbish"}, {"xmp": b"<rubbish"}, {"icc_profile": b"rubbish"}):
        assert (pixels_of(held(RGB, "WEBP", lossless=True, **what), 3, LIMIT) == pixels_of(plain, 3, LIMIT)).all()


@each("progressive", [False, True])
@each("mode", ["L", "RGB"])
def test_a_jpeg_is_read_unless_more_than_its_end_is_missing(mode, progressive):
    data = held(Image.fromarray(BIG).convert(mode), "JPEG", progressive=progressive)
    want = pixels_of(data, 3, LIMIT).astype(int)
    for cut in (1, 2, 3, 4):
        assert np.abs(pixels_of(data[:-cut], 3, LIMIT) - want).mean() < 1
    assert (pixels_of(data + RNG.bytes(200_000), 3, LIMIT) == want).all()        # not a part of it
    for share in (0.2, 0.5, 0.8, 0.9):
        for end in (b"", b"\xff\xd9"):
            if not (progressive and share > 0.5 and end):      # where no more than fine detail is missing
                with pytest.raises(BadPicture, match="truncated"):
                    pixels_of(data[:int(share * len(data))] + end, 3, LIMIT)


def test_tables_of_a_jpeg_are_not_taken_for_markers():
    small = Image.new("RGB", (64, 64), (90, 90, 90))
    for quality in range(1, 30):                 # at 9, 16, 17 and 21, numbers in a table look like markers
        data = held(small, "JPEG", progressive=True, quality=quality)
        assert pixels_of(data, 3, LIMIT).shape == (64, 64, 3), quality


def test_a_png_is_read_unless_its_pixels_are_missing():
    data = held(RGB, "PNG")
    at = data.index(b"IDAT") + 4
    length = int.from_bytes(data[at - 8:at - 4], "big")
    spoilt = data[:at + length] + b"\0\0\0\0" + data[at + length + 4:]        # a wrong checksum over sound pixels
    for sound in (data[:-12], data[:-4], data + b"junk", spoilt):
        assert (pixels_of(sound, 3, LIMIT) == RGB).all()
    wrong = bytearray(data)
    wrong[at + length // 2] ^= 1
    with pytest.raises(BadPicture, match="broken"):
        pixels_of(bytes(wrong), 3, LIMIT)


@each("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF", "ICO"])
def test_what_follows_a_picture_is_of_no_account(kind):
    data = held(RGB, kind)
    for junk in (bytes(3000), RNG.bytes(3000), data):
        assert (pixels_of(data + junk, 3, LIMIT) == pixels_of(data, 3, LIMIT)).all()


FILES = [held(NOISE, kind) for kind in ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF", "TGA")]
FILES += [held(NOISE, "TIFF", compression=c) for c in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")]
FILES += [held(Image.fromarray(GREY > 99), "TIFF", compression="group4"), held(NOISE, "JPEG", progressive=True),
          png(NOISE.astype(np.uint16) * 257, 16), held(Image.fromarray(NOISE).quantize(16), "PNG", transparency=3),
          held(NOISE, "PNG", save_all=True, append_images=[Image.fromarray(RGB)]),
          held(NOISE[:16, :16], "ICO", sizes=[(16, 16)])]
FILES += [tiff(NOISE.astype(np.uint16) * 257, compression=c, planar=p, big=b, strip=5)
          for c, p, b in ((1, 1, False), (8, 2, False), (32773, 1, True))]
FILES += [tiff((NOISE / 255).astype(np.float32), tile=16, compression=8, predictor=3)]


@each("data", FILES, ids=range(len(FILES)))
def test_damage_is_named_in_words_and_nothing_is_printed(data, capfd):
    rng = np.random.default_rng(1)
    for i in range(45):
        spoilt = bytearray(data)
        for at in rng.integers(0, len(data) if i % 2 else min(150, len(data)), 1 if i < 30 else 3):
            spoilt[at] ^= 1 << int(rng.integers(8))
        spoilt = spoilt[:int(rng.integers(1, len(data)))] if i % 5 == 4 else spoilt
        try:
            out, reason = pixels_of(bytes(spoilt), 3, LIMIT, name="a.tga"), "none"
        except BadPicture as bad:
            out, reason = RGB, str(bad)
        assert out.dtype == np.uint8
        assert out.shape[2] == 3
        assert re.fullmatch(r"[^\n\\'(]+(\([^'\\]*\))?", reason), reason          # no repr, no traceback
        assert not re.search("Error|Exception|None", reason), reason
    assert capfd.readouterr() == ("", "")


@each("data", [held(NOISE, kind) for kind in ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM")]
      + FILES[-4:], ids=range(11))
def test_a_truncated_picture_is_set_aside(data):
    for share in (0.02, 0.3, 0.6, 0.9):
        with pytest.raises(BadPicture):
            pixels_of(data[:int(share * len(data))], 3, LIMIT)


@each(("data", "reason"), [
    (b"", "empty file"), (bytes(99), "nothing but zeros"), (b"\x99\x01\x02", "not a picture"),
    (b"hello", "not a picture: text"), (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS, not the picture"),
    (b"%PDF-1.4 ...", "not a picture: PDF"), (b"%!PS-Adobe EPSF", "PostScript"),
    (b"PK\3\4...", "ZIP"), (b"8BPS\0\1", "Photoshop, a kind of picture"), (b"\x93NUMPY\1\0", "NumPy"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"), (b"RIFF\0\0\0\0AVI ", "video"), (b"II*\0", "damaged"),
    (b"MM\0*", "damaged"), (b"II*\0" + bytes(50), "damaged"), (b"GIF89a", "damaged"), (b"\xff\xd8\xff", "damaged"),
    (b"\x89PNG\r\n\x1a\n", "damaged"), (b"RIFF\0\0\0\0WEBP", "damaged"),
    (b"P6 20 20 255 " + bytes(12), "damaged")], ids=range(20))
def test_what_is_no_picture_is_named(data, reason):
    with pytest.raises(BadPicture, match=reason):
        pixels_of(data, 1, LIMIT)


def test_heic_names_its_cure(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadPicture, match="HEIC; pip install pillow-heif"):
        pixels_of(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", 1, LIMIT)


def test_kinds_of_tiff_that_are_not_read_are_named():
    for more, reason in (([(262, 3, [32803])], "raw data of a camera"), ([(277, 3, [7])], "7 channels"),
                         ([(258, 3, [16]), (259, 3, [34712])], "compression")):
        with pytest.raises(BadPicture, match=reason):
            pixels_of(tiff(GREY, more=more), 1, LIMIT)
    out = io.BytesIO()
    Image.fromarray(RGB).convert("LAB").save(out, "TIFF")
    with pytest.raises(BadPicture, match=r"CIE L\*a\*b"):
        pixels_of(out.getvalue(), 1, LIMIT)
