"""Look at a set of labelled images: measure a sample of the pictures, and count all images."""

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.automatic.colours import colours_tell, is_coloured, mean_colour
from tenfold.automatic.look import Look
from tenfold.automatic.marks import Mark, ink_facts, mark_of
from tenfold.automatic.mirrors import hog, mirrored_classes, unmirrored_share
from tenfold.automatic.reading import Reading, find_its_ink, plain_recipe, read_picture
from tenfold.automatic.subfolders import subfolders
from tenfold.data.errors import SourceFault
from tenfold.data.schema import SPLITS
from tenfold.data.sources.opening import Source
from tenfold.data.sources.thinning import choose_images
from tenfold.preprocess.clean.ground import TWO_TONE
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.clean.steps import is_one_tone
from tenfold.preprocess.survey.decisions import decide, votes
from tenfold.preprocess.survey.facts import Facts, SourceFacts
from tenfold.preprocess.worker import one_opencv_thread

_SAMPLE = 256                # at most this many pictures are looked at
_FIRST = 64                  # this many pictures are read first, for decisions that concern the whole set
_FIRST_SHARE = 0.25          # the first pictures take at most this share of the time
_PER_CLASS = 4               # this many pictures of a class are looked at if there are too many classes to look at all


def look(source: Source, scratch: Path, longest: float = math.inf) -> Look:
    """Look at a sample of the pictures, but not at official test images, and count all.

    scratch: folder in which an .npz is unpacked; longest: seconds after which no further picture is read.
    """
    with one_opencv_thread():                    # as in a worker of a build, whose time is estimated here
        pictures, polarity, tried = _sample(source, scratch, longest)
    seen = _timed(_summarise(source, pictures, polarity), pictures)
    used = sum(not (picture.is_blank if seen.is_ink else picture.is_one_tone) for picture in pictures)
    return replace(seen, unusable_share=1 - used / tried)


def _sample(whole: Source, scratch: Path, longest: float) -> tuple[list["_Picture"], str, int]:
    """Return (pictures that could be read, polarity of their ink, number of pictures tried)."""
    begin = time.monotonic()
    source = choose_images(whole, np.flatnonzero(np.array(whole.official, dtype=object) != "test"))
    reader, rows = source.reader(scratch), _rows(source.labels)
    labels = source.labels[rows]
    known = list(_readings(source, reader, rows[:_FIRST], begin + _FIRST_SHARE * longest))
    decisions = decide(plain_recipe(), Facts.of(reading.facts for reading in known), labels[:len(known)])
    if decisions.ranges:                         # pictures of 16 bits must be read again, with these
        known.clear()
    seen, pictures, tried, fault = any(reading.pixels is not None for reading in known), list[_Picture](), 0, ""
    rest = _readings(source, reader, rows[len(known):], begin + longest, decisions.ranges, seen)
    for tried, reading in enumerate(itertools.chain(known, rest), 1):
        if reading.pixels is not None:
            pictures.append(_picture(reading, reading.pixels, decisions, int(labels[tried - 1])))
        fault = fault or reading.facts.fault     # of the first picture, if none can be used
    if not pictures:
        raise SourceFault(source.root, f"holds no picture that can be used: {source.paths[rows[0]]}: {fault}",
                          "give pictures in a format that is read (see docs/folders.md)")
    kinds = np.array([picture.label for picture in pictures])
    polarity = decide(plain_recipe(), Facts.of(picture.facts for picture in pictures), kinds).polarity
    return pictures, polarity, tried


def _readings(source: Source, reader: Any, rows: list[int], until: float, ranges: tuple[Any, ...] = (),
              seen: bool = False) -> Iterator[Reading]:
    """Read rows in order until time.monotonic() is `until` and a usable picture was found; seen: one was before."""
    for row in rows:
        if seen and time.monotonic() > until:
            return
        reading = read_picture(reader, row, source.paths[row], ranges)
        seen = seen or reading.pixels is not None
        yield reading


