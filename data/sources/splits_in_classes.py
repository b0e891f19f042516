"""Layouts in which each class has parts of its own: train_cat/ and test_cat/, or cat/train/ and cat/test/."""

import re

from tenfold.data.sources.listing import Folder
from tenfold.data.sources.split_names import part_of, words_of


def named_by_both(here: Folder) -> list[tuple[Folder, str, str]] | None:
    """train_cat/, train_dog/, test_cat/, …: (folder, class, part) of each, where every folder is named so."""
    parts = {name: part_of(name) for name in here.bearers}
    if len(parts) < 3 or not all(part and part.rank == 2 for part in parts.values()):
        return None
    rests = {part.rest for part in parts.values()}
    trained = {part.rest for part in parts.values() if part.split == "train"}
    if len(rests) < 2 or rests != trained or len(parts) == len(trained):
        return None
    return [(here.folders[name], _without_part(name), part.split) for name, part in parts.items()]


def _without_part(name: str) -> str:
    """"train_New York" -> "New York"."""
    first, last = re.match(r"[^\W_]+[\W_]+", name), re.search(r"[\W_]+[^\W_]+$", name)
    return name[first.end():] if part_of(first[0]) else name[:last.start()]


def parts_below_classes(here: Folder) -> list[tuple[Folder, str, str]] | None:
    """cat/train/, cat/test/, dog/train/, …: (folder, class, part) of each, where every class holds a train
    and another part, and no other picture."""
    branches = []
    for name, folder in here.bearers.items():
        parts = {inner: part_of(inner) for inner in folder.bearers}
        splits = {part.split for part in parts.values() if part}
        if folder.pictures or None in parts.values() or "train" not in splits or len(splits) < 2:
            return None
        if any(part.rest and " ".join(part.rest) != " ".join(words_of(name)) for part in parts.values()):
            return None
        branches += [(folder.folders[inner], name, part.split) for inner, part in parts.items()]
    return branches if len(here.bearers) > 1 else None
