"""Find the folder that a set lies in, when it is the only one, or lies beside the pictures of a documentation."""

from tenfold.data.sources.class_folders import holds_annotations, is_generic
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.split_folders import folder_of_the_same_classes
from tenfold.data.sources.split_names import bare_split, parse_split_name


def only_folder(here: Folder) -> Folder | None:
    """Return the folder in `here` in which the classes or splits must lie; None: there is none.

    It holds folders of pictures, and all pictures apart from masks. Or it holds most of them, has a name such as "data"
    or splits in it, and the folders beside it ("docs") hold no others.
    """
    candidates = [folder for name, folder in here.picture_folders.items() if not holds_annotations(name)]
    if len(candidates) > 1:
        return _set_beside_others(here, candidates)
    if not candidates:
        return None
    inner, = candidates
    empty = [folder for name, folder in here.folders.items() if folder is not inner and not parse_split_name(name)
             and not (folder.folders or folder.passed or folder.hidden)]
    deeper = len(inner.picture_folders)
    return inner if not empty and (deeper > 1 or (deeper and not inner.pictures)) else None


def _set_beside_others(here: Folder, candidates: list[Folder]) -> Folder | None:
    deep = [folder for folder in candidates if len(folder.picture_folders) > 1 and not folder.pictures]
    others = [folder for folder in candidates if folder not in deep]
    if len(deep) != 1 or any(folder.picture_folders for folder in others) or folder_of_the_same_classes(here):
        return None
    name, inside = deep[0].below.rpartition("/")[2], {bare_split(name) for name in deep[0].picture_folders}
    holds_set = (is_generic(name) and not bare_split(name)) or {"train", "test"} <= inside or {"train", "val"} <= inside
    return deep[0] if holds_set and deep[0].count() > sum(folder.count() for folder in others) else None
