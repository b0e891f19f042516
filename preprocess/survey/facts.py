"""SourceFacts: what decoding and cleaning found out about one source image."""

import hashlib
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np

from tenfold.data.recipe import Recipe
from tenfold.preprocess.clean.polarity import dark_ink_log_odds
from tenfold.preprocess.decode import BadPicture, Decoded, decode_any
from tenfold.preprocess.survey.fingerprint import fingerprint


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What is known of one source image once it was decoded and cleaned."""
    digest: str = ""                     # of the decoded pixels; "" for a bad picture
    size: tuple[int, int] = (0, 0)       # height, width as stored, upright
    fault: str = ""                      # why it cannot be used; "" for a good picture
    fingerprint: str = ""                # see preprocess.survey.fingerprint; "" for a bad picture
    spread: float = 0.0                  # standard deviation of its grey levels
    levels: tuple = ()                   # of a deep picture that declares no range: preprocess.decode.levels.Levels
    several: bool = False                # its file holds more pages or frames
    dark_ink: float = 0.0                # log-odds that its ink is dark, as decoded; 0: not asked, or one tone only
    tones: tuple[int, ...] = ()          # its dark and its light tone, 0..255, where ink is looked for
    pen: float = 0.0                     # width of the ink's main strokes, pixels; 0: no ink looked for
    lost: tuple[float, ...] = ()         # (components broader than half the pen, share of the ink) taken for dust
    edges: int = 0                       # edges of the picture that its ink reaches
    ink: float = 0.0                     # share of the picture that is ink
    two_tone: float = -1.0               # preprocess.clean.ground.two_tone; -1: not looked at


def examine_source(reader: Any, listed: int, path: str, recipe: Recipe,
                   ranges: tuple = ()) -> tuple[SourceFacts, np.ndarray | None]:
    """Decode one source image; return what can be known without cleaning it, and its pixels (None: a bad picture).

    listed: its position in the listing of the source; ranges: of deep pictures, as SetDecisions has them.
    """
    try:
        decoded = load_source(reader, listed, path, recipe, ranges)
    except BadPicture as bad:
        return SourceFacts(fault=str(bad), levels=astuple(bad.levels) if bad.levels else ()), None
    hexadecimal, spread = fingerprint(decoded.pixels)
    levels = astuple(decoded.levels) if decoded.levels else ()
    facts = SourceFacts(_digest(decoded.pixels), decoded.size, fingerprint=hexadecimal, spread=spread,
                        levels=levels, several=decoded.several)
    if recipe.clean.polarity != "keep":
        vote, *tones = dark_ink_log_odds(decoded.pixels)
        facts = replace(facts, dark_ink=vote, tones=tuple(tones))
    return facts, decoded.pixels


def load_source(reader: Any, listed: int, path: str, recipe: Recipe, ranges: tuple = ()) -> Decoded:
    """Read and decode one source image. BadPicture: it cannot be. The arguments are those of `examine_source`."""
    try:
        data = reader.read(listed, path)
    except OSError as error:
        raise BadPicture(f"cannot be read: {error.strerror}") from None
    except MemoryError:
        raise BadPicture("enormous: it does not fit in memory") from None
    return decode_any(data, path, recipe, ranges)


def _digest(pixels: np.ndarray) -> str:
    return hashlib.blake2b(pixels.tobytes(), digest_size=12, key=repr(pixels.shape).encode()).hexdigest()
