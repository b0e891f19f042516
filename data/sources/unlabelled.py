"""Pictures that lie in no class folder: how that is seen, and the line that says so."""

import re
from collections import Counter

from tenfold.data.errors import SourceFault
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.names import counted, folder_name, some
from tenfold.data.sources.split_names import BESIDE, FILLERS, part_of, words_of

CURE = "put the images of each class into a folder of its own"
# folders that lie beside the images where classes, boxes or masks are kept in files
_NOTED = frozenset({"labels", "annotations", "annotation", "masks", "trimaps", "segmentations", "bboxes"})
_TABLES = {".csv", ".tsv", ".xlsx", ".json", ".mat"}


def says_nothing(name: str) -> bool:
    """Whether a name is no class's: "images", "all_data", "unknown", "labels", "test"."""
    part = part_of(name)
    return (part is not None and part.rank < 2) or all(
        word in FILLERS or word in BESIDE or word in _NOTED or word == "classes" for word in words_of(name))


def holds_classes(folder: Folder) -> bool:
    """Whether folders of pictures lie in it, other than one called "images" or the like."""
    bearers = folder.bearers
    return bool(bearers) and not (all(says_nothing(name) and not inner.bearers for name, inner in bearers.items())
                                  and (len(bearers) == 1 or any(map(is_noted, bearers))))


def is_noted(name: str) -> bool:
    """Whether a folder of this name usually holds boxes or masks of the images beside it."""
    words = words_of(name)
    return any(word in _NOTED for word in words) and all(word in _NOTED or word in FILLERS for word in words)


def check_classes(root: Folder, here: Folder) -> None:
    """SourceFault: no folder in `here` that could be a class holds a picture."""
    bearers = here.bearers
    if not here.folders or (here.pictures and not bearers):
        raise no_classes(root, [here])
    if bearers and all(map(says_nothing, bearers)) and (
            len(bearers) == 1 or any(map(is_noted, bearers)) or all(map(part_of, bearers))):
        images = [folder for name, folder in bearers.items() if not is_noted(name)]
        raise no_classes(root, images or list(bearers.values()))


def no_classes(root: Folder, loose: list[Folder]) -> SourceFault:
    """The fault of pictures that lie loose in the folders `loose`: how they are called, and what would help."""
    names = [name for folder in loose for inner in folder.walk() for name, _ in inner.pictures]
    where = [folder_name(folder.below) for folder in loose if folder.below]
    fact = f"{some(where, 3, ' and ')} {'have' if len(where) > 1 else 'has'} no sub-folders of classes" if where else \
        "has no sub-folders"
    fact += f", and {counted(len(names), 'image')} without a class" if names else ""
    begins = _beginnings(names)
    if begins:
        fact += f" (their names begin with {some((f'{begin}: {n}' for begin, n in begins.items()), 4)})"
    tables = sorted({kind for folder in [root, *loose] for kind in folder.passed} & _TABLES)
    cure = CURE + (", for example by the beginnings of their names" if begins else "")
    return SourceFault(root.path, fact, cure + (f" ({tables[0]} files beside them are not read)" if tables else ""))


def _beginnings(names: list[str]) -> dict[str, int]:
    """{"cat": 12, "dog": 12} of cat.1.jpg, dog_2.jpg, …; {} where names have no few beginnings in common."""
    begins = [re.match(r"([^\W\d_][^\d]*?)[\W_]*\d", name) for name in names]
    counts = Counter(begin[1] for begin in begins if begin)
    return dict(counts.most_common()) if all(begins) and 1 < len(counts) <= len(names) / 2 else {}
