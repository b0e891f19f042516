"""Decide whether folders are the splits of a set, or classes with such names ("train" beside "bus").

`layout` states the rules.
"""

from tenfold.data.sources.class_folders import holds_annotations, holds_classes, no_class_folders
from tenfold.data.sources.class_names import appearance
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.other_files import holds_programs
from tenfold.data.sources.split_names import FILLERS, SplitName, bare_split, is_beside, parse_split_name, words_of

FEW = 0.05                   # pictures beside a set are not a class of it if they are at most this share of all


def find_split_folders(root: Folder, here: Folder) -> dict[str, SplitName] | None:
    """Return {folder: the split that it names} of the folders in `here` that are splits of one set; None: none are."""
    candidates = here.picture_folders
    groups: dict[tuple[str, ...], dict[str, SplitName]] = {}
    for name in candidates:
        split_name = parse_split_name(name)
        if split_name:
            groups.setdefault(split_name.rest, {})[name] = split_name
    for rest in sorted(groups):                                    # () first: names without other words
        group = groups[rest]
        beside = [name for name in candidates if name not in group and not is_beside(name)]
        splits = {found.split for found in group.values()}
        train = [name for name, found in group.items() if found.split == "train" and holds_classes(candidates[name])]
        held_out = [name for name, found in group.items() if found.split != "train"]
        labelled = any(holds_classes(candidates[name]) for name in held_out)
        if train and held_out:
            certain = labelled or not beside or not rest
        elif train:
            alone = len(candidates) == 1                              # a wrapper, whatever it is called
            certain = (not alone and not (beside or (rest and len(group) < len(candidates)))) or any(
                classes_in_common(candidates[one], candidates[other]) for one in train for other in beside) or (
                bool(beside) and not rest and _are_few(root, here, [candidates[name] for name in beside]))
        elif len(beside) == 1 and _is_train_of(beside[0], rest) and any(
                classes_in_common(candidates[beside[0]], candidates[name]) for name in held_out):
            group[beside[0]], certain = SplitName("train", 1, rest), True
        else:
            certain = not beside and len(splits) > 1               # every folder is a split, none is a class
            if certain and (not labelled or "train" in splits):
                loose = [candidates[name] for name, found in group.items() if found.split == "train"]
                raise no_class_folders(root, loose or [candidates[name] for name in group])
        if certain:
            return group
    return None


def _are_few(root: Folder, here: Folder, folders: list[Folder]) -> bool:
    """Return whether folders without sub-folders hold so few of all pictures that they are samples, not classes.

    Beside programs, these may be half of all pictures, with sub-folders.
    """
    share = sum(folder.count() for folder in folders) / here.count()
    flat = not any(folder.picture_folders for folder in folders)
    return (flat and share <= FEW) or (share <= 0.5 and holds_programs(root))


def _is_train_of(name: str, rest: tuple[str, ...]) -> bool:
    """Return whether a folder beside a test split has the name of all images: "data", or "pets" beside "pets_test"."""
    return rest == tuple(word for word in words_of(name) if word not in FILLERS and not word.isdigit())


def classes_in_common(first: Folder, second: Folder) -> bool:
    """Return whether at least two folders in both have the same names."""
    return len({*map(appearance, first.picture_folders)} & {*map(appearance, second.picture_folders)}) > 1


def folders_of_the_same_classes(here: Folder) -> dict[str, str]:
    """Return the folders in `here` that hold folders of the same names as those beside them: {"test": "test"}.

    The value is the split, "val" or "test", of a folder that is called so. It is "" for a copy of all classes, which is
    the only one that holds folders, and for masks.
    """
    inside = {name: _class_names(inner) for name, inner in here.picture_folders.items()}
    held_out = {name: split for name in inside if (split := bare_split(name)) and split != "train"}
    own = {appearance(name) for name in inside if name not in held_out}
    splits = {name: split for name, split in held_out.items()
              if len(inside[name]) > 1 and inside[name] <= own
              and 2 * len(here.folders[name].pictures) < here.folders[name].count()}
    deep = [name for name in inside if inside[name] and name not in splits]
    copies = {name: "" for name in deep if len(deep) == 1 and len(inside[name]) > 1 and not here.folders[name].pictures
              and inside[name] == own - {appearance(name)}}
    copies |= {name: "" for name in deep if holds_annotations(name) and len(inside[name]) > 1 and inside[name] <= own}
    return splits | copies


def _class_names(folder: Folder) -> set[str]:
    """Return the names of the folders in a folder, or in its splits if it holds nothing else."""
    inner = folder.picture_folders
    folders = list(inner.values()) if inner and all(map(bare_split, inner)) else [folder]
    return {appearance(name) for one in folders for name in one.picture_folders}
