"""How a folder is understood: where its classes lie, which folders are its train, val and test parts.

Only folders that hold pictures at some depth count. The rules, in this order:

1. Split names. Folders that name a train part and a val or test part are those parts where train holds class
   folders of its own ("train", "Training", "train_set", "train2017"; "mnist_train" only beside "mnist_test", with
   the same other words). Without a val or test part, "train" is the train part where all that lies beside it is a
   split too, is a folder such as "extra", or holds classes of train's. So a class "train" (railway) beside "bus",
   or "test tube" beside "flask", stays a class.
2. Folders "train_cat", "train_dog", "test_cat", …: parts and classes in one name.
3. One folder only, which holds folders: it is looked through, and the rules are asked again inside it. Within a
   part too: training_set/training_set/cat.
4. Otherwise each folder is a class. Where each class holds "train" and "test" folders, those are the parts.

A root whose folders are all split names is never taken for classes. Links to folders are followed down to the class
folders, not below.
"""

import os
from dataclasses import dataclass, field

from tenfold.data.sources.listing import Folder
from tenfold.data.sources.names import appearance, folder_name, one_spelling, some
from tenfold.data.sources.split_names import SPLIT_WORDS, Part, is_beside, part_of
from tenfold.data.sources.splits_in_classes import named_by_both, parts_below_classes
from tenfold.data.sources.unlabelled import check_classes, holds_classes, is_noted, no_classes, says_nothing

UNLABELLED = "without class folders"
_ORDER = tuple(SPLIT_WORDS)


@dataclass(frozen=True)
class Branch:
    """A folder whose pictures, at any depth, are of one class."""
    folder: Folder
    name: str
    split: str | None        # "train", "val", "test"; None: no official parts


@dataclass
class Understood:
    """A folder as it was understood."""
    branches: list[Branch] = field(default_factory=list)
    above: list[Folder] = field(default_factory=list)              # root, wrappers, parts: they hold folders
    parts: dict[str, list[str]] = field(default_factory=dict)      # the folders of each split, relative to the root
    base: str = ""                                                 # the folder that holds them, "" or a wrapper
    why: dict[str, str] = field(default_factory=dict)              # why a folder's images are not used
    notes: list[str] = field(default_factory=list)                 # what else is to be said

    def add_classes(self, folder: Folder, split: str | None) -> None:
        """Take each folder in `folder` for a class."""
        for name, inner in folder.folders.items():
            if name == os.path.basename(folder.path) and _classes_in_common(folder, inner):      # packed twice
                self.why[inner.below] = "the class folders beside it lie in it again"
            else:
                self.branches.append(Branch(inner, one_spelling(name), split))

    def unused(self) -> list[tuple[Folder, str]]:
        """(folder, why) of the folders that hold pictures and are no class, part or wrapper."""
        used = {branch.folder.below for branch in self.branches} | {folder.below for folder in self.above}
        other = "it is no train, val or test part" if self.parts else "it lies beside the folder that is read"
        return [(inner, self.why.get(inner.below, other))
                for folder in self.above for inner in folder.bearers.values() if inner.below not in used]


def understand(root: Folder) -> Understood:
    """Find the parts and class folders. SourceFault: pictures without class folders."""
    found, here = Understood(above=[root]), root
    while True:
        found.base = here.below
        group = _split_group(root, here)
        if group:
            _take_parts(found, here, group)
            return found
        named = named_by_both(here)
        if named:
            _take_branches(found, named)
            return found
        inner = _only_folder(here)
        if not inner:
            break
        found.notes = [f"only {folder_name(inner.below)} holds images: its folders are read"]
        found.above.append(inner)
        here = inner
    inside = parts_below_classes(here)
    if inside:
        found.above += here.bearers.values()
        _take_branches(found, inside)
    else:
        check_classes(root, here)
        found.add_classes(here, None)
        _doubt(found, here)
    return found


def _split_group(root: Folder, here: Folder) -> dict[str, Part] | None:
    """{folder: the part that it names}, of folders in `here` which name parts of one set; None: there are none."""
    bearers = here.bearers
    groups = {}
    for name in bearers:
        part = part_of(name)
        if part:
            groups.setdefault(part.rest, {})[name] = part
    for rest in sorted(groups):                                    # () first: names without other words
        group = groups[rest]
        beside = [name for name in bearers if name not in group and not is_beside(name)]
        splits = {part.split for part in group.values()}
        train = [name for name, part in group.items() if part.split == "train" and holds_classes(bearers[name])]
        held_out = [name for name, part in group.items() if part.split != "train"]
        labelled = any(holds_classes(bearers[name]) for name in held_out)
        if train and held_out:
            certain = labelled or not beside or not rest
        elif train:
            alone = len(bearers) == 1                              # a wrapper, whatever it is called
            certain = (not alone and not (beside or (rest and len(group) < len(bearers)))) or any(
                _classes_in_common(bearers[one], bearers[other]) for one in train for other in beside)
        else:
            certain = not beside and len(splits) > 1               # every folder is a part, none is a class
            if certain and (not labelled or "train" in splits):
                loose = [bearers[name] for name, part in group.items() if part.split == "train"]
                raise no_classes(root, loose or [bearers[name] for name in group])
        if certain:
            return group
    return None


