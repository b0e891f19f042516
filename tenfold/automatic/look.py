"""What is known of a set of labelled images after some were looked at, and what follows for training."""

from dataclasses import dataclass, replace

from tenfold.automatic.angles import CHANCE, TURNED, UPRIGHT
from tenfold.automatic.marks import InkFacts
from tenfold.automatic.mirrors import LEAST_PICTURES, SURE, may_be_mirrored

INK = 0.5                    # a set with a higher share of ink pictures is ink
_TOO_FEW = 5                 # a note counts the classes with fewer images
_FEWEST = 10                 # images of each class, at least, where there is no time for all


@dataclass(frozen=True)
class Look:
    """What is known of a set before its shards are built."""
    images: int
    classes: int
    least: int               # images of the smallest class
    most: int                # of the largest
    size: tuple[int, int]    # median height, width, pixels
    shape: float             # median of width over height
    looked: int              # pictures that were looked at
    colour: float            # share of these that have colours
    ink: float               # share of these that are ink on a plain ground, dark or light
    polarity: str            # of the ink: "dark", "light", or "each" if both occur
    votes: tuple[int, int]   # pictures with dark ink on light, with light ink on dark
    marks: InkFacts | None   # None: no picture shows ink
    seconds: float           # of one core to read, decode and clean a picture, on average
    official: dict[str, int]         # images of each split that the folder or file defines
    counts: tuple[int, ...]  # images of each class, without official val and test; then of each in official val
    unmirrored: tuple[float, int] = (0.5, 0)     # see mirrors.unmirrored_share
    unread: float = 0.0      # share of the pictures looked at that are unusable
    per_class: int = 0       # most images of each class that are used; 0: all
    slowest: float = 0.0     # seconds of one core for the slowest picture

    def reading_seconds(self, cores: int) -> float:
        """Return the seconds in which so many cores read all pictures, at least those of the slowest picture."""
        return max(self.images * self.seconds / cores, self.slowest)

    def subset(self, images: float) -> "Look":
        """Return the same for a subset of about so many images, not counting an official test split.

        It has equally many images of each class, or all of a smaller class, but _FEWEST at least.
        """
        left, rest = images, len(self.counts)
        for count in sorted(self.counts):
            if count * rest > left:
                return self.with_per_class(max(_FEWEST, int(left / rest)))
            left, rest = left - count, rest - 1
        return self

    def with_per_class(self, per_class: int) -> "Look":
        """Return the same for at most so many images of each class; 0: all."""
        if not 0 < per_class < max(self.counts):
            return self
        kept = [min(count, per_class) for count in self.counts]
        train, val = kept[:self.classes], sum(kept[self.classes:])
        official = self.official | ({"val": val} if "val" in self.official else {})
        if "train" in official:
            official["train"] = sum(train)
        return replace(self, images=sum(kept) + official.get("test", 0), least=min(train), most=max(train),
                       official=official, per_class=per_class)

    @property
    def is_ink(self) -> bool:
        """Whether the set is ink (characters, drawings), not photographs."""
        return self.ink > INK and self.marks is not None

    @property
    def each(self) -> float:
        """Training images of a class, on average."""
        return self.training_images / self.classes

    @property
    def shares(self) -> dict[str, float]:
        """The share of each class for val and for test, unless these are official splits."""
        val, test = (0.15, 0.2) if self.images < 1000 else (0.1, 0.1) if self.images < 50_000 else (0.05, 0.05)
        return {split: share for split, share in (("val", val), ("test", test)) if split not in self.official}

    @property
    def images_but_test(self) -> float:
        """Number of images in train and val, about."""
        return max(1.0, (self.images - self.official.get("test", 0)) * (1 - self.shares.get("test", 0.0)))

    @property
    def training_images(self) -> float:
        """Number of images in train, about."""
        held = sum(self.official.get(split, 0) for split in ("val", "test"))
        return max(1.0, (self.images - held) * (1 - sum(self.shares.values())))

    @property
    def upright(self) -> bool | None:
        """Whether characters stand upright; False: at any angle; None: unknown."""
        near = self.marks.near_upright if self.marks else None
        return None if near is None or TURNED < near < UPRIGHT else near >= UPRIGHT

    @property
    def angle_words(self) -> str:
        """The reason for the angles of copies."""
        near = self.marks.near_upright if self.marks else None
        return "" if near is None else (f"{near:.0%} of the characters match one of their class best when that is "
                                        f"turned by 30 degrees at most; {CHANCE:.0%} where any angle is as likely")

    @property
    def may_mirror(self) -> bool:
        """Whether mirror images may count as the same class."""
        return may_be_mirrored(*self.unmirrored)

    @property
    def are_signs(self) -> bool:
        """Whether the pictures are most likely of characters or signs."""
        return not self.may_mirror and self.unmirrored[0] >= SURE

    @property
    def mirror_words(self) -> str:
        """The reason for or against mirror images."""
        share, count = self.unmirrored
        if count < LEAST_PICTURES:
            return "too few pictures of a class to tell whether it may be"
        return f"{share:.0%} of {count} pictures match others of their class better than their mirror images do"

    @property
    def is_colour(self) -> bool:
        """Whether colours may matter."""
        return self.colour > 0.1

    def lines(self) -> list[str]:
        """What was seen, as lines to print."""
        kind = "ink on a plain ground" if self.is_ink else "photographs or other pictures"
        tone = {"dark": ", dark on light", "light": ", light on dark", "each": ", of both polarities"}[self.polarity]
        counts = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
        part = f"; there is time for so many, {self.per_class:,} of a class at most" if self.per_class else ""
        return [f"{self.images:,} images in {self.classes} classes, {counts} each; "
                f"{self.size[1]}×{self.size[0]} pixels (median), {'colour' if self.is_colour else 'grey'}; {kind}"
                + (tone if self.is_ink else "") + f" ({self.looked} looked at)" + part, *self._notes()]

    def _notes(self) -> list[str]:
        lines = []
        if self.unread:
            lines.append(f"note: {self.unread:.0%} of the pictures looked at cannot be used and are left out")
        if few := sum(count < _TOO_FEW for count in self.counts[:self.classes]):
            lines.append(f"note: {few} of {self.classes} classes have fewer than {_TOO_FEW} images: "
                         "too few to learn, or to tell whether they were learnt")
        return lines
