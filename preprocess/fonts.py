"""Draw names on pictures, each character in an installed font that has a glyph for it."""

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from unicodedata import category

from PIL import ImageDraw, ImageFont

from tenfold.data.fonts import drawable, fonts_for
from tenfold.data.wording import readable

_NAME = "DejaVuSans.ttf"
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def picture_font(size: int) -> _Font:
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


def write_name(pen: ImageDraw.ImageDraw, corner: tuple[float, float], name: str, size: int, width: float) -> None:
    """Write a name in black at its upper left corner, at most `width` pixels long: a longer one is cut in the middle.

    Characters that no font of this machine has are written as codes.
    """
    [name] = drawable([name])
    whole, most = name, len(name)
    while most > 1 and (length := sum(font.getlength(part) for part, font in _parts(name, size))) > width:
        most = min(most - 1, int(most * width / length) + 1)
        name = readable(whole, most)
    x, y = corner
    usual = picture_font(size)
    base = y + usual.getmetrics()[0] if isinstance(usual, ImageFont.FreeTypeFont) else y
    for part, font in _parts(name, size):
        if isinstance(font, ImageFont.FreeTypeFont):
            pen.text((x, base), part, "black", font, anchor="ls")
        else:
            pen.text((x, y), part, "black", font)
        x += font.getlength(part)


def _parts(text: str, size: int) -> Iterator[tuple[str, _Font]]:
    """Cut a text where the font changes; what joins or marks characters stays with those before it."""
    others = fonts_for([text])
    part, path = "", ""
    for c in text:
        font = others.get(c)
        new = path if category(c)[0] in "MC" and c not in others else font.path if font else ""
        if new != path and part:
            yield part, _opened(path, size)
            part = ""
        part, path = part + c, new
    yield part, _opened(path, size)


@cache
def _opened(path: str, size: int) -> _Font:
    return ImageFont.truetype(path, size) if path else picture_font(size)
