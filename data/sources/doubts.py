"""Say which of the folders that are read as classes may be meant as something else."""

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from tenfold.data.sources.class_folders import holds_annotations, is_generic
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.split_names import bare_split, is_beside
from tenfold.data.wording import folder_name, some

if TYPE_CHECKING:
    from tenfold.data.sources.layout import ClassFolder

# the end of the note on folders that all class folders hold
GROUPING = "a recipe's split.groups = 'folder' keeps all images of one in the same split"


def doubtful(class_folders: "Sequence[ClassFolder]", grouped: bool) -> list[str]:
    """Return notes, one per line, on folders that are read as classes and may be something else.

    grouped: folders inside class folders are known to be groups of images.
    """
    inside: dict[str, set[str]] = {}
    for branch in class_folders:
        if branch.folder.has_pictures:
            inside.setdefault(branch.name, set()).update(_telling_folders(branch.folder))
    deep = [name for name, folders in inside.items() if folders]
    odd = [name for name in inside if bare_split(name) or is_beside(name) or holds_annotations(name)]
    notes = [*_odd_names(odd, deep), *_copies_by_name(inside)]
    deep = [name for name in deep if name not in odd]
    if grouped or not deep:
        return notes
    same = inside[deep[0]].intersection(*inside.values())
    if len(same) > 1:
        return [*notes, f"each class folder holds {some(map(folder_name, sorted(same)), last=' and ')}: if those are "
                f"the classes, give {folder_name(deep[0])} alone, or put the images of each into one folder; "
                f"if those are writers or the like, {GROUPING}"]
    return [*notes, f"folders inside {some(map(folder_name, deep), 3, ' and ')} are read as one class each"]


def _odd_names(odd: list[str], deep: list[str]) -> list[str]:
    """Return the note on classes with names of splits or masks, in a list, or []. deep: those that hold folders."""
    cure = "give that folder itself if it is a split of a set" if set(odd) & set(deep) else \
        "take it away if it holds masks or images of all classes"
    named = some(map(folder_name, odd), last=" and ")
    return [f"{named}: read as a class like the folders beside; {cure}"] if odd else []


def _copies_by_name(names: Collection[str]) -> list[str]:
    """Return the note on classes with the names of others and the same words behind (cat_raw, dog_raw), or [].

    They may be other forms of the same images, or what is to be told apart: apple_rotten.
    """
    longer: dict[str, list[str]] = {}
    for name in sorted(names):
        for mark in re.finditer(r"[_\- .]", name):
            if name[:mark.start()] in names:
                longer.setdefault(name[mark.start():], []).append(name)
    found = sorted({name for others in longer.values() if len(others) > 1 for name in others})
    return [f"{some(map(folder_name, found), 4, ' and ')}: read as classes of their own, though called like others "
            "with more words behind; take them away if they are copies"] if found else []


def _telling_folders(folder: Folder) -> set[str]:
    """Return the names of the folders in a class folder that may be classes, also in its "images" and "train"."""
    names = set[str]()
    for name, inner in folder.picture_folders.items():
        if holds_annotations(name, may_be_class=False):
            continue
        below = _telling_folders(inner) if is_generic(name) else {name}
        names |= below or ({name} if bare_split(name) else set())
    return names
