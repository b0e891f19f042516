"""List a folder and all folders below it: pictures, sub-folders, and counts of the files that are skipped."""

import heapq
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tenfold.data.errors import SourceFault, unreadable
from tenfold.data.sources.file_kinds import BROKEN, SPECIAL, UNREADABLE, examine_file, is_folder
from tenfold.data.sources.table_files import TABLES
from tenfold.data.wording import counted, readable, some

# folders and files that systems and tools create everywhere; names that begin with a dot (.git) are skipped as well
SYSTEM = frozenset({"__macosx", "@eadir", "#recycle", "#snapshot", "$recycle.bin", "system volume information",
                    "lost+found", "found.000", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
LINKED = "repeated folder"   # a link to a folder that is listed elsewhere
HIDDEN, LOOSE, MASK = "hidden or system", "loose image", "mask"          # other kinds of what is skipped
UNLABELLED = "unlabelled image"
_TEXTS = frozenset({".xml", ".xlsx", ".mat", ".pkl", ".pickle", ".npy"})
# these have a plural: "2 repeated folders"
_NOUNS = (LOOSE, MASK, UNLABELLED, LINKED, SPECIAL, BROKEN, UNREADABLE)


@dataclass
class _Listing:
    """What one folder holds; the properties of Folder describe the fields."""
    pictures: list[tuple[str, tuple[int, int]]] = field(default_factory=list)
    folders: dict[str, "Folder"] = field(default_factory=dict)
    passed: Counter[str] = field(default_factory=Counter)
    hidden: list[str] = field(default_factory=list)
    by_content: Counter[str] = field(default_factory=Counter)
    tables: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


class Folder:
    """The listing of a folder and of all folders below it, read when it is first needed.

    Links to folders are followed at every depth. Each real folder is listed once: at its own place if that is below the
    root, else at the link whose path comes first. Other links to it, and links to a folder above them, are skipped.
    """

    def __init__(self, path: str, below: str = "", root: "Folder | None" = None):
        self.path = path
        self.below = below                       # its path relative to the root, "" for the root
        self._root = root or self
        self._found, self._explored = _Listing(), False

    def __repr__(self):
        return f"Folder({self.path!r})"

    @property
    def pictures(self) -> list[tuple[str, tuple[int, int]]]:
        """(name, (size in bytes, time of change in ns)) of each picture in it, sorted by name."""
        return self._listing.pictures

    @property
    def folders(self) -> dict[str, "Folder"]:
        """The folders in it by name, sorted, without hidden and system folders."""
        return dict(sorted(self._listing.folders.items()))

    @property
    def passed(self) -> Counter[str]:
        """How many files and folders in it are skipped, by kind."""
        return self._listing.passed

    @property
    def hidden(self) -> list[str]:
        """Names of the hidden and system files and folders in it."""
        return self._listing.hidden

    @property
    def by_content(self) -> Counter[str]:
        """How many of its pictures were recognised by their content, by suffix."""
        return self._listing.by_content

    @property
    def tables(self) -> list[str]:
        """Names of the files in it that may be tables, sorted."""
        return self._listing.tables

    @property
    def texts(self) -> list[str]:
        """Names of its files that may hold labels in a form that is not read, sorted."""
        return self._listing.texts

    @property
    def _listing(self) -> _Listing:
        if not self._root._explored:
            self._root._explore()
        return self._found

    def _explore(self) -> None:
        """List this folder, the root, and all below it: first real folders, then the targets of links."""
        known, waiting = {_identity(self.path)}, [self]
        links: list[tuple[str, Folder, str]] = []
        while waiting or links:
            if waiting:
                folder = waiting.pop()
                inner, more = folder._scan()
                for link in more:
                    heapq.heappush(links, link)
            else:
                _, folder, name = heapq.heappop(links)           # the link whose path comes first
                inner = [] if folder._lies_in(os.path.join(folder.path, name)) else [folder._inside(name)]
                folder._found.passed[LINKED] += not inner
            for one in inner:
                identity = _identity(one.path)
                if identity in known:
                    folder._found.passed[LINKED] += 1
                else:
                    known.add(identity)
                    folder._found.folders[os.path.basename(one.path)] = one
                    waiting.append(one)
        self._explored = True

    def _scan(self) -> tuple[list["Folder"], list[tuple[str, "Folder", str]]]:
        """List this folder alone; return its real sub-folders, and (path, this folder, name) of links to folders."""
        found, inner, links = _Listing(), [], []
        self._found = found
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name.lower() in SYSTEM:
                        found.hidden.append(entry.name)
                    elif is_folder(entry):
                        one = self._inside(entry.name)
                        if entry.is_symlink():
                            links.append((one.below, self, entry.name))
                        else:
                            inner.append(one)
                    else:
                        kind, stamp, opened = examine_file(entry)
                        if stamp is None:
                            found.passed[kind] += 1
                            found.tables += [entry.name] if kind in TABLES else []
                            found.texts += [entry.name] if kind in _TEXTS else []
                            continue
                        found.pictures.append((entry.name, stamp))
                        if opened:
                            found.by_content[kind] += 1
        except OSError as error:
            path = error.filename or self.path
            raise unreadable(error, path) or SourceFault(path, error.strerror or "cannot be listed",
                                                         "check its permissions") from None
        found.pictures.sort()
        found.hidden.sort()
        found.tables.sort()
        found.texts.sort()
        return sorted(inner, key=lambda one: one.below), links

    def _inside(self, name: str) -> "Folder":
        return Folder(os.path.join(self.path, name), f"{self.below}/{name}" if self.below else name, self._root)

    def _lies_in(self, link: str) -> bool:
        """Return whether this folder is inside the target of `link`, so that following it would not end."""
        target = os.path.realpath(link)
        here = os.path.realpath(self.path)
        return here == target or here.startswith(target.rstrip("/") + "/")

    def walk(self) -> Iterator["Folder"]:
        """Yield this folder and every folder below it."""
        waiting = [self]
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting += folder.folders.values()

    @cached_property
    def has_pictures(self) -> bool:
        """Return whether it holds a picture, at any depth."""
        return any(folder.pictures for folder in self.walk())

    @property
    def picture_folders(self) -> dict[str, "Folder"]:
        """Its sub-folders that hold pictures at any depth."""
        return {name: folder for name, folder in self.folders.items() if folder.has_pictures}

    def count(self) -> int:
        """Return how many pictures it holds, at any depth."""
        return sum(len(folder.pictures) for folder in self.walk())


def kinds_in_words(kinds: Mapping[str, int], hidden: Sequence[str] = (), most: int = 6) -> str:
    """Put counts of files and folders by kind into words: "9 .txt, 2 repeated folders". hidden: names of these."""
    names = f" ({some(map(readable, sorted(set(hidden))), 3)})"
    return some((counted(n, kind) if kind in _NOUNS else f"{n} {kind}{names if kind == HIDDEN else ''}"
                 for kind, n in kinds.items()), most)


def _identity(path: str) -> tuple[int, int]:
    """Return the device and inode of a folder, which identify it."""
    try:
        facts = os.stat(path)
    except OSError as error:
        raise unreadable(error, path) or SourceFault(path, error.strerror or "cannot be listed",
                                                     "check its permissions") from None
    return facts.st_dev, facts.st_ino
