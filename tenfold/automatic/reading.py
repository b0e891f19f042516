"""Read a picture for the look: no larger than its content needs, and the seconds that a build takes to read it."""

import functools
import time
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from tenfold.automatic.choices import LARGEST
from tenfold.automatic.marks import find_ink
from tenfold.data.recipe import Recipe, make_recipe
from tenfold.preprocess.clean.ground import TWO_TONE, two_tone
from tenfold.preprocess.clean.ink import Ink
from tenfold.preprocess.clean.polarity import dark_ink_log_odds
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.survey.facts import SourceFacts, examine_source

_SIDE = 1024                 # pixels of the longer side of what is looked at, at most
_LARGE = 2.0                 # cleaning takes so many times as long for each pixel of a large picture: on two cores 1.5
                             # times at 12 and 2.1 times at 81 megapixels


@dataclass(frozen=True)
class Reading:
    """A picture as it is looked at."""
    facts: SourceFacts       # of its file: its size is that of the whole picture
    pixels: np.ndarray | None        # uint8 (H, W, 3), the longer side 1,024 at most; None: it cannot be used
    larger: float            # pixels of the whole picture for each pixel here, where it is cleaned
    seconds: float           # of a core to read, decode, examine and, after `find_its_ink`, clean it, as a build does


@functools.cache
def plain_recipe() -> Recipe:
    """A recipe that decodes in colour and asks for ink: of every pixel."""
    return make_recipe({"clean": {"channels": 3, "polarity": "auto", "roi": True},
                        "draw": {"canvas": [32, 32], "copies": 1}, "model": {"name": "resnet"}})


@functools.cache
def photo_recipe() -> Recipe:
    """A recipe for photographs, which may be decoded smaller, on the largest canvas that the automatic mode draws."""
    return make_recipe({"clean": {"channels": 3}, "draw": {"canvas": [LARGEST, LARGEST], "copies": 1, "fit": "cover"},
                        "model": {"name": "resnet"}})


def read_picture(reader: Any, row: int, path: str, ranges: tuple[Any, ...] = ()) -> Reading:
    """Read the picture in a row of a source's listing. ranges: of deep pictures, as SetDecisions has them."""
    start = time.monotonic()
    facts, pixels = examine_source(reader, row, path, photo_recipe(), ranges)
    seconds = time.monotonic() - start
    if pixels is None:
        return Reading(facts, None, 1.0, seconds)
    tone = two_tone(pixels)
    if tone > TWO_TONE and facts.size != pixels.shape[:2]:   # a build cleans it, and decodes it whole
        start = time.monotonic()
        whole, pixels = examine_source(reader, row, path, plain_recipe(), ranges)
        seconds = time.monotonic() - start
        if pixels is None:                       # gone, or no memory, though it could be read just now
            return Reading(whole, None, 1.0, seconds)
    small = _shrunk(pixels)
    vote, *tones = dark_ink_log_odds(small)
    facts = replace(facts, two_tone=tone, dark_ink=vote, tones=tuple(tones))
    return Reading(facts, small, pixels.size / small.size, seconds)


def find_its_ink(reading: Reading, decisions: SetDecisions) -> tuple[Reading, Ink | None]:
    """Return (the reading, its seconds with those of cleaning; its ink on its pixels, None: it is none on a plain
    ground)."""
    if reading.pixels is None or reading.facts.two_tone <= TWO_TONE:
        return reading, None
    # what is multiplied is the processor's time: a pause for other work would be multiplied too
    clock = time.thread_time if reading.larger > 1 else time.monotonic
    start = clock()
    ink = find_ink(reading.pixels, plain_recipe(), decisions)
    seconds = (clock() - start) * reading.larger * (_LARGE if reading.larger > 1 else 1.0)
    return replace(reading, seconds=reading.seconds + seconds), ink


def _shrunk(pixels: np.ndarray) -> np.ndarray:
    """The picture, or where it is larger than _SIDE a smaller one; uint8 (H, W, 3)."""
    height, width = pixels.shape[:2]
    share = _SIDE / max(height, width)
    if share >= 1:
        return pixels
    size = max(1, round(width * share)), max(1, round(height * share))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
