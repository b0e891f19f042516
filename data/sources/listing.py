"""List a folder: its pictures, its sub-folders, and counts of all files that are passed over.

A file with a picture's suffix is taken unopened. Any other file is known by its first bytes: taken where it is
a picture that Tenfold decodes, else counted by its kind.
"""

import heapq
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from tenfold.data.errors import SourceFault, unreadable
from tenfold.data.files import open_file
from tenfold.data.sources.formats import DECODED, HEAD, HEIC, SUFFIXES, identify

# folders and files that systems and tools leave everywhere; what begins with a dot (.git, ._x.png) is passed over too
SYSTEM = frozenset({"__macosx", "@eadir", "#recycle", "#snapshot", "$recycle.bin", "system volume information",
                    "lost+found", "found.000", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
# raw camera files: their first bytes are TIFF's, but all that a TIFF decoder finds in them is a thumbnail
RAW = frozenset({".nef", ".nrw", ".cr2", ".arw", ".sr2", ".srf", ".dng", ".pef", ".srw", ".3fr", ".iiq", ".kdc",
                 ".dcr", ".erf", ".mef", ".mos", ".fff", ".rwl", ".gpr"})
LINKED, SPECIAL, BROKEN, UNREADABLE = "repeated folder", "special file", "broken link", "unreadable file"
_LONGEST = 12                # characters of a suffix; what is longer is part of a name


@dataclass
class _Listing:
    """What lies in one folder."""
    pictures: list[tuple[str, tuple[int, int]]] = field(default_factory=list)
    folders: dict[str, "Folder"] = field(default_factory=dict)
    passed: Counter[str] = field(default_factory=Counter)
    hidden: list[str] = field(default_factory=list)
    by_content: Counter[str] = field(default_factory=Counter)


class Folder:
    """The listing of one folder and of all below it, read when it is first asked for.

    Links to folders are followed at every depth. Each real folder is read once, first where it lies, then by the link
    whose path comes first; other ways to it, and links to a folder that they lie in, are passed over.
    """

    def __init__(self, path: str, below: str = "", root: "Folder | None" = None):
        self.path = path                         # where it lies
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
        """The folders in it by name, sorted; hidden ones and the system's left out."""
        return dict(sorted(self._listing.folders.items()))

    @property
    def passed(self) -> Counter[str]:
        """How many files and folders in it are passed over, by kind."""
        return self._listing.passed

    @property
    def hidden(self) -> list[str]:
        """Names of the hidden and system files and folders in it."""
        return self._listing.hidden

    @property
    def by_content(self) -> Counter[str]:
        """How many of its pictures were known by their content, by suffix."""
        return self._listing.by_content

    @property
    def _listing(self) -> _Listing:
        if not self._root._explored:
            self._root._explore()
        return self._found

    def _explore(self) -> None:
        """List this folder, the root, and all below it: what lies there first, then what links lead to."""
        known, waiting = {_identity(self.path)}, [self]
        links: list[tuple[str, Folder, str]] = []
        while waiting or links:
            if waiting:
                folder = waiting.pop()
                inner, more = folder._scan()
                for link in more:
                    heapq.heappush(links, link)
            else:
                _, folder, name = heapq.heappop(links)           # the first by its path, which is its own
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
        """Read the listing; returns the folders that lie in it, and (path, this folder, name) of links to folders."""
        found, inner, links = _Listing(), [], []
        self._found = found
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name.lower() in SYSTEM:
                        found.hidden.append(entry.name)
                    elif _is_folder(entry):
                        one = self._inside(entry.name)
                        if entry.is_symlink():
                            links.append((one.below, self, entry.name))
                        else:
                            inner.append(one)
                    else:
                        kind, stamp, opened = _file(entry)
                        if stamp is None:
                            found.passed[kind] += 1
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
        return sorted(inner, key=lambda one: one.below), links

    def _inside(self, name: str) -> "Folder":
        return Folder(os.path.join(self.path, name), f"{self.below}/{name}" if self.below else name, self._root)

    def _lies_in(self, link: str) -> bool:
        """Whether this folder lies in what `link` leads to: a loop."""
        target = os.path.realpath(link)
        here = os.path.realpath(self.path)
        return here == target or here.startswith(target.rstrip("/") + "/")

    def walk(self) -> Iterator["Folder"]:
        """It and every folder below it."""
        waiting = [self]
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting += folder.folders.values()

    @cached_property
    def has_pictures(self) -> bool:
        """Whether a picture lies in it, at any depth."""
        return any(folder.pictures for folder in self.walk())

    @property
    def picture_folders(self) -> dict[str, "Folder"]:
        """Its sub-folders that hold pictures at any depth."""
        return {name: folder for name, folder in self.folders.items() if folder.has_pictures}

    def count(self) -> int:
        """How many pictures lie in it, at any depth."""
        return sum(len(folder.pictures) for folder in self.walk())


def _identity(path: str) -> tuple[int, int]:
    """Facts that tell one real folder from all others."""
    try:
        facts = os.stat(path)
    except OSError as error:
        raise unreadable(error, path) or SourceFault(path, error.strerror or "cannot be listed",
                                                     "check its permissions") from None
    return facts.st_dev, facts.st_ino


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:                              # a link to itself
        return False


def _file(entry: os.DirEntry) -> tuple[str, tuple[int, int] | None, bool]:
    """(kind for people, its stamp or None where it is no picture, whether it was opened to know) of a file."""
    suffix = os.path.splitext(entry.name)[1].lower()
    try:
        facts = entry.stat()
    except OSError:                              # a broken link: decoding will say so
        return (suffix, (0, 0), False) if suffix in SUFFIXES else (BROKEN, None, False)
    if not stat.S_ISREG(facts.st_mode):
        return SPECIAL, None, False
    stamp = facts.st_size, facts.st_mtime_ns
    if suffix in SUFFIXES:
        return suffix, stamp, False
    try:
        with open_file(entry.path) as f:
            kind = identify(f.read(HEAD))
    except OSError:
        return UNREADABLE, None, True
    is_picture = (kind in DECODED or kind == HEIC) and suffix not in RAW
    plain = suffix if 1 < len(suffix) <= _LONGEST and suffix[1:].replace("_", "").isalnum() and \
        not suffix[1:].isdigit() else ""
    if is_picture:
        return plain or "without suffix", stamp, True
    return plain or f"without suffix ({kind or ('unknown' if facts.st_size else 'empty')})", None, True
