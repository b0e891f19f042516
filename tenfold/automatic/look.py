"""Look at a set of labelled images: what a sample of them and the counts of all say about how to train on it."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tenfold.automatic.angles import CHANCE, TURNED, UPRIGHT
from tenfold.automatic.marks import InkFacts, Mark, find_ink, ink_facts, mark_of
from tenfold.automatic.mirrors import may_be_mirrored, mirrored_outline, outline, unmirrored_share
from tenfold.data.errors import SourceFault
from tenfold.data.recipe import Recipe, make_recipe
from tenfold.data.schema import SPLITS
from tenfold.data.sources.opening import Source
from tenfold.preprocess.clean.ground import TWO_TONE, two_tone
from tenfold.preprocess.pool import one_opencv_thread
from tenfold.preprocess.survey.decisions import decide, votes
from tenfold.preprocess.survey.facts import Facts, SourceFacts, examine_source
from tenfold.preprocess.survey.survey import sample_sources

SAMPLE = 256                 # pictures that are looked at, spread evenly over the listing
LEAST = 32                   # of them, however long each takes
INK = 0.5                    # share of the pictures that are ink, from which the set is
_FEWEST = 10                 # images of a class that are used, where there is time for a part only
LONGEST = 8.0                # seconds after which no more are looked at, unless they are too few
_COLOUR = 12.0               # levels by which the channels of a pixel differ on average in a picture of colours,
_PATCH = 0.02                # or by four times as many in such a share of it


@dataclass(frozen=True)
class Look:
    """What is known of a set before anything is built."""
    images: int
    classes: int
    least: int               # images of the smallest class
    most: int                # of the largest
    size: tuple[int, int]    # median height, width, pixels
    shape: float             # median of width / height
    looked: int              # pictures that were looked at
    colour: float            # share of them that has colours
    ink: float               # share of them that is ink on a plain ground, or light ink on dark
    polarity: str            # of the ink: "dark", "light", or "each" where both are there
    votes: tuple[int, int]   # pictures that look like dark ink on light, and like light ink on dark
    marks: InkFacts | None   # None: the set is no ink
    seconds: float           # of a core to read, decode and clean a picture
    official: dict[str, int]         # images of each split that the layout gives
    counts: tuple[int, ...]  # images of each class, those of an official test split left out
    unmirrored: tuple[float, int] = (0.5, 0)     # see mirrors.unmirrored_share
    per_class: int = 0       # images of each class that are used, at most; 0: all

    def part(self, images: float) -> "Look":
        """Return what is known of the part that is used where no more than so many images can be, test ones left out.

        Of each class the same number is used, or all that there are, and _FEWEST at the least.
        """
        left, rest = images, len(self.counts)
        for count in sorted(self.counts):
            if count * rest > left:
                return self.capped(max(_FEWEST, int(left / rest)))
            left, rest = left - count, rest - 1
        return self

    def capped(self, per_class: int) -> "Look":
        """Return what is known of the part with so many images of each class, at most; 0: all."""
        if not 0 < per_class < max(self.counts):
            return self
        kept = [min(count, per_class) for count in self.counts]
        test, held = self.official.get("test", 0), sum(self.counts)
        official = {split: count if split == "test" else round(count * sum(kept) / held)
                    for split, count in self.official.items()}
        return replace(self, images=sum(kept) + test, least=min(kept), most=max(kept), official=official,
                       per_class=per_class)

    @property
    def is_ink(self) -> bool:
        """Whether the set is ink (characters, drawings), not photographs."""
        return self.ink > INK and self.marks is not None

    @property
    def each(self) -> float:
        """Images of a class to train on, on average."""
        return self.training_images / self.classes

    @property
    def shares(self) -> dict[str, float]:
        """The share of each class that val and test get, where the layout does not say."""
        val, test = (0.15, 0.2) if self.images < 1000 else (0.1, 0.1) if self.images < 50_000 else (0.05, 0.05)
        return {split: share for split, share in (("val", val), ("test", test)) if split not in self.official}

    @property
    def images_but_test(self) -> float:
        """About how many images there are to train on and to choose by."""
        return max(1.0, (self.images - self.official.get("test", 0)) * (1 - self.shares.get("test", 0.0)))

    @property
    def training_images(self) -> float:
        """About how many images there are to train on."""
        held = sum(self.official.get(split, 0) for split in ("val", "test"))
        return max(1.0, (self.images - held) * (1 - sum(self.shares.values())))

    @property
    def upright(self) -> bool | None:
        """Whether characters stand upright; False: at any angle; None: it cannot be told."""
        near = self.marks.near_upright if self.marks else None
        return None if near is None or TURNED < near < UPRIGHT else near >= UPRIGHT

    @property
    def angle_words(self) -> str:
        """What is known of the angles."""
        near = self.marks.near_upright if self.marks else None
        return "" if near is None else (f"{near:.0%} of the characters match one of their class best when that is "
                                        f"turned by 30 degrees at most; {CHANCE:.0%} where any angle is as likely")

    @property
    def may_mirror(self) -> bool:
        """Whether mirror images are of the same class."""
        return may_be_mirrored(*self.unmirrored)

    @property
    def mirror_words(self) -> str:
        """What is known of mirror images."""
        share, count = self.unmirrored
        return f"{share:.0%} of {count} pictures match others of their class better than their mirror images do"

    @property
    def is_colour(self) -> bool:
        """Whether colours may matter."""
        return self.colour > 0.1

    def lines(self) -> list[str]:
        """What was seen, for people."""
        kind = "ink on a plain ground" if self.is_ink else "photographs or other pictures"
        tone = {"dark": ", dark on light", "light": ", light on dark", "each": ", of both polarities"}[self.polarity]
        counts = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
        return [f"{self.images:,} images in {self.classes} classes, {counts} each; "
                f"{self.size[1]}×{self.size[0]} pixels (median), {'colour' if self.is_colour else 'grey'}; {kind}"
                + (tone if self.is_ink else "") + f" ({self.looked} looked at)"]


def look(source: Source, scratch: Path, longest: float = LONGEST) -> Look:
    """Look at an even sample of the pictures, official test images left out.

    scratch: where an .npz is unpacked. longest: seconds after which no more are looked at, unless they are too few.
    """
    with one_opencv_thread():                    # as a build's worker reads them, whose time is to be told
        return _look(source, scratch, longest)


def _look(source: Source, scratch: Path, longest: float) -> Look:
    begin = time.monotonic()
    recipe, reader = _plain_recipe(), source.reader(scratch)
    sampled, known = sample_sources(recipe, source, reader)
    decisions = decide(recipe, known, source.labels[sampled])
    seen = np.flatnonzero(np.array(source.official, dtype=object) != "test")
    order = seen[np.unique(np.linspace(0, len(seen) - 1, SAMPLE).astype(int))]
    np.random.default_rng(0).shuffle(order)
    pictures: list[_Picture] = []
    for tried, row in enumerate(order.tolist()):
        if tried >= LEAST and time.monotonic() - begin > longest:
            break
        start, label = time.monotonic(), int(source.labels[row])
        facts, pixels = examine_source(reader, row, source.paths[row], recipe, decisions.ranges)
        if pixels is not None:
            ink = find_ink(pixels, recipe, decisions)
            seconds, tone = time.monotonic() - start, two_tone(pixels)
            mark = mark_of(ink, label) if ink and tone > TWO_TONE else None
            pictures.append(_Picture(replace(facts, two_tone=tone), label, mark, _is_coloured(pixels),
                                     outline(pixels), mirrored_outline(pixels), seconds))
    if not pictures:
        raise SourceFault(source.root, "holds no picture that can be read", "run `tenfold report`, which names each")
    labels = np.array([picture.label for picture in pictures])
    polarity = decide(recipe, Facts.of(picture.facts for picture in pictures), labels).polarity
    return _summed_up(source, pictures, polarity)


@dataclass(frozen=True)
class _Picture:
    """What is known of a picture that was looked at."""
    facts: SourceFacts
    label: int
    mark: Mark | None
    coloured: bool
    outline: np.ndarray
    mirrored: np.ndarray
    seconds: float           # of a core to read, decode, examine and clean it, about as the build does


def _plain_recipe() -> Recipe:
    """A recipe that decodes in colour and asks for ink."""
    return make_recipe({"clean": {"channels": 3, "polarity": "auto", "roi": True},
                        "draw": {"canvas": [32, 32], "copies": 1}, "model": {"name": "resnet"}})


def _is_coloured(pixels: np.ndarray) -> bool:
    """Whether the channels differ, on average or in a patch of some size; uint8 (H, W, 3)."""
    apart = np.ptp(pixels, axis=2)
    return bool(apart.mean() > _COLOUR or np.mean(apart > 4 * _COLOUR) > _PATCH)


def _summed_up(source: Source, pictures: list[_Picture], polarity: str) -> Look:
    facts = Facts.of(picture.facts for picture in pictures)
    columns, given = facts.columns, np.array(source.official, dtype=object)
    counts, but_test = (np.bincount(labels, minlength=len(source.classes)) for labels in (
        source.labels, source.labels[given != "test"]))
    height, width = np.median(columns["size"], axis=0)
    official = {split: int((given == split).sum()) for split in SPLITS if split in given}
    unmirrored = unmirrored_share(np.stack([p.outline for p in pictures]),
                                  np.stack([p.mirrored for p in pictures]),
                                  np.array([p.label for p in pictures]))
    return Look(len(source), len(source.classes), int(counts.min()), int(counts.max()), (int(height), int(width)),
                float(np.median(columns["size"][:, 1] / columns["size"][:, 0])), len(facts),
                float(np.mean([p.coloured for p in pictures])), float((columns["two_tone"] > TWO_TONE).mean()),
                polarity, votes(facts), ink_facts([p.mark for p in pictures if p.mark]),
                float(np.mean([p.seconds for p in pictures])), official, tuple(but_test.tolist()), unmirrored)
