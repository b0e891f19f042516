"""What is known of a set of labelled images from a sample of them, and what follows for training."""

from dataclasses import dataclass, replace

from tenfold.automatic.marks import InkFacts
from tenfold.automatic.mirrors import LEAST_PICTURES, SURE, may_be_mirrored
from tenfold.automatic.subfolders import Subfolders
from tenfold.data.splits.assign import count_wanted
from tenfold.data.wording import readable

_INK = 0.75                  # a set is ink if a larger share of its pictures is: characters on pages have 0.91 to 1,
                             # those in photographs, half of them on a plain wall, up to 0.54
_COLOUR = 0.1                # colours may matter if a larger share of the pictures has them
_OUTVOTED = 0.1              # all pictures decide the polarity if more than this share of the sample looks otherwise
_TOO_FEW = 5                 # a note counts the classes with fewer images
_FEWEST = 10                 # where there is no time for all images, at least this many of each class are used


@dataclass(frozen=True)
class Look:
    """What is known of a set before its shards are built."""
    images: int
    classes: int
    smallest_class: int      # images of the smallest class
    largest_class: int       # images of the largest class
    size: tuple[int, int]    # median height and width, in pixels
    aspect: float            # median of width / height
    sampled: int             # pictures of the sample that could be read
    colour_share: float      # share of these that have colours
    ink_share: float         # share of these that are ink on a plain ground, dark or light
    polarity: str            # polarity of the ink: "dark", "light", or "each" if both occur
    votes: tuple[int, int]   # pictures that look like dark ink on light, and like light ink on dark
    marks: InkFacts | None   # None: no picture shows ink
    official: dict[str, int]         # images of each split that the folder or file defines
    counts: tuple[int, ...]  # images of each class, without official val and test; then of each in official val
    unmirrored: tuple[float, int] = (0.5, 0)     # see mirrors.unmirrored_share
    colours_tell: bool = False       # whether colours alone nearly tell the classes apart
    mirrored_classes: tuple[str, str] | None = None    # names of two classes that look like each other if mirrored
    unusable_share: float = 0.0      # share of the sample that cannot be used
    per_class: int = 0       # at most this many images of each class are used; 0: all
    seconds: float = 0.0     # one core's time to read, decode and clean a picture, on average
    slowest: float = 0.0     # … and the slowest of them
    subfolders: Subfolders | None = None         # the folders below the class folders
    groups: str = ""         # what keeps images together (the recipe's split.groups), if the call says it

    def build_seconds(self, cores: int) -> float:
        """Return the seconds in which `cores` cores read all pictures: no fewer than the slowest picture takes."""
        return max(self.images * self.seconds / cores, self.slowest)

    def subset(self, images: float) -> "Look":
        """Return the Look of a part of the set: about `images` images, not counting an official test split.

        The part has equally many images of each class, at least _FEWEST, or all of a class that is smaller.
        """
        left, rest = images, len(self.counts)
        for count in sorted(self.counts):
            if count * rest > left:
                return self.with_per_class(max(_FEWEST, int(left / rest)))
            left, rest = left - count, rest - 1
        return self

    def with_per_class(self, per_class: int) -> "Look":
        """Return the Look of at most `per_class` images of each class; 0: all."""
        if not 0 < per_class < max(self.counts):
            return self
        kept = [min(count, per_class) for count in self.counts]
        train, val = kept[:self.classes], sum(kept[self.classes:])
        official = self.official | ({"val": val} if "val" in self.official else {})
        if "train" in official:
            official["train"] = sum(train)
        return replace(self, images=sum(kept) + official.get("test", 0), counts=tuple(kept), smallest_class=min(train),
                       largest_class=max(train), official=official, per_class=per_class)

    @property
    def is_ink(self) -> bool:
        """Return whether the set is ink (characters, drawings), not photographs."""
        return self.ink_share > _INK and self.marks is not None

    @property
    def images_per_class(self) -> float:
        """Return the average number of training images of a class."""
        return self.training_images / self.classes

    @property
    def split_shares(self) -> dict[str, float]:
        """Return the share of each class for val and for test, without those that are official splits."""
        val, test = (0.15, 0.2) if self.images < 1000 else (0.1, 0.1) if self.images < 50_000 else (0.05, 0.05)
        return {split: share for split, share in (("val", val), ("test", test)) if split not in self.official}

    @property
    def train_val_images(self) -> int:
        """Return the number of images in train and val, if no two are alike."""
        return self.training_images + self.official.get("val", self._taken().get("val", 0))

    @property
    def training_images(self) -> int:
        """Return the number of images in train, if no two are alike."""
        return sum(self.counts[:self.classes]) - sum(self._taken().values())

    def _taken(self) -> dict[str, int]:
        """Return how many images a build takes for the splits that are not official: none of classes too small."""
        taken = dict.fromkeys(self.split_shares, 0)
        for count in self.counts[:self.classes]:
            wanted = {split: count_wanted(share, count) for split, share in self.split_shares.items()}
            if sum(wanted.values()) < count:
                taken = {split: taken[split] + number for split, number in wanted.items()}
        return taken

    @property
    def upright(self) -> bool | None:
        """Return whether characters are upright; False: at any angle; None: unknown."""
        return self.marks.rotations.are_upright if self.marks and self.marks.rotations else None

    @property
    def angle_reason(self) -> str:
        """Return the reason for the angles of copies."""
        if self.marks and self.marks.rotations:
            return str(self.marks.rotations)
        return "too few characters of one class to compare their angles"

    @property
    def has_mixed_polarity(self) -> bool:
        """Return whether more than a few pictures look unlike `polarity`, so that a build should ask all of them."""
        other = {"dark": self.votes[1], "light": self.votes[0]}.get(self.polarity, self.sampled)
        return other > _OUTVOTED * self.sampled

    @property
    def polarity_reason(self) -> str:
        """Return what speaks for the polarity."""
        dark, light = self.votes
        reason = f"{dark} of {self.sampled} pictures look like dark ink on light, {light} like light on dark"
        outvoted = (self.polarity == "dark" and dark < light) or (self.polarity == "light" and light < dark)
        return f"{reason}; the clear ones of them decide" if outvoted else reason

    @property
    def may_mirror(self) -> bool:
        """Return whether mirror images may be given the same class."""
        return not self.mirrored_classes and may_be_mirrored(*self.unmirrored)

    @property
    def are_signs(self) -> bool:
        """Return whether the pictures most likely show characters or signs."""
        share, count = self.unmirrored
        return not self.may_mirror and share >= SURE and count >= LEAST_PICTURES

    @property
    def mirror_reason(self) -> str:
        """Return the reason for or against mirror images."""
        share, count = self.unmirrored
        if self.mirrored_classes:
            return "mirror images of {} look like {}".format(*map(readable, self.mirrored_classes))
        if self.may_mirror and count < LEAST_PICTURES:
            return "too few pictures of a class to tell whether their mirror images look like it"
        return f"{share:.0%} of {count} pictures match others of their class better than their mirror images do"

    @property
    def is_nearly_square(self) -> bool:
        """Return whether most pictures may be stretched to a square."""
        return 0.75 < self.aspect < 1.33

    @property
    def is_long(self) -> bool:
        """Return whether most pictures are at least twice as wide as high, or twice as high as wide."""
        return not 0.5 < self.aspect < 2

    @property
    def is_colour(self) -> bool:
        """Return whether colours may matter."""
        return self.colour_share > _COLOUR

    def lines(self) -> list[str]:
        """Return what was seen, as lines to print."""
        kind = "ink on a plain ground" if self.is_ink else "photographs or other pictures"
        tone = {"dark": ", dark on light", "light": ", light on dark", "each": ", of both polarities"}[self.polarity]
        least, most = self.smallest_class, self.largest_class
        counts = f"{least}" if least == most else f"{least} to {most}"
        part = f"; to save time, at most {self.per_class:,} of each class are used" if self.per_class else ""
        return [f"{self.images:,} images in {self.classes} classes, {counts} each; "
                f"{self.size[1]}×{self.size[0]} pixels (median), {'colour' if self.is_colour else 'grey'}; {kind}"
                + (tone if self.is_ink else "") + f" ({self.sampled} looked at)" + part, *self._notes()]

    def _notes(self) -> list[str]:
        lines = []
        if self.unusable_share:
            unusable = round(self.unusable_share / (1 - self.unusable_share) * self.sampled)
            lines.append(f"note: {unusable} of {self.sampled + unusable} pictures looked at cannot be used; "
                         "such pictures are left out")
        if few := sum(count < _TOO_FEW for count in self.counts[:self.classes]):
            lines.append(f"note: {few} of {self.classes} classes have fewer than {_TOO_FEW} images: "
                         "too few to learn, or to tell whether they were learnt")
        if self.split_shares and self.subfolders and not (self.groups or self.subfolders.are_groups):
            lines.append(self.subfolders.note)
        return lines
