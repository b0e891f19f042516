"""Read a picture of the sample, shrunk if it is large, and measure how long a build takes to read it."""

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

_SIDE = 1024                 # larger pictures are shrunk until their longer side has this many pixels
_LARGE = 2.0                 # cleaning takes this many times as long for a pixel of the whole picture as for one of the
                             # shrunk picture: measured 1.5 at 12 and 2.1 at 81 megapixels, on two cores


@dataclass(frozen=True)
class Reading:
    """A picture that was read."""
    facts: SourceFacts       # of the file, with the size of the whole picture
    pixels: np.ndarray | None        # uint8 (H, W, 3), sides up to 1,024; None: unusable
    pixel_ratio: float       # pixels of the whole picture, divided by those of `pixels`
    seconds: float           # one core's time to read, decode and examine it in a build, as a photograph
    whole_seconds: float     # … at full size, as ink
    cleaning: float = 0.0    # … and to clean it, after `find_its_ink`


@functools.cache
def plain_recipe() -> Recipe:
    """Return a recipe that looks for ink, so that pictures are decoded at full size, in colour."""
    return make_recipe({"clean": {"channels": 3, "polarity": "auto", "roi": True, "specks": 0.5},
                        "draw": {"canvas": [32, 32], "copies": 1}, "model": {"name": "resnet"}})


@functools.cache
def photo_recipe() -> Recipe:
    """Return a recipe for photographs on the largest canvas in use, so that they may be decoded smaller."""
    return make_recipe({"clean": {"channels": 3}, "draw": {"canvas": [LARGEST, LARGEST], "copies": 1, "fit": "cover"},
                        "model": {"name": "resnet"}})


def read_picture(reader: Any, row: int, path: str, ranges: tuple[Any, ...] = ()) -> Reading:
    """Read the picture in a row of a source's listing; ranges: those of 16-bit pictures, as in SetDecisions."""
    start = time.monotonic()
    facts, pixels = examine_source(reader, row, path, photo_recipe(), ranges)
    seconds = time.monotonic() - start
    if pixels is None:
        return Reading(facts, None, 1.0, seconds, seconds)
    tone, whole_seconds = two_tone(pixels), seconds
    if tone > TWO_TONE and facts.size != pixels.shape[:2]:   # ink: a build decodes it at full size
        start = time.monotonic()
        whole, pixels = examine_source(reader, row, path, plain_recipe(), ranges)
        whole_seconds = time.monotonic() - start
        if pixels is None:                       # the file is gone by now, or memory is short
            return Reading(whole, None, 1.0, seconds, whole_seconds)
    small = _shrink(pixels)
    vote, *tones = dark_ink_log_odds(small)
    facts = replace(facts, two_tone=tone, dark_ink=vote, tones=tuple(tones))
    return Reading(facts, small, pixels.size / small.size, seconds, whole_seconds)


def find_its_ink(reading: Reading, decisions: SetDecisions) -> tuple[Reading, Ink | None]:
    """Return (the reading with the seconds of cleaning, its ink or None if it is not ink on a plain ground)."""
    if reading.pixels is None or reading.facts.two_tone <= TWO_TONE:
        return reading, None
    # seconds that will be multiplied must not include pauses for other processes
    clock = time.thread_time if reading.pixel_ratio > 1 else time.monotonic
    start = clock()
    is_grey = (reading.pixels == reading.pixels[:, :, :1]).all()         # a third of the work finds the same
    ink = find_ink(np.ascontiguousarray(reading.pixels[:, :, :1]) if is_grey else reading.pixels, plain_recipe(),
                   decisions)
    seconds = (clock() - start) * reading.pixel_ratio * (_LARGE if reading.pixel_ratio > 1 else 1.0)
    return replace(reading, cleaning=seconds), ink


def _shrink(pixels: np.ndarray) -> np.ndarray:
    """Return the picture, uint8 (H, W, 3), shrunk if its longer side exceeds _SIDE."""
    height, width = pixels.shape[:2]
    share = _SIDE / max(height, width)
    if share >= 1:
        return pixels
    size = max(1, round(width * share)), max(1, round(height * share))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
