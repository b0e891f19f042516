"""Find the one folder that holds all classes or splits of a set, such as "data", also beside "docs" and "masks"."""

import itertools

from tenfold.data.errors import SourceFault
from tenfold.data.sources.class_folders import holds_annotations, is_filler, is_generic, labels_beside
from tenfold.data.sources.class_names import appearance
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.other_files import holds_programs
from tenfold.data.sources.projects import is_mostly_programs, is_no_class, is_program
from tenfold.data.sources.split_folders import FEW, classes_in_common, folders_of_the_same_classes
from tenfold.data.sources.split_names import bare_split, parse_split_name
from tenfold.data.wording import folder_name, some


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


def set_beside_others(root: Folder, here: Folder) -> Folder | None:
    """Return the folder in `here` that holds the classes or splits; None: it is not certain.

    It is called "data" or the like, or has sub-folders "train" and "test", or others if `root` holds programs. The
    folders beside it have names that no class has ("docs", "test", "masks"), and no sub-folders that may be classes; or
    they hold few pictures, beside programs less than half of all.
    """
    folders, programs = here.picture_folders, holds_programs(root)
    plain = [name for name, folder in folders.items() if not folder.picture_folders or is_program(name)
             or (programs and is_mostly_programs(folder))]
    most = 0.5 if programs and len(plain) >= len(folders) - 1 else FEW
    main = next((folder for name, folder in folders.items() if is_filler(name) and folder.picture_folders
                 and not folder.pictures and here.count() - folder.count() <= most * here.count()), None)
    deep = [name for name, folder in folders.items() if not folder.pictures]
    sets = [name for name in deep if _holds_set(name, folders[name])] or [
        name for name in deep if programs and not is_no_class(name) and len(folders[name].picture_folders) > 1
        and 2 * folders[name].count() >= here.count()]
    if main or len(sets) != 1:
        return main
    main = folders[sets[0]]
    many = len(main.picture_folders) > len(folders)
    return main if all(
        name in plain and (is_no_class(name) or (programs and (parse_split_name(name) or (
            many and is_mostly_programs(folder))))) for name, folder in folders.items() if name != sets[0]) else None


def way_to_splits(here: Folder) -> list[Folder]:
    """Return the folders from one in `here` down to the only one below it that holds splits of the same classes.

    []: there is none, or several, or folders beside it may be classes, because they hold pictures themselves.
    """
    ways = [way for folder in here.picture_folders.values() for way in _ways(folder)]
    beside = [name for name, folder in here.picture_folders.items()
              if folder.pictures and folder.below not in {way[0].below for way in ways}]
    return ways[0] if len(ways) == 1 and all(map(is_no_class, beside)) else []


def check_no_sets(root: Folder, here: Folder) -> None:
    """Raise SourceFault if a folder in `here` is a set of images, with splits of its own, or if all are sets.

    Beside programs, so is a folder that holds more folders than lie beside it, if some of these hold none.
    """
    copies = folders_of_the_same_classes(here)
    folders = {name: folder for name, folder in here.picture_folders.items() if name not in copies}
    sets = [way[-1] for folder in folders.values() for way in _ways(folder)]
    sets = sets or [folder for folder in folders.values() if _has_splits(folder) and any(
        map(labels_beside, folder.picture_folders.values()))]
    if not sets:                                 # "cat", with splits of its own, is a class
        sets = [folder for name, folder in folders.items() if is_filler(name) and _has_splits(folder)]
    if not sets:
        sets = [folder for name, folder in folders.items() if is_filler(name) and len(folder.picture_folders) > 1]
        sets = sets if len(sets) == len(folders) or any(
            classes_in_common(one, other) for one, other in itertools.pairwise(sets)) else []
    named = some((folder_name(folder.below) for folder in sets), 4, " and ")
    if len(sets) > 1:
        raise SourceFault(root.path, f"{named} are sets of images, not classes", "give one of them")
    if sets:
        raise SourceFault(root.path, f"{named} is a set of images with splits of its own, not a class",
                          f"give {named} alone, or take it away")
    wide = [max(folder.walk(), key=lambda one: len(one.picture_folders)) for name, folder in folders.items()
            if folder.picture_folders and not is_no_class(name)]
    wide = [folder for folder in wide if len(folder.picture_folders) > len(folders)]
    if wide and any(not folder.picture_folders for folder in folders.values()) and holds_programs(root):
        named = folder_name(wide[0].below)
        many = len(wide[0].picture_folders)
        raise SourceFault(root.path, f"{named} holds {many} folders, and others only images, so it may be the set",
                          f"give {named} alone, or a folder that holds the classes alone")


def check_not_all_sets(root: Folder, here: Folder) -> None:
    """Raise SourceFault if all folders in `here` hold splits that have two classes in common, all of them the same."""
    splits = [split for folder in here.picture_folders.values() for split in folder.picture_folders.values()]
    classes = [{appearance(name) for name in split.picture_folders if not is_generic(name)
                and not holds_annotations(name, may_be_class=False)} for split in splits]
    if len(set.intersection(*classes)) > 1:
        named = some((folder_name(folder.below) for folder in here.picture_folders.values()), 4, " and ")
        raise SourceFault(root.path, f"{named} are sets of images, not classes",
                          "give one of them; if they are classes, say split.groups = 'folder'")


def _has_splits(folder: Folder) -> bool:
    inside = {bare_split(inner) for inner in folder.picture_folders}
    return "train" in inside and len(inside - {None}) > 1


def _ways(folder: Folder) -> list[list[Folder]]:
    """Return the ways from a folder down to folders that hold a train split and another one of the same classes."""
    found, waiting = [], [[folder]]              # without recursion: folders may be very deep
    while waiting:
        way = waiting.pop()
        inner = way[-1].picture_folders
        splits = {split: one for name, one in inner.items() if (split := bare_split(name))}
        train = splits.pop("train", None)
        if train and any(classes_in_common(train, other) for other in splits.values()):
            found.append(way)
        else:
            waiting += [[*way, one] for one in reversed(inner.values())]
    return found


def _holds_set(name: str, folder: Folder) -> bool:
    return (len(folder.picture_folders) > 1 and is_filler(name)) or _has_splits(folder)
