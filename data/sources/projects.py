"""Tell class folders from the other folders of a project: those of its documentation, programs and results."""

from tenfold.data.sources.class_folders import NoClassFoldersError, holds_annotations, is_filler, no_class_folders
from tenfold.data.sources.listing import Folder
from tenfold.data.sources.other_files import PROGRAMS, holds_programs
from tenfold.data.sources.split_folders import folders_of_the_same_classes
from tenfold.data.sources.split_names import bare_split, is_beside, parse_split_name, words_of
from tenfold.data.wording import folder_name, some

# words, perhaps with "s" behind, in the names of folders that hold a documentation, programs, or what programs write
_NO_CLASS = frozenset({"doc", "documentation", "readme", "asset", "figure", "fig", "result", "plot", "example", "demo",
                       "media", "static", "public", "screenshot", "notebook", "logo", "icon", "src", "script", "util",
                       "tool", "code", "lib", "css", "js", "template", "config", "cfg", "launch", "log", "run",
                       "output", "model", "checkpoint", "weight"})
_MANY = 4                    # a class holds more than this part of the pictures of the smallest other
_PICTURES = 5                # pictures for each program, at least, in a class folder with a script that renamed them


def is_of_programs(name: str, folder: Folder) -> bool:
    """Return whether a folder without pictures is no empty class: it is called so, or holds programs or their files."""
    return is_program(name) or is_filler(name) or holds_annotations(name) or holds_programs(folder)


def is_program(name: str) -> bool:
    """Return whether a folder is called like those of programs and of what they write."""
    return any(word in _NO_CLASS or word.removesuffix("s") in _NO_CLASS for word in words_of(name))


def is_no_class(name: str) -> bool:
    """Return whether a name is most likely not that of a class, where another folder may hold the classes."""
    return bool(bare_split(name) or is_beside(name) or holds_annotations(name) or is_program(name))


def is_mostly_programs(folder: Folder) -> bool:
    """Return whether a folder holds more than a script or two beside its pictures."""
    programs = sum(count for one in folder.walk() for kind, count in one.passed.items() if kind in PROGRAMS)
    return folder.count() < _PICTURES * programs


def no_classes_of_a_project(root: Folder, here: Folder) -> tuple[list[str], list[str]]:
    """Return the folders of pictures in `here` that are no classes, because `root` holds programs, and those that are
    called like no class, but hold too many pictures to be left out ("logo" beside "background").

    NoClassFoldersError: the first hold most of the pictures, one may be the set, or fewer than two others remain. (If
    all are called "icons", "logos" or the like, these are the classes.)
    """
    if not holds_programs(root):
        return [], []
    copies = folders_of_the_same_classes(here)
    folders = {name: folder for name, folder in here.picture_folders.items() if name not in copies}
    odd = [name for name, folder in folders.items() if bare_split(name) in ("val", "test") or is_mostly_programs(folder)
           or (is_filler(name) and not folder.pictures)]
    beside = holds_programs(here)                # in "data", these are classes: "code" and "text"
    called = [name for name in folders if beside and name not in odd and is_program(name)]
    rest = [name for name in folders if name not in odd + called]
    if all(is_filler(name) or parse_split_name(name) for name in rest):
        rest = []
    smallest = min((folders[name].count() for name in rest), default=0)
    kept = [name for name in called if rest and folders[name].pictures and _MANY * folders[name].count() > smallest]
    odd, rest = odd + [name for name in called if name not in kept], rest + kept
    if rest and not odd:
        return [], kept
    if not rest and all(is_program(name) and folder.pictures and not is_mostly_programs(folder)
                        for name, folder in folders.items()):
        return [], []
    _check_project(root, folders, odd, rest)
    return sorted(odd), kept


def _check_project(root: Folder, folders: dict[str, Folder], odd: list[str], rest: list[str]) -> None:
    """Raise NoClassFoldersError if it is not certain that the folders `rest` are classes and `odd` are none."""
    smallest = min((folders[name].count() for name in rest), default=0)
    likely = [name for name in (rest if len(rest) == 1 else odd) if len(folders[name].picture_folders) > 1
              and (name in rest or (is_filler(name) and folders[name].count() >= smallest))]
    if rest and likely:
        named = folder_name(folders[likely[0]].below)
        raise NoClassFoldersError(root.path, f"holds programs, and the set may be in {named}",
                                  f"give {named} alone if it holds the class folders")
    if len(rest) < 2:
        loose = [folder for name, folder in folders.items() if not is_no_class(name)]
        raise no_class_folders(root, loose or list(folders.values()))
    if sum(folders[name].count() for name in odd) > sum(folders[name].count() for name in rest):
        named = some((folder_name(folders[name].below) for name in sorted(odd)), 3, " and ")
        raise NoClassFoldersError(root.path, f"holds programs, and most of its images are in {named}, which "
                                  f"{'have' if len(odd) > 1 else 'has'} no name of a class",
                                  "give the folder that holds the class folders")
