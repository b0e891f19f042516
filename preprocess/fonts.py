"""The font of what is written into pictures."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

_NAME = "DejaVuSans.ttf"


@cache
def picture_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return DejaVu Sans of `size` pixels, the font of the charts: Pillow's own has Latin letters only.

    It comes with matplotlib. Where that keeps it elsewhere, the system's is taken, and else Pillow's own.
    """
    found = find_spec("matplotlib")
    for path in (Path(found.origin).parent / "mpl-data/fonts/ttf" / _NAME if found and found.origin else _NAME, _NAME):
        try:
            return ImageFont.truetype(path, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
