"""Say which of the folders that are read as classes may be meant as something else."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tenfold.data.sources.class_folders import holds_annotations, is_generic
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.split_names import bare_split, is_beside
from tenfold.data.wording import folder_name, some

if TYPE_CHECKING:
    from tenfold.data.sources.layout import ClassFolder

# the end of the note on folders that all class folders hold
GROUPING = "a recipe's split.groups = 'folder' keeps all images of one in the same split"


def doubtful(class_folders: "Sequence[ClassFolder]", grouped: bool) -> str:
    """Return a note if folders that are read as classes may be something else; "" if not.

    grouped: folders inside class folders are known to be groups of images.
    """
    inside: dict[str, set[str]] = {}
    for branch in class_folders:
        if branch.folder.has_pictures:
            inside.setdefault(branch.name, set()).update(_telling_folders(branch.folder))
    deep = [name for name, folders in inside.items() if folders]
    odd = [name for name in inside if bare_split(name) or is_beside(name) or holds_annotations(name)]
    if odd:
        cure = "give that folder itself if it is a split of a set" if set(odd) & set(deep) else \
            "take it away if it holds masks or images of all classes"
        return f"{some(map(folder_name, odd), last=' and ')}: read as a class like the folders beside; {cure}"
    if grouped or not deep:
        return ""
    same = inside[deep[0]].intersection(*inside.values())
    if len(same) > 1:
        return f"each class folder holds {some(map(folder_name, sorted(same)), last=' and ')}: if those are the " \
            f"classes, give {folder_name(deep[0])} alone, or put the images of each into one folder; " \
            f"if those are writers or the like, {GROUPING}"
    return f"folders inside {some(map(folder_name, deep), 3, ' and ')} are read as one class each"


def copies_by_name(class_folders: "Sequence[ClassFolder]") -> str:
    """Return a note if several classes have the names of others with the same words behind: cat_raw, dog_raw.

    "": there are none. They may be other forms of the same images, or what is to be told apart: apple_rotten.
    """
    names = {branch.name for branch in class_folders}
    longer: dict[str, list[str]] = {}
    for name in sorted(names):
        for mark in re.finditer(r"[_\- .]", name):
            if name[:mark.start()] in names:
                longer.setdefault(name[mark.start():], []).append(name)
    found = sorted({name for others in longer.values() if len(others) > 1 for name in others})
    return f"{some(map(folder_name, found), 4, ' and ')}: read as classes of their own, though called like others " \
        "with more words behind; take them away if they are copies" if found else ""


def _telling_folders(folder: Folder) -> set[str]:
    """Return the names of the folders in a class folder that may be classes, also in its "images" and "train"."""
    names = set[str]()
    for name, inner in folder.picture_folders.items():
        if holds_annotations(name, may_be_class=False):
            continue
        below = _telling_folders(inner) if is_generic(name) else {name}
        names |= below or ({name} if bare_split(name) else set())
    return names