def _classes_in_common(one: Folder, two: Folder) -> bool:
    """Whether the folders in both bear the same names, two at least."""
    return len({*map(appearance, one.bearers)} & {*map(appearance, two.bearers)}) > 1


def _take_parts(found: Understood, here: Folder, group: dict[str, Part]) -> None:
    """Read the folders of `group` as parts; train first, for the others are judged by its classes."""
    known = set()
    for split in _ORDER:
        taken = {}                                                 # folder of class folders -> rank of its part's name
        for name in sorted((name for name in group if group[name].split == split), key=lambda name: group[name].rank):
            outer, rank = here.folders[name], group[name].rank
            inner, through = _look_through(outer, known)
            if not inner.bearers or _stands_for_none(inner, outer, known):
                found.why[outer.below] = UNLABELLED
            elif taken and rank > min(taken.values()):             # "train_small" beside "train"
                found.why[outer.below] = f"{folder_name(next(iter(taken)))} is the {split} part"
            else:
                found.above += [outer, *through]
                found.add_classes(inner, split)
                taken[inner.below] = rank
        if taken:
            found.parts[split] = list(taken)
        if len(taken) > 1:
            found.notes.append(f"{some(map(folder_name, taken), last=' and ')} are all read as the {split} part")
        if split == "train":
            known = {appearance(branch.name) for branch in found.branches}


def _look_through(part: Folder, known: set[str]) -> tuple[Folder, list[Folder]]:
    """(the folder that holds a part's class folders, those above it in the part). known: classes of train."""
    through = []
    while (inner := _only_folder(part)) and appearance(inner.below.rpartition("/")[2]) not in known:
        through.append(inner)
        part = inner
    return part, through


def _stands_for_none(part: Folder, outer: Folder, known: set[str]) -> bool:
    """Whether a part's one folder is no class: test/images/, test/unknown/, test/test/."""
    if len(part.bearers) != 1 or not known:
        return False
    name, = part.bearers
    same = appearance(name) == appearance(outer.below.rpartition("/")[2])
    return appearance(name) not in known and (same or says_nothing(name))


def _only_folder(here: Folder) -> Folder | None:
    """The one folder in `here` that holds pictures (masks of them apart), where it holds folders of them."""
    bearers = [folder for name, folder in here.bearers.items() if not is_noted(name)]
    if len(bearers) != 1:
        return None
    inner, = bearers
    empty = [folder for name, folder in here.folders.items() if folder is not inner and not part_of(name)
             and not (folder.folders or folder.passed or folder.hidden)]
    deeper = len(inner.bearers)
    return inner if not empty and (deeper > 1 or (deeper and not inner.pictures)) else None


def _take_branches(found: Understood, branches: list[tuple[Folder, str, str]]) -> None:
    """Read class folders whose parts are known by each one's own name: (folder, class, part)."""
    found.branches += [Branch(folder, one_spelling(name), split) for folder, name, split in branches]
    for split in _ORDER:
        taken = [folder.below for folder, _, part in branches if part == split]
        if taken:
            found.parts[split] = taken


def _doubt(found: Understood, here: Folder) -> None:
    """Say where class folders could be meant as something else."""
    classes = {name: folder for name, folder in here.bearers.items() if folder.below not in found.why}
    deep = [name for name, folder in classes.items() if any(not inner.linked for inner in folder.bearers.values())]
    same = set(deep and classes[deep[0]].bearers).intersection(*(folder.bearers for folder in classes.values()))
    parts = [name for name in classes if (part := part_of(name)) and part.rank < 2]
    if parts and set(parts) & set(deep):
        found.notes.append(f"{some(map(folder_name, parts), last=' and ')}: read as a class like the folders beside; "
                           "give --data=… that folder if it is a part of a set")
    elif len(same) > 1:
        found.notes.append(f"each class folder holds {some(map(folder_name, sorted(same)), last=' and ')}: if those "
                           "are the classes, put the images of each into one folder")
    elif deep:
        found.notes.append(f"folders inside {some(map(folder_name, deep), 3, ' and ')} are read as one class each")
