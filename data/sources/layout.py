"""Find out where the classes of a folder lie, and which folders are its train, val and test splits.

Only folders that hold pictures at some depth count. The rules, in this order:

1. Split names ("train", "Training", "train_set", "train2017"; "mnist_train" only beside "mnist_test", with the same
   other words). Folders that name a train split and a val or test split are those splits if train holds class folders.
   The only folder beside a val or test split with the same classes is the train split if it is called "data" or the
   like, or "pets" beside "pets_test". Without a val or test split, "train" is the train split if everything beside it
   is a split too, is a folder such as "extra", or has classes in common with train. So a class "train" (railway) beside
   "bus", or "test tube" beside "flask", stays a class.
2. Folders "train_cat", "train_dog", "test_cat", …: splits and classes in one name.
3. If there is a single folder and it holds folders, the rules are applied inside it. Within a split, too:
   training_set/training_set/cat. Likewise inside "data" beside "docs" or "test", and inside the only folder, at any
   depth, that holds splits of the same classes, if no folder beside it holds pictures itself.
4. Otherwise each folder is a class. If each class holds "train" and "test" folders, those are the splits; but if all
   these hold the same folders, or files of labels, each "class" is a set, and that is refused. A folder that holds
   folders named like all classes beside it is their val or test split if it is called so, else a copy. Folders without
   pictures that hold programs, and masks named like the images beside them, are no classes. If there are programs,
   folders called "docs" or "test" are none (`projects`).

Folders that all have names of splits are never taken for classes. Links to folders and files are followed at every
depth (`listing`).
"""

import os
from dataclasses import dataclass, field

from tenfold.data.sources.class_folders import check_class_folders, is_generic
from tenfold.data.sources.class_names import appearance, one_spelling
from tenfold.data.sources.doubts import doubtful
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.masks import folder_of_masks
from tenfold.data.sources.projects import is_of_programs, no_classes_of_a_project
from tenfold.data.sources.split_folders import classes_in_common, find_split_folders, folders_of_the_same_classes
from tenfold.data.sources.split_names import SPLIT_WORDS, SplitName
from tenfold.data.sources.splits_in_classes import folders_of_split_and_class, splits_below_classes
from tenfold.data.sources.wrappers import (
    check_no_sets,
    check_not_all_sets,
    only_folder,
    set_beside_others,
    way_to_splits,
)
from tenfold.data.wording import folder_name, some

UNLABELLED = "without class folders"
_ORDER = tuple(SPLIT_WORDS)


@dataclass(frozen=True)
class ClassFolder:
    """A folder whose pictures, at any depth, are of one class."""
    folder: Folder
    name: str
    split: str | None        # "train", "val", "test"; None: no official splits


@dataclass
class FolderLayout:
    """How a folder was understood."""
    class_folders: list[ClassFolder] = field(default_factory=list)
    above: list[Folder] = field(default_factory=list)              # folders above class folders: root, wrappers, splits
    splits: dict[str, list[str]] = field(default_factory=dict)      # the folders of each split, relative to the root
    base: str = ""                                                 # the folder that holds the splits or classes
    why: dict[str, str] = field(default_factory=dict)              # why a folder's images are not used
    programs: list[str] = field(default_factory=list)              # folders of programs beside the classes
    notes: list[str] = field(default_factory=list)                 # for people

    def add_classes(self, folder: Folder, split: str | None) -> None:
        """Add each folder in `folder` as a class."""
        again, masks = folders_of_the_same_classes(folder), folder_of_masks(folder)
        for name, inner in folder.folders.items():
            if inner.below in self.why:
                continue
            if not inner.has_pictures and is_of_programs(name, inner):
                self.programs.append(inner.below)
            elif name == masks and one_spelling(name) not in {branch.name for branch in self.class_folders}:
                self.why[inner.below] = "they are named like the images beside it, so they are masks"
            elif split is None and again.get(name):
                self.above.append(inner)
                self.splits.setdefault(again[name], []).append(inner.below)
                self.add_classes(inner, again[name])
            elif name in again or (name == os.path.basename(folder.path) and classes_in_common(folder, inner)):
                self.why[inner.below] = "the class folders beside it lie in it again"
            else:
                self.class_folders.append(ClassFolder(inner, one_spelling(name), split))

    def unused(self) -> list[tuple[Folder, str]]:
        """Return (folder, reason) of folders that hold pictures, but are not a class, split or wrapper."""
        used = {branch.folder.below for branch in self.class_folders} | {folder.below for folder in self.above}
        other = "it is no train, val or test split" if self.splits else "it lies beside the folder that is read"
        return [(inner, self.why.get(inner.below, other))
                for folder in self.above for inner in folder.picture_folders.values() if inner.below not in used]


