"""Find layouts in which each class has its own splits: train_cat/ and test_cat/, or cat/train/ and cat/test/."""

import re

from tenfold.data.sources.listing import Folder
from tenfold.data.sources.split_names import bare_split, parse_split_name, words_of


def folders_of_split_and_class(here: Folder) -> list[tuple[Folder, str, str]] | None:
    """Return (folder, class, split) of train_cat/, train_dog/, test_cat/, …; None: folders have no such names."""
    names = {name: found for name in here.picture_folders if (found := parse_split_name(name)) and found.rank == 2}
    if len(names) < 3:
        return None
    rests = {found.rest for found in names.values()}
    trained = {found.rest for found in names.values() if found.split == "train"}
    if len(rests) < 2 or rests != trained or len(names) == len(trained):
        return None
    return [(here.folders[name], _without_split(name), found.split) for name, found in names.items()]


def _without_split(name: str) -> str:
    """Return the class: "train_New York" -> "New York", "trainCats" -> "Cats", "cat_test_images" -> "cat"."""
    gaps = [gap.span() for gap in re.finditer(r"[\W_]+|(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)", name)]
    for start, end in reversed(gaps):            # the split with its fillers may be the beginning …
        if bare_split(name[:start]):
            return name[end:]
    return next((name[:start] for start, end in gaps if bare_split(name[end:])), name)       # … or the end


def splits_below_classes(here: Folder) -> list[tuple[Folder, str, str]] | None:
    """Return (folder, class, split) of cat/train/, cat/test/, dog/train/, …

    None: not every class holds a train split and another one, or some hold other pictures as well.
    """
    branches = []
    for name, folder in here.picture_folders.items():
        names = {inner: found for inner in folder.picture_folders if (found := parse_split_name(inner))}
        splits = {found.split for found in names.values()}
        if folder.pictures or len(names) < len(folder.picture_folders) or "train" not in splits or len(splits) < 2:
            return None
        if any(found.rest and " ".join(found.rest) != " ".join(words_of(name)) for found in names.values()):
            return None
        branches += [(folder.folders[inner], name, found.split) for inner, found in names.items()]
    return branches if len(here.picture_folders) > 1 else None
