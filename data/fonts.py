"""Find fonts of this machine for characters that DejaVu Sans, the font of charts and sheets, lacks.

matplotlib lists the fonts; it is imported only for names with such characters.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from tenfold.data.wording import LONGEST, code_of, readable

_USUAL = "\u0530"            # DejaVu Sans has what lies below (Latin, Greek, Cyrillic)
_SHORTENED = "…"             # what `readable` puts into long names; DejaVu Sans has it
_UNFIT = re.compile(r"^\.|Last ?Resort|Color")     # the system's own fonts; boxes; pictures, which have no outlines


class Font(NamedTuple):
    """A font file that is installed on this machine."""
    family: str
    path: str


_found: dict[str, Font | None] = {}      # the font of each character that was looked up; None: no font has it


def fonts_for(texts: Iterable[str]) -> dict[str, Font | None]:
    """Return the font of each character of some texts that DejaVu Sans lacks; None: no font of this machine has it.

    All fonts are opened for new characters, so ask for the texts of a picture together.
    """
    characters = {c for c in set().union(*texts) if c >= _USUAL and c != _SHORTENED}
    if new := characters - _found.keys():
        _look_up(new)
    return {c: font for c in characters if (font := _found[c]) not in _dejavu()} if characters else {}


def drawable(names: Iterable[str], most: int = LONGEST) -> list[str]:
    """Return names as `readable` does, with a code such as \\u5b57 for each character that would be an empty box."""
    names = [readable(name) for name in names]
    boxes = str.maketrans({c: code_of(c) for c, font in fonts_for(names).items() if font is None})
    return [readable(name.translate(boxes), most) for name in names]


def _look_up(left: set[str]) -> None:
    """Find fonts for new characters: DejaVu Sans, then as few others as possible."""
    for fonts in (_dejavu, _listed, _unlisted):
        held = {font: _held(font, left) for font in fonts()} if left else {}
        while held and (some := held[font := max(held, key=lambda f: len(held[f] & left))] & left):
            _found.update(dict.fromkeys(some, font))
            left = left - some
    _found.update(dict.fromkeys(left))


def _held(font: Font, characters: set[str]) -> set[str]:
    """Which of the characters a font has."""
    from matplotlib.ft2font import FT2Font
    try:
        face = FT2Font(font.path)
    except (OSError, RuntimeError):              # it was removed, or is damaged
        return set()
    return {c for c in characters if face.get_char_index(ord(c))}


@cache
def _dejavu() -> list[Font]:
    from matplotlib.font_manager import findfont
    return [Font("DejaVu Sans", findfont("DejaVu Sans"))]


def _listed() -> list[Font]:
    """The fonts that matplotlib has listed, but for its own, which are for formulae; upright and regular ones first."""
    from matplotlib import font_manager, get_data_path
    entries = [entry for entry in font_manager.fontManager.ttflist
               if not entry.fname.startswith(get_data_path()) and not _UNFIT.search(entry.name)]
    entries.sort(key=lambda e: (e.style != "normal", e.weight != 400, "Sans" not in e.name, "Mono" in e.name, e.name))
    return [Font(entry.name, entry.fname) for entry in entries]


@cache
def _unlisted() -> list[Font]:
    """The fonts that were installed after matplotlib made its list, which are added to it."""
    from matplotlib import font_manager
    listed = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - listed):
        try:
            font_manager.fontManager.addfont(path)
        except (OSError, RuntimeError, NotImplementedError):     # matplotlib cannot draw it
            continue
    return [font for font in _listed() if font.path not in listed]
