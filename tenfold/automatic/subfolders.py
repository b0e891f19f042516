"""Tell whether the folders below the class folders are groups, such as writers, patients or videos."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import median_low

from tenfold.data.errors import SourceFault
from tenfold.data.sources.class_folders import is_generic
from tenfold.data.sources.source import Source
from tenfold.data.splits.groups import source_groups
from tenfold.data.wording import readable

_IMAGES = 2                  # folders with fewer images on average say nothing
_SHARED = 0.5                # they are groups if a larger share of their names occurs in several classes …
_FEWEST = 5                  # … and most classes have at least so many, so that val and test have some


@dataclass(frozen=True)
class Subfolders:
    """The folders below the class folders of a set."""
    count: int               # different names
    per_class: int           # in half of the classes at least so many
    shared: float            # share of the names that occur in more than one class
    example: str             # the name with the most images
    may_be_classes: bool     # all classes hold the same, which are more than those: colour/oak and grey/oak

    @property
    def are_groups(self) -> bool:
        """Return whether they are most likely groups to be kept whole; subclasses have other names in each class."""
        return self.shared > _SHARED and self.per_class >= _FEWEST and not self.may_be_classes

    @property
    def reason(self) -> str:
        """Return what speaks for keeping them whole."""
        return (f"{self.shared:.0%} of {self.count:,} folders below the class folders occur in several classes, such "
                f"as '{readable(self.example)}': writers, patients, videos or the like")

    @property
    def note(self) -> str:
        """Return a note for the user: these folders are not used as groups, and might be some."""
        why = (" in all classes" if self.may_be_classes else
               f", but of a class only in {self.per_class}" if self.shared > _SHARED else "")
        return (f"note: images lie in {self.count:,} folders below the class folders, such as "
                f"'{readable(self.example)}'{why}: if these are writers, patients or videos, the score is too good; "
                "with split.groups = \"folder\" each stays in one split")


def subfolders(source: Source) -> Subfolders | None:
    """Describe the folders below the class folders; None: most images lie in none, or each image has its own."""
    if source.arrays:
        return None
    try:
        names, _ = source_groups("folder", source)
    except SourceFault:                          # no image lies in one
        return None
    images, classes, of_class = Counter[str](), defaultdict[str, set[int]](set), defaultdict[int, set[str]](set)
    for path, label in zip(names or (), source.labels.tolist(), strict=True):
        if name := _without_generic(path or ""):
            images[name] += 1
            classes[name].add(label)
            of_class[label].add(name)
    pairs = sum(map(len, classes.values()))      # folders, where those of two classes are two
    if 2 * images.total() < len(source) or images.total() < _IMAGES * pairs:
        return None
    per_class = median_low([len(of_class[label]) for label in range(len(source.classes))])
    return Subfolders(len(images), per_class, sum(len(found) > 1 for found in classes.values()) / len(images),
                      images.most_common(1)[0][0],
                      may_be_classes=len(source.classes) < len(images) == pairs / len(source.classes))


def _without_generic(path: str) -> str:
    """Return a path of folders without the last ones if they are called "images" or the like."""
    while path and is_generic(path.rpartition("/")[2]):
        path = path.rpartition("/")[0]
    return path
