"""Look at a set of labelled images: read a sample of them, and count all."""

import functools
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from tenfold.automatic.look import Look
from tenfold.automatic.marks import Mark, find_ink, ink_facts, mark_of
from tenfold.automatic.mirrors import hog, unmirrored_share
from tenfold.data.errors import SourceFault
from tenfold.data.recipe import Recipe, make_recipe
from tenfold.data.schema import SPLITS
from tenfold.data.sources.opening import Source
from tenfold.data.sources.thinning import choose_images
from tenfold.preprocess.clean.ground import TWO_TONE, two_tone
from tenfold.preprocess.pool import one_opencv_thread
from tenfold.preprocess.survey.decisions import decide, votes
from tenfold.preprocess.survey.facts import Facts, SourceFacts, examine_source
from tenfold.preprocess.survey.survey import sample_sources

SAMPLE = 256                 # pictures that are looked at, at most,
LEAST = 32                   # and at least, however long each takes
LONGEST = 8.0                # seconds after which no more are looked at, unless they are too few
_EACH = 4                    # of a class, where there are too many classes to see as many of all
_COLOUR = 12.0               # levels by which the channels of a pixel differ on average in a picture of colours,
_PATCH = 0.02                # or by four times as many in such a share of it


def look(source: Source, scratch: Path, longest: float = LONGEST) -> Look:
    """Look at a sample of the pictures, official test images left out, and count all.

    scratch: where an .npz is unpacked. longest: seconds after which no more are looked at, unless they are too few.
    """
    with one_opencv_thread():                    # as a build's worker reads them, whose time is to be told
        pictures, polarity, unread = _sample(source, scratch, longest)
    return replace(_summed_up(source, pictures, polarity), unread=unread)


def _sample(whole: Source, scratch: Path, longest: float) -> tuple[list["_Picture"], str, float]:
    """(Some of the pictures, the polarity of their ink, the share of others that cannot be used)."""
    begin = time.monotonic()
    source = choose_images(whole, np.flatnonzero(np.array(whole.official, dtype=object) != "test"))
    recipe, reader = _plain_recipe(), source.reader(scratch)
    sampled, known = sample_sources(recipe, source, reader)
    decisions = decide(recipe, known, source.labels[sampled])
    pictures, unread = list[_Picture](), 0
    for tried, row in enumerate(_rows(source.labels)):
        if tried >= LEAST and time.monotonic() - begin > longest:
            break
        start, label = time.monotonic(), int(source.labels[row])
        facts, pixels = examine_source(reader, row, source.paths[row], recipe, decisions.ranges)
        if pixels is None:
            unread += 1
        else:
            seconds, tone, ink = time.monotonic() - start, two_tone(pixels), None
            if tone > TWO_TONE:                  # a build cleans it, too
                start = time.monotonic()
                ink = find_ink(pixels, recipe, decisions)
                seconds += time.monotonic() - start
            mirrored = np.ascontiguousarray(pixels[:, ::-1])
            pictures.append(_Picture(replace(facts, two_tone=tone), label, mark_of(ink, label) if ink else None,
                                     _is_coloured(pixels), hog(pixels), hog(mirrored), seconds))
    if not pictures:
        raise SourceFault(source.root, "holds no picture that can be used", "run `tenfold augment`, which says why")
    labels = np.array([picture.label for picture in pictures])
    polarity = decide(recipe, Facts.of(picture.facts for picture in pictures), labels).polarity
    return pictures, polarity, unread / (unread + len(pictures))


def _rows(labels: np.ndarray) -> list[int]:
    """Rows to look at, in random order: spread evenly over the listing; of many classes some, with _EACH of each."""
    order = np.argsort(labels, kind="stable")
    classes, starts = np.unique(labels[order], return_index=True)
    if len(classes) * _EACH > SAMPLE:
        chosen = np.linspace(0, len(classes) - 1, SAMPLE // _EACH).astype(int)
        members = np.split(order, starts[1:])
        rows = np.concatenate([members[k][np.linspace(0, len(members[k]) - 1, _EACH).astype(int)] for k in chosen])
    else:
        rows = np.linspace(0, len(labels) - 1, SAMPLE).astype(int)
    return [int(row) for row in np.random.default_rng(0).permutation(np.unique(rows))]


@dataclass(frozen=True)
class _Picture:
    """What is known of a picture that was looked at."""
    facts: SourceFacts
    label: int
    mark: Mark | None        # None: it is no ink on a plain ground
    coloured: bool
    hog: np.ndarray
    mirrored_hog: np.ndarray
    seconds: float           # of a core to read, decode, examine and clean it, about as the build does


def _plain_recipe() -> Recipe:
    """A recipe that decodes in colour and asks for ink."""
    return make_recipe({"clean": {"channels": 3, "polarity": "auto", "roi": True},
                        "draw": {"canvas": [32, 32], "copies": 1}, "model": {"name": "resnet"}})


def _is_coloured(pixels: np.ndarray) -> bool:
    """Whether the channels differ, on average or in a patch of some size; uint8 (H, W, 3)."""
    planes = cv2.split(pixels)
    apart = functools.reduce(cv2.max, planes) - functools.reduce(cv2.min, planes)
    return bool(apart.mean() > _COLOUR or np.mean(apart > 4 * _COLOUR) > _PATCH)


def _summed_up(source: Source, pictures: list[_Picture], polarity: str) -> Look:
    facts, classes = Facts.of(picture.facts for picture in pictures), len(source.classes)
    columns, given = facts.columns, np.array(source.official, dtype=object)

    def of_each_class(where: np.ndarray) -> list[int]:
        return [int(count) for count in np.bincount(source.labels[where], minlength=classes)]
    counts = of_each_class((given != "test") & (given != "val"))
    height, width = np.median(columns["size"], axis=0)
    official = {split: int((given == split).sum()) for split in SPLITS if split in given}
    return Look(
        images=len(source), classes=classes, least=min(counts), most=max(counts),
        counts=(*counts, *(of_each_class(given == "val") if "val" in official else [])), official=official,
        size=(int(height), int(width)), shape=float(np.median(columns["size"][:, 1] / columns["size"][:, 0])),
        looked=len(facts), colour=float(np.mean([p.coloured for p in pictures])),
        ink=float((columns["two_tone"] > TWO_TONE).mean()), polarity=polarity, votes=votes(facts),
        marks=ink_facts([p.mark for p in pictures if p.mark]),
        unmirrored=unmirrored_share(np.stack([p.hog for p in pictures]), np.stack([p.mirrored_hog for p in pictures]),
                                    np.array([p.label for p in pictures])),
        seconds=float(np.mean([p.seconds for p in pictures])))
