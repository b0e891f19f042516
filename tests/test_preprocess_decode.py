"""Whatever kind of file a picture comes in, its pixels come out upright, uint8, grey or RGB."""

import numpy as np
import pytest
from cases import each
from picture_files import LIMIT, H, W, colour, grey, held, pixels_of, tiff
from PIL import Image, PngImagePlugin

from tenfold.preprocess.decode import BadPicture, decode, from_array

GREY, RGB = grey(), colour()


def grey_of(rgb):
    return np.asarray(Image.fromarray(rgb).convert("L"))


LOSSLESS = [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})]


@each(("kind", "how"), LOSSLESS, ids=str)
def test_lossless_kinds_give_the_very_pixels(kind, how):
    assert (pixels_of(held(RGB, kind, **how), 3, LIMIT) == RGB).all()
    assert (pixels_of(held(RGB, kind, **how), 1, LIMIT)[..., 0] == grey_of(RGB)).all()


@each("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_grey_pictures(kind):
    out = pixels_of(held(GREY, kind), 1, LIMIT)
    assert out.shape == (H, W, 1)
    assert out.dtype == np.uint8
    assert out.flags.c_contiguous
    assert (out[..., 0] == GREY).all()
    assert (pixels_of(held(GREY, kind), 3, LIMIT) == GREY[..., None]).all()


@each(("kind", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("WEBP", "RGB"),
                         ("TIFF", "CMYK")])
def test_lossy_and_print_kinds_are_near(kind, mode):
    picture = Image.fromarray(RGB).convert(mode)
    data = held(picture, kind, **({"quality": 95} if kind != "TIFF" else {}))
    for channels in (1, 3):
        want = np.asarray(picture.convert("RGB").convert("L" if channels == 1 else "RGB")).reshape(H, W, channels)
        out = pixels_of(data, channels, LIMIT)
        assert out.shape == (H, W, channels)
        assert np.abs(out.astype(int) - want).mean() < 12


def test_transparency_is_white_paper():
    alpha = np.zeros((H, W), np.uint8)
    alpha[:, :9] = 255
    for data in (held(np.dstack([RGB, alpha]), "PNG"), held(np.dstack([RGB, alpha]), "WEBP", lossless=True, exact=True),
                 held(np.dstack([RGB, alpha]), "TIFF")):
        out = pixels_of(data, 3, LIMIT)
        assert (out[:, :9] == RGB[:, :9]).all()
        assert (out[:, 9:] == 255).all()
    out = pixels_of(held(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)]), "PNG"), 1, LIMIT)[..., 0]
    assert (out[:, :9] == GREY[:, :9]).all()
    assert (out[:, 9:] == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_palettes_with_and_without_transparency(kind):
    picture = Image.fromarray(RGB).quantize(16)
    assert (pixels_of(held(picture, kind), 3, LIMIT) == np.asarray(picture.convert("RGB"))).all()
    index = int(np.asarray(picture)[0, 0])
    out = pixels_of(held(picture, kind, transparency=index), 3, LIMIT)
    clear = np.asarray(picture) == index
    assert (out[clear] == 255).all()
    assert (out[~clear] == np.asarray(picture.convert("RGB"))[~clear]).all()


def test_one_bit_pictures_are_black_and_white():
    bits = GREY > 99
    for kind in ("PNG", "BMP", "TIFF"):
        assert (pixels_of(held(Image.fromarray(bits), kind), 1, LIMIT)[..., 0] == bits * 255).all()


@each("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_the_first_frame_of_many_that_is_not_empty(kind):
    how = {"lossless": True} if kind == "WEBP" else {}
    page, other = Image.fromarray(GREY), Image.fromarray(255 - GREY)
    for empty in ((), (Image.new("L", page.size, "white"),), (Image.new("RGBA", page.size),)):
        first, *rest = [f if not empty or empty[0].mode == "L" else f.convert("RGBA") for f in (*empty, page, other)]
        found = decode(held(first, kind, save_all=True, append_images=rest, **how), 1, LIMIT)
        assert found.several
        assert np.abs(found.pixels[..., 0].astype(int) - GREY).mean() < 8, empty       # GIF finds colours for RGBA
    assert not decode(held(page, kind, **how), 1, LIMIT).several


def test_a_preview_or_a_mask_is_no_page():
    for kind in (1, 4):
        small = tiff(np.zeros((3, 3), np.uint8), more=[(254, 4, [kind])])
        data = bytearray(tiff(GREY))
        at = len(data)                                   # the small page's offsets are moved behind the large one's
        moved = tiff(np.zeros((3, 3), np.uint8), more=[(254, 4, [kind])], shift=at)
        data[4:8] = (at + int.from_bytes(small[4:8], "little")).to_bytes(4, "little")
        moved = moved[:-4] + int.from_bytes(tiff(GREY)[4:8], "little").to_bytes(4, "little")
        found = decode(bytes(data) + moved, 1, LIMIT)
        assert (found.pixels[..., 0] == GREY).all()
        assert not found.several


@each("kind", ["PNG", "WEBP", "TIFF", "TGA"])
def test_alpha_that_hides_everything_is_left_out(kind):
    clear = np.dstack([RGB, np.zeros((H, W), np.uint8)])
    data = held(clear, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    assert (pixels_of(data, 3, LIMIT, name="a.tga") == RGB).all()


def test_white_ink_on_a_transparent_ground_is_laid_on_black():
    white = np.dstack([np.full((H, W, 3), 255, np.uint8), GREY])
    files = held(white, "PNG"), held(white, "WEBP", lossless=True, exact=True), tiff(white.astype(np.uint16) * 257)
    for out in (*(pixels_of(file, 1, LIMIT) for file in files), from_array(white, 1)):
        assert np.abs(out[..., 0].astype(int) - GREY).max() <= 1
    paper = Image.new("RGBA", (W, H), "white")           # a page that is empty but for its transparent corner
    paper.putpixel((0, 0), (255, 255, 255, 0))
    data = held(paper, "TIFF", save_all=True, append_images=[Image.fromarray(GREY).convert("RGBA")])
    assert (pixels_of(data, 1, LIMIT)[..., 0] == GREY).all()


def test_nothing_to_see_is_named_as_what_it_is():
    white = np.full((H, W, 4), 255, np.uint8)
    white[..., 3] = 99
    with pytest.raises(BadPicture, match="wholly transparent"):
        pixels_of(held(np.zeros((H, W, 4), np.uint8), "PNG"), 1, LIMIT)
    with pytest.raises(BadPicture, match="white on white"):
        pixels_of(held(white, "PNG"), 1, LIMIT)
    with pytest.raises(BadPicture, match="white on white"):
        from_array(white, 3)
    deep = white.astype(np.uint16) * 257
    with pytest.raises(BadPicture, match="white on white"):
        pixels_of(tiff(deep), 1, LIMIT)


@each(("kind", "near"), [("PPM", 0), ("JPEG2000", 0), ("TGA", 0), ("ICO", 0), ("AVIF", 12)])
def test_kinds_are_known_by_their_first_bytes(kind, near):
    square = np.ascontiguousarray(np.repeat(np.repeat(RGB[:16, :16], 2, 0), 2, 1))
    how = {"ICO": {"sizes": [(16, 16), (32, 32)]}, "AVIF": {"quality": 100}}.get(kind, {})
    data = held(square, kind, **how)
    out = pixels_of(data, 3, LIMIT, name="a.tga" if kind == "TGA" else "a.jpg")
    assert out.shape == square.shape
    assert np.abs(out.astype(int) - square).mean() <= near


def test_heic():
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed (an extra)")
    pillow_heif.register_heif_opener()
    out = pixels_of(held(RGB, "HEIF", quality=100), 3, LIMIT)
    assert np.abs(out.astype(int) - RGB).mean() < 12


@each("orientation", range(1, 9))
@each("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_camera_was_turned(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(kind, {})
    turned = {1: GREY, 2: GREY[:, ::-1], 3: GREY[::-1, ::-1], 4: GREY[::-1], 5: GREY.T, 6: np.rot90(GREY, -1),
              7: np.rot90(GREY, 2).T, 8: np.rot90(GREY)}[orientation]
    out = pixels_of(held(GREY, kind, exif=exif, **how), 1, LIMIT)[..., 0]
    assert out.shape == turned.shape
    assert np.abs(out.astype(int) - turned).mean() < 6


@each("kind", ["JPEG", "PNG", "WEBP"])
@each(("exif", "xmp", "turned"), [(1, 6, False), (6, 1, True), (None, 6, True), (None, 1, False)])
def test_xmp_says_how_the_camera_was_turned_only_where_exif_does_not(kind, exif, xmp, turned):
    """A program that turned the pixels writes EXIF 1, and may leave XMP as it was."""
    tags = Image.Exif()
    if exif:
        tags[0x0112] = exif
    text, how = f'<x tiff:Orientation="{xmp}"/>', {"exif": tags.tobytes()} if exif else {}
    if kind == "PNG":
        how["pnginfo"] = PngImagePlugin.PngInfo()
        how["pnginfo"].add_itxt("XML:com.adobe.xmp", text)
    else:
        how["xmp"] = text.encode()
    assert decode(held(GREY, kind, **how), 1, LIMIT).pixels.shape[:2] == ((W, H) if turned else (H, W))


@each("orientation", range(1, 9))
def test_a_deep_tiff_of_a_turned_camera(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = tiff(RGB.astype(np.uint16) * 257, more=[(274, 3, [orientation])])
    assert (pixels_of(data, 3, LIMIT) == pixels_of(held(RGB, "PNG", exif=exif), 3, LIMIT)).all()


@each("channels", [1, 3])
@each("given", [GREY[..., None], RGB, np.dstack([RGB, np.full((H, W), 255, np.uint8)])],
      ids=["grey", "rgb", "rgba"])
def test_rows_of_an_array_take_the_same_way(given, channels):
    out = from_array(given, channels)
    colour = given[..., :3] if given.shape[2] > 1 else np.repeat(given, 3, axis=2)
    want = colour if channels == 3 else grey_of(np.ascontiguousarray(colour))[..., None]
    assert out.dtype == np.uint8
    assert (out == want).all()