def understand(root: Folder, grouped: bool = False) -> FolderLayout:
    """Find the splits and class folders. SourceFault: the pictures are not in class folders.

    grouped: folders inside class folders are known to be groups of images, so no note is written on them.
    """
    layout = FolderLayout(above=[root])
    _find_classes(layout, root, grouped)
    if layout.programs:
        layout.notes.append(f"{some(map(folder_name, layout.programs), 4, ' and ')}: no images, so no class")
    layout.notes += doubtful(layout.class_folders, grouped)
    return layout


def _find_classes(layout: FolderLayout, root: Folder, grouped: bool) -> None:
    """Add the splits and class folders below `root`. grouped: as for `understand`."""
    here = root
    while True:
        layout.base = here.below
        named = folders_of_split_and_class(here)
        flat = named and not any(folder.picture_folders for folder, *_ in named)     # their names are all that tells
        group = None if flat else find_split_folders(root, here)
        if group:
            return _take_splits(layout, here, group)
        if named:
            return _take_class_folders(layout, named)
        way, why = _way_to_set(root, here)
        if not way:
            break
        here = way[-1]
        layout.notes = [f"{why.format(folder_name(here.below))}: its folders are read"]
        layout.above += way
    inside = splits_below_classes(here)
    if inside:
        if not grouped:
            check_not_all_sets(root, here)
        layout.above += here.picture_folders.values()
        _take_class_folders(layout, inside)
    else:
        check_class_folders(root, here)
        check_no_sets(root, here)
        odd, kept = no_classes_of_a_project(root, here)
        layout.why.update((here.folders[name].below, "beside programs, it is no class") for name in odd)
        layout.notes += [f"{some(map(folder_name, kept), 4, ' and ')}: read as a class like the folders beside, though "
                         "programs lie there too; take it away if it is none"] if kept else []
        layout.add_classes(here, None)
    return None


def _way_to_set(root: Folder, here: Folder) -> tuple[list[Folder], str]:
    """Return (the folders from one in `here` down to the one that holds the set, why); ([], ""): that is `here`."""
    if inner := only_folder(here):
        return [inner], "only {} holds images"
    if inner := set_beside_others(root, here):
        return [inner], "{} holds a set"
    return ([], "") if splits_below_classes(here) else (way_to_splits(here), "{} holds a set")


def _take_splits(layout: FolderLayout, here: Folder, group: dict[str, SplitName]) -> None:
    """Add the folders of `group` as splits; train first, because the others are judged by its classes."""
    known: set[str] = set()
    for split in _ORDER:
        taken: dict[str, int] = {}                             # folder of class folders -> rank of its split's name
        for name in sorted((name for name in group if group[name].split == split), key=lambda name: group[name].rank):
            outer, rank = here.folders[name], group[name].rank
            inner, through = _look_through(outer, known)
            if not inner.picture_folders or _stands_for_none(inner, outer, known):
                layout.why[outer.below] = UNLABELLED
            elif taken and rank > min(taken.values()):             # "train_small" beside "train"
                layout.why[outer.below] = f"{folder_name(next(iter(taken)))} is the {split} split"
            else:
                layout.above += [outer, *through]
                layout.add_classes(inner, split)
                taken[inner.below] = rank
        if taken:
            layout.splits[split] = list(taken)
        if len(taken) > 1:
            layout.notes.append(f"{some(map(folder_name, taken), last=' and ')} are all read as the {split} split")
        if split == "train":
            known = {appearance(branch.name) for branch in layout.class_folders}


def _look_through(folder: Folder, known: set[str]) -> tuple[Folder, list[Folder]]:
    """Return (the folder that holds a split's class folders, the folders above it). known: the classes of train."""
    through = []
    while (inner := only_folder(folder)) and appearance(inner.below.rpartition("/")[2]) not in known:
        through.append(inner)
        folder = inner
    return folder, through


def _stands_for_none(folder: Folder, outer: Folder, known: set[str]) -> bool:
    """Return whether the only folder of a split is not a class: test/images/, test/unknown/, test/test/."""
    if len(folder.picture_folders) != 1 or not known:
        return False
    name, = folder.picture_folders
    same = appearance(name) == appearance(outer.below.rpartition("/")[2])
    return appearance(name) not in known and (same or is_generic(name))


def _take_class_folders(layout: FolderLayout, branches: list[tuple[Folder, str, str]]) -> None:
    """Add class folders whose own names say the split. branches: (folder, class, split)."""
    layout.class_folders += [ClassFolder(folder, one_spelling(name), split) for folder, name, split in branches]
    for split in _ORDER:
        taken = [folder.below for folder, _, theirs in branches if theirs == split]
        if taken:
            layout.splits[split] = taken
