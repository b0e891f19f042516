"""Tell class folders from folders that only hold pictures; raise a fault if there is no class folder."""

import os
import re
from collections import Counter
from collections.abc import Collection

from tenfold.data.errors import SourceFault
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.other_files import no_images
from tenfold.data.sources.split_names import BESIDE, FILLERS, bare_split, parse_split_name, words_of
from tenfold.data.sources.table_files import TABLES, WORKBOOKS
from tenfold.data.wording import counted, folder_name, some

CURE = "put the images of each class into a separate folder"
# folders beside the images, in sets whose classes, boxes or masks are kept in files
_ANNOTATIONS = frozenset({"labels", "annotations", "annotation", "masks", "trimaps", "segmentations", "bboxes",
                          "groundtruth"})
# these are also the names of classes (mask, no_mask)
_MASKS = _ANNOTATIONS | {"mask", "trimap", "annot", "segmentation"}
_KINDS = frozenset({"class", "classes", "category", "type", "label", "grade", "species"})    # in the names of classes
_GROUND_TRUTH = re.compile(r"ground[\W_]*truth", re.IGNORECASE)
_TABLES = {".csv", ".tsv", ".json", ".jsonl", *WORKBOOKS, ".mat"}


class NoClassFoldersError(SourceFault):
    """Images that are not in class folders: their labels may be in a table or in their names."""


def is_generic(name: str) -> bool:
    """Return whether a name is not the name of a class: "images", "all_data", "unknown", "labels", "test"."""
    return bare_split(name) is not None or all(
        word in FILLERS or word in BESIDE or word in _ANNOTATIONS or word == "classes" for word in words_of(name))


def is_filler(name: str) -> bool:
    """Return whether a name says nothing of what a folder holds: "data", "all images", "dataset2"."""
    words = [word for word in words_of(name) if not word.isdigit()]
    return bool(words) and all(word in FILLERS for word in words)


def holds_classes(folder: Folder) -> bool:
    """Return whether a folder holds class folders: folders of pictures, and not one "images" or similar alone."""
    candidates = folder.picture_folders
    if any(inner.picture_folders or not is_generic(name) for name, inner in candidates.items()):
        return True
    return len(candidates) > 1 and not any(map(holds_annotations, candidates))


def holds_annotations(name: str, may_be_class: bool = True) -> bool:
    """Return whether a folder of this name usually holds boxes or masks of the images beside it.

    may_be_class: "mask" does not count, because it may be a class.
    """
    words, known = words_of(_GROUND_TRUTH.sub("groundtruth", name)), _ANNOTATIONS if may_be_class else _MASKS
    return not known.isdisjoint(words) and all(word in known or word in FILLERS or bare_split(word) for word in words)


def labels_beside(folder: Folder) -> list[str]:
    """Return the names of the files and folders without pictures in a folder that hold the labels of its images."""
    return [name for name in folder.texts + folder.tables if is_of_labels(name)] + [
        name for name, inner in folder.folders.items() if holds_annotations(name) and not inner.has_pictures]


def is_of_labels(file: str) -> bool:
    """Return whether a file is called like one of labels: "train_labels.pickle", "_annotations.coco.json"."""
    return not (_ANNOTATIONS | {"label", "bbox", "classes"}).isdisjoint(words_of(os.path.splitext(file)[0]))


def check_class_folders(root: Folder, here: Folder) -> None:
    """Raise SourceFault if no folder in `here` that could be a class holds a picture."""
    candidates = here.picture_folders
    if not here.folders or (here.pictures and not candidates):
        raise no_class_folders(root, [here])
    if candidates and (_are_generic(candidates) or (
            _are_flat(candidates) and _tables(root, here) and _go_with_tables(candidates))):
        images = [folder for name, folder in candidates.items() if not holds_annotations(name, may_be_class=False)]
        raise no_class_folders(root, images or list(candidates.values()))


def _are_generic(folders: dict[str, Folder]) -> bool:
    """Return whether none of these has the name of a class. Without masks or a split, several may: "extra" and
    "unknown"."""
    masks = [name for name in folders if holds_annotations(name, may_be_class=False)]
    if not all(is_generic(name) or name in masks for name in folders):
        return False
    return len(folders) == 1 or bool(masks) or (_are_flat(folders) and any(map(bare_split, folders)))


def _are_flat(folders: dict[str, Folder]) -> bool:
    """Return whether none of these holds class folders."""
    return all(is_generic(name) for folder in folders.values() for name in folder.picture_folders)


def _go_with_tables(names: Collection[str]) -> bool:
    """Return whether these most likely hold images whose labels are in a table: train, test, …, or numbered parts."""
    splits = {found.split for name in names if (found := parse_split_name(name))}
    kinds = {tuple(word for word in words_of(name) if not word.isdigit()) for name in names}
    if len(names) == 1 or len(kinds) > 1:
        return {"train", "test"} <= splits
    kind, = kinds
    return not FILLERS.isdisjoint(kind) and _KINDS.isdisjoint(kind)


def _tables(*folders: Folder) -> list[str]:
    """Return the suffixes of tables in these folders, sorted."""
    return sorted({kind for folder in folders for kind in folder.passed} & _TABLES)


def no_class_folders(root: Folder, loose: list[Folder]) -> SourceFault:
    """Return the fault of pictures in the folders `loose`, which are not in class folders."""
    names = [name for folder in loose for inner in folder.walk() for name, _ in inner.pictures]
    where = [folder_name(folder.below) for folder in loose if folder.below]
    fact = f"{some(where, 3, ' and ')} {'have' if len(where) > 1 else 'has'} no sub-folders of classes" if where else \
        "has no sub-folders"
    only = [name for folder in loose for name in folder.picture_folders]
    if len(only) == len(where) == 1 and not is_generic(only[0]):
        fact = f"{where[0]} holds one folder of images only, {folder_name(only[0])}"
    fact += f", and {counted(len(names), 'image')} without a class" if names else ""
    begins = _beginnings(names)
    if begins:
        fact += f" (their names begin with {some((f'{begin}: {n}' for begin, n in begins.items()), 4)})"
    unread = [f"{folder.below}/{name}".removeprefix("/") for folder in loose for name in labels_beside(folder)
              if name not in folder.tables]
    kinds = [kind for kind in _tables(root, *loose) if not names or kind not in (*TABLES, *WORKBOOKS)]
    cure = CURE + (f" ({unread[0]} is not read)" if unread else f" ({kinds[0]} files beside them are not read)" if kinds
                   else "")
    return NoClassFoldersError(root.path, fact, cure) if names else no_images(root, fact, cure)


def _beginnings(names: list[str]) -> dict[str, int]:
    """Count the beginnings of names: {"cat": 12, "dog": 12} of cat.1.jpg, dog_2.jpg, …; {} if there are too many."""
    begins = [re.match(r"([^\W\d_][^\d]*?)[\W_]*\d", name) for name in names]
    counts = Counter(begin[1] for begin in begins if begin)
    return dict(counts.most_common()) if all(begins) and 1 < len(counts) <= len(names) / 2 else {}