def _rows(labels: np.ndarray) -> list[int]:
    """Return the rows to look at, in random order: evenly spread, or _PER_CLASS of some classes if there are many."""
    order = np.argsort(labels, kind="stable")
    classes, starts = np.unique(labels[order], return_index=True)
    if len(classes) * _PER_CLASS > _SAMPLE:
        chosen = np.linspace(0, len(classes) - 1, _SAMPLE // _PER_CLASS).astype(int)
        members = np.split(order, starts[1:])
        rows = np.concatenate([members[k][np.linspace(0, len(members[k]) - 1, _PER_CLASS).astype(int)] for k in chosen])
    else:
        rows = np.linspace(0, len(labels) - 1, _SAMPLE).astype(int)
    return [int(row) for row in np.random.default_rng(0).permutation(np.unique(rows))]


@dataclass(frozen=True)
class _Picture:
    """What is known of one picture."""
    facts: SourceFacts
    label: int
    mark: Mark | None        # None: not ink on a plain ground
    is_one_tone: bool
    coloured: bool
    colour: np.ndarray       # see colours.mean_colour
    hog: np.ndarray
    mirrored_hog: np.ndarray
    as_photograph: float     # one core's seconds to read, decode and examine it in a build
    as_ink: float            # … at full size
    cleaning: float          # … and to clean it

    @property
    def is_blank(self) -> bool:
        """Return whether a build that looks for ink would find none on a plain ground, and leave the picture out."""
        return self.mark is None and self.facts.two_tone > TWO_TONE


def _picture(reading: Reading, pixels: np.ndarray, decisions: SetDecisions, label: int) -> _Picture:
    """Examine the pixels of a picture, uint8 (H, W, C)."""
    reading, ink = find_its_ink(reading, decisions)
    return _Picture(reading.facts, label, mark_of(pixels, ink, label) if ink else None, is_one_tone(pixels),
                    is_coloured(pixels), mean_colour(pixels), hog(pixels),
                    hog(np.ascontiguousarray(pixels[:, ::-1])), reading.seconds, reading.whole_seconds,
                    reading.cleaning)


def _summarise(source: Source, pictures: list[_Picture], polarity: str) -> Look:
    """Return what the pictures show, with the counts of all images of the source."""
    facts, classes = Facts.of(picture.facts for picture in pictures), len(source.classes)
    columns, given = facts.columns, np.array(source.official, dtype=object)

    def of_each_class(where: np.ndarray) -> list[int]:
        return [int(count) for count in np.bincount(source.labels[where], minlength=classes)]
    counts = of_each_class((given != "test") & (given != "val"))
    height, width = np.median(columns["size"], axis=0)
    official = {split: int((given == split).sum()) for split in SPLITS if split in given}
    compared = (np.stack([p.hog for p in pictures]), np.stack([p.mirrored_hog for p in pictures]),
                np.array([p.label for p in pictures]))
    pair, marks = mirrored_classes(*compared), ink_facts([p.mark for p in pictures if p.mark])
    return Look(
        images=len(source), classes=classes, smallest_class=min(counts), largest_class=max(counts),
        counts=(*counts, *(of_each_class(given == "val") if "val" in official else [])), official=official,
        size=(int(height), int(width)), aspect=float(np.median(columns["size"][:, 1] / columns["size"][:, 0])),
        sampled=len(facts), colour_share=float(np.mean([p.coloured for p in pictures])),
        ink_share=float((columns["two_tone"] > TWO_TONE).mean()), polarity=polarity, votes=votes(facts),
        marks=marks,
        unmirrored=unmirrored_share(*compared),
        colours_tell=colours_tell(np.stack([p.colour for p in pictures]), compared[2]),
        mirrored_classes=(source.classes[pair[0]], source.classes[pair[1]]) if pair else None,
        subfolders=subfolders(source))


def _timed(seen: Look, pictures: list[_Picture]) -> Look:
    """Return the Look with the time that a build takes for each of the pictures, as what they are taken for."""
    if seen.is_ink and seen.marks:               # `marks` only for type checkers
        is_cleaned = seen.marks.varies is not False          # what is not cut out is not cleaned
        seconds = [p.as_ink + p.cleaning * is_cleaned for p in pictures]
    else:
        seconds = [p.as_photograph for p in pictures]
    return replace(seen, seconds=float(np.mean(seconds)), slowest=max(seconds))
