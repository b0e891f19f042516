"""Find the one folder that holds all classes or splits of a set, such as "data", also beside "docs" and "masks"."""

from tenfold.data.errors import SourceFault
from tenfold.data.sources.class_folders import holds_annotations
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.split_folders import classes_in_common
from tenfold.data.sources.split_names import FILLERS, bare_split, is_beside, parse_split_name, words_of
from tenfold.data.wording import folder_name, some

_DOCUMENTATION = frozenset({"docs", "doc", "documentation", "readme", "assets", "figures", "figs", "results", "plots",
                            "examples", "demo", "media", "static", "screenshots", "notebooks", "logos", "icons"})


def only_folder(here: Folder) -> Folder | None:
    """Return the only folder in `here` with pictures, masks not counted; None: there are several, or it has no
    sub-folders of pictures."""
    candidates = [folder for name, folder in here.picture_folders.items() if not holds_annotations(name)]
    if len(candidates) != 1:
        return None
    inner, = candidates
    empty = [folder for name, folder in here.folders.items() if folder is not inner and not parse_split_name(name)
             and not (folder.folders or folder.passed or folder.hidden or folder.pictures)]
    deeper = len(inner.picture_folders)
    return inner if not empty and (deeper > 1 or (deeper and not inner.pictures)) else None


def set_beside_others(here: Folder) -> Folder | None:
    """Return the folder in `here` that holds the classes or splits; None: it is not certain.

    It is called "data" or the like, or has sub-folders "train" and "test". The folders beside it, without sub-folders,
    have names that no class has: "docs", "test", "masks".
    """
    folders = here.picture_folders
    sets = [name for name, folder in folders.items() if not folder.pictures and _holds_set(name, folder)]
    others = [name for name in folders if name not in sets]
    if len(sets) != 1 or any(folders[name].picture_folders for name in others):
        return None
    return folders[sets[0]] if all(map(_is_no_class, others)) else None


def way_to_splits(root: Folder, here: Folder) -> list[Folder]:
    """Return the folders from one in `here` down to the only one below it that holds splits of the same classes.

    []: there is none, or folders beside these may be classes, because they hold pictures themselves. SourceFault:
    there are several such sets.
    """
    ways = [way for folder in here.picture_folders.values() for way in _ways(folder)]
    taken = {way[0].below for way in ways}
    if not ways or any(folder.pictures and not _is_no_class(name) for name, folder in here.picture_folders.items()
                       if folder.below not in taken):
        return []
    if len(ways) > 1:
        sets = some((folder_name(way[-1].below) for way in ways), 4, " and ")
        raise SourceFault(root.path, f"holds {len(ways)} sets of images with splits of their own, {sets}",
                          "give one of these folders")
    return ways[0]


def _ways(folder: Folder) -> list[list[Folder]]:
    """Return the ways from a folder down to folders that hold a train split and another one of the same classes."""
    inner = folder.picture_folders
    splits = {split: one for name, one in inner.items() if (split := bare_split(name))}
    train = splits.pop("train", None)
    if train and any(classes_in_common(train, other) for other in splits.values()):
        return [[folder]]
    return [[folder, *way] for one in inner.values() for way in _ways(one)]


def _holds_set(name: str, folder: Folder) -> bool:
    inside = {bare_split(inner) for inner in folder.picture_folders}
    return (len(folder.picture_folders) > 1 and all(word in FILLERS for word in words_of(name))) or (
        "train" in inside and len(inside - {None}) > 1)


def _is_no_class(name: str) -> bool:
    return bool(bare_split(name) or is_beside(name) or holds_annotations(name)
                or not _DOCUMENTATION.isdisjoint(words_of(name)))
