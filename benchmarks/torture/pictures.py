"""Small pictures in every format that Tenfold reads, to be mutated."""

import io
from collections.abc import Iterator
from functools import cache
from typing import Any


@cache
def seeds() -> tuple[tuple[str, bytes], ...]:
    """(file name, content) of each, 16×16 pixels."""
    return tuple(_seeds())


def _seeds() -> Iterator[tuple[str, bytes]]:
    import numpy as np
    from PIL import Image
    rng = np.random.default_rng(5)
    grey = np.repeat(np.repeat(rng.integers(0, 256, (4, 4), np.uint8), 4, 0), 4, 1)
    rgb = Image.fromarray(np.dstack([grey, grey[::-1], grey.T.copy()]))
    rgba = Image.fromarray(np.dstack([np.asarray(rgb), grey | 128]))
    one, deep = Image.fromarray(grey), Image.fromarray(grey.astype(np.uint16) * 257)
    floats = Image.fromarray(grey.astype(np.float32) / 255)
    exif = Image.Exif()
    exif[0x0112] = 6
    frames: dict[str, Any] = {"save_all": True, "append_images": [rgb.rotate(90)], "duration": 50}
    yield from _saved("png", "PNG", (one, {}), (rgb, {}), (rgba, {"dpi": (72, 72)}), (deep, {}), (rgb.quantize(7), {}),
                      (one.convert("1"), {}), (rgb, frames), (one.convert("LA"), {}), (rgb, {"exif": exif}))
    yield from _saved("jpg", "JPEG", (one, {}), (rgb, {"exif": exif}), (rgb, {"progressive": True}),
                      (rgb.convert("CMYK"), {}), (rgb, {"restart_marker_rows": 1}))
    yield from _saved("bmp", "BMP", (one, {}), (rgb, {}), (rgba, {}), (rgb.quantize(7), {}), (one.convert("1"), {}))
    yield from _saved("webp", "WEBP", (rgb, {}), (rgba, {"lossless": True}), (rgb, frames))
    packed = [{"compression": name} for name in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg")]
    yield from _saved("tif", "TIFF", (one, {}), (rgb, {}), (rgba, {}), (deep, {}), (floats, {}),
                      *[(rgb, how) for how in packed],
                      (one.convert("1"), {"compression": "group4"}), (rgb.convert("CMYK"), {}),
                      (rgb, {"save_all": True, "append_images": [one]}))
    yield from _saved("gif", "GIF", (one, {}), (rgb, frames))
    yield from _saved("ppm", "PPM", (one, {}), (rgb, {}), (one.convert("1"), {}), (deep, {}))
    yield "x.pgm", b"P2 16 16 255\n" + b" ".join(b"%d" % value for value in grey.ravel().tolist())
    yield "x.pfm", b"Pf\n16 16\n-1.0\n" + (grey / 255).astype("<f4").tobytes()
    yield from _saved("jp2", "JPEG2000", (one, {}), (rgb, {}), (deep, {}))
    yield from _saved("ico", "ICO", *[(rgba, {"sizes": [(16, 16)], "bitmap_format": form}) for form in ("png", "bmp")])
    yield from _saved("tga", "TGA", (one, {}), (rgb, {"compression": "tga_rle"}), (rgba, {}))
    yield from _saved("avif", "AVIF", (rgb, {"speed": 10}), (rgba, {"speed": 10}))


def _saved(suffix: str, kind: str, *each: tuple[Any, dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    for picture, how in each:
        out = io.BytesIO()
        try:
            picture.save(out, kind, **how)
        except (OSError, KeyError):              # this Pillow was built without it
            continue
        yield f"x.{suffix}", out.getvalue()
