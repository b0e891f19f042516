"""Find layouts in which each class has its own splits: train_cat/ and test_cat/, or cat/train/ and cat/test/."""

import re

from tenfold.data.sources.class_folders import labels_beside
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.split_names import FILLERS, bare_split, parse_split_name, words_of

_YEAR = re.compile(r"(19|20)\d\d")              # as in COCO's train2017, which is no class


def folders_of_split_and_class(here: Folder) -> list[tuple[Folder, str, str]] | None:
    """Return (folder, class, split) of train_cat/, train_dog/, test_cat/, …; None: folders have no such names."""
    found = [(folder, label, parsed.split) for name, folder in here.picture_folders.items()
             if (parsed := parse_split_name(name)) and (label := _without_split(name)) != name
             and (parsed.rank == 2 or not folder.picture_folders)]
    words = {label: tuple(words_of(label)) for _, label, _ in found}
    telling = {those for those in words.values() if not all(word in FILLERS or _YEAR.fullmatch(word) for word in those)}
    if len(telling) < 2:                         # train_images/ and train_masks/, or train_2014/ and train_2017/
        return None
    trained = {words[label] for _, label, split in found if split == "train"}
    if set(words.values()) != trained or len(found) == len(trained):
        return None
    return found


def _without_split(name: str) -> str:
    """Return the class: "train_New York" -> "New York", "trainCats" -> "Cats", "cat_test_images" -> "cat"."""
    gaps = [gap.span() for gap in re.finditer(r"[\W_]+|(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)", name)]
    for start, end in reversed(gaps):            # the split with its fillers may be the beginning …
        if bare_split(name[:start]):
            return name[end:]
    return next((name[:start] for start, end in gaps             # … or the end
                 if bare_split(name[end:]) and not name[end].isdigit()), name)


def splits_below_classes(here: Folder) -> list[tuple[Folder, str, str]] | None:
    """Return (folder, class, split) of cat/train/, cat/test/, dog/train/, …

    None: not every class holds a train split and another one, or some hold other pictures as well.
    """
    branches = []
    for name, folder in here.picture_folders.items():
        names = {inner: found for inner in folder.picture_folders if (found := parse_split_name(inner))}
        splits = {found.split for found in names.values()}
        if any(labels_beside(folder.folders[inner]) for inner in names):         # a set of its own
            return None
        if folder.pictures or len(names) < len(folder.picture_folders) or "train" not in splits or len(splits) < 2:
            return None
        if any(found.rest and " ".join(found.rest) != " ".join(words_of(name)) for found in names.values()):
            return None
        branches += [(folder.folders[inner], name, found.split) for inner, found in names.items()]
    return branches if len(here.picture_folders) > 1 else None
