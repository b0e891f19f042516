"""Find the images that the paths in a table mean."""

import copy
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path

from tenfold.data.sources.class_names import one_spelling
from tenfold.data.sources.formats import SUFFIXES
from tenfold.data.sources.split_names import bare_split
from tenfold.data.wording import readable, some

_ABSOLUTE = re.compile(r"([A-Za-z]:)?/")


class _Rows:
    """The rows of each name. Most names have one, and a list for each would take as long to make as all the rest."""

    def __init__(self):
        self._first: dict[str, int] = {}
        self._all: dict[str, list[int]] = {}     # of the names with several

    def add(self, name: str, row: int) -> None:
        """Add a row to those of a name."""
        first = self._first.setdefault(name, row)
        if first != row:
            self._all.setdefault(name, [first]).append(row)

    def of(self, name: str) -> Sequence[int]:
        """Return the rows of a name, in the order in which they were added."""
        row = self._first.get(name)
        return () if row is None else self._all.get(name) or (row,)


class ImagePaths:
    """Finds the images that a path in a table means.

    A path is as `paths` has it, or has the images' folder or an absolute path in front. The folders above a file, its
    suffix, and then zeros before a number (as Excel does) may be left out where only one image is meant, and the suffix
    may be that of another format (".jpg" for ".JPG").
    """

    def __init__(self, root: Path, paths: Sequence[str]):
        """paths: those of the images, relative to `root`."""
        self.paths = paths
        self._above = {root.name, root.resolve().name} - {""}
        self._bases: Sequence[str] = ()          # folders that a path is most likely relative to
        self._ends: dict[int, _Rows] = {}
        self._known = _Rows()                    # by spelling; a folder may hold é in both of its spellings
        for i, path in enumerate(paths):
            self._known.add(path, i)
            self._known.add(one_spelling(path), i)
        self._folded = cache(lambda: ImagePaths(Path(str(root.resolve()).casefold()),
                                                [one_spelling(path).casefold() for path in paths]))

    def near(self, bases: Sequence[str]) -> "ImagePaths":
        """Return the same for paths that are most likely relative to `bases`, folders below the root, the likeliest
        first."""
        other = copy.copy(self)
        other._bases = bases
        return other

    def find(self, path: str) -> Sequence[int]:
        """Return the row numbers of the images that a path means; empty: there is none, or it is not certain which."""
        for name in self._spellings(path):
            if found := self._known.of(name):
                return found
        ends = self._ending(path)
        if len(ends) == 1:
            return ends
        for base, whole in zip(self._bases, self._based(path), strict=True) if ends else ():
            found = [row for row in ends if whole in _with_and_without_suffix(one_spelling(self.paths[row]))]
            below = [row for row in ends if self.paths[row].startswith(f"{base}/")]
            if found or len(below) == 1:         # as it is written there, or the only one at any depth
                found = found or below
                return found if len(found) == 1 else ()
        stem, suffix = os.path.splitext(path)
        return self.find(stem) if not ends and suffix.lower() in SUFFIXES else ()

    def find_in_any_case(self, path: str) -> Sequence[int]:
        """Return the row number of the only image that a path means if capital letters make no difference."""
        folded = self._folded().near([one_spelling(base).casefold() for base in self._bases])
        found = folded.find(one_spelling(path).casefold())
        return found if len(found) == 1 else ()

    def described(self, path: str) -> str:
        """Return a path for a message, with the images that it may mean."""
        ends = [readable(self.paths[row]) for row in self._ending(path)]
        return readable(path) + (f" (which may be {some(ends, 2, ' or ')})" if ends else "")

    def _spellings(self, path: str) -> Iterable[str]:
        """Return the ways in which `paths` may hold a path, the likeliest first."""
        if "/" not in path and "\\" not in path and path.isascii() and not any(self._bases):
            return (path,)                       # as below, in a tenth of the time
        plain, *inside = self._plain(path)
        return dict.fromkeys((*self._based(path), path, plain, *map(one_spelling, (plain, *inside))))

    def _based(self, path: str) -> list[str]:
        plain = self._plain(path)[0]
        return [one_spelling(f"{base}/{plain}" if base else plain) for base in self._bases]

    def _plain(self, path: str) -> list[str]:
        """Return a path with slashes, and what may follow the images' folder in it: in an absolute path, any part."""
        if "/" not in path and "\\" not in path:
            return [path]
        plain = path.replace("\\", "/").removeprefix("./")
        parts, absolute = plain.split("/"), _ABSOLUTE.match(plain)
        return [plain, *("/".join(parts[i + 1:]) for i, part in enumerate(parts[:-1])
                         if part in self._above or absolute)]

    def _ending(self, path: str) -> Sequence[int]:
        """Return the images whose paths end with this one, with or without their suffix, and lie in no other split."""
        ways = self._plain(path)
        for name in map(one_spelling, ways):
            if found := self._of_end(name.count("/") + 1).of(name):
                splits = splits_in(ways[0].rpartition("/")[0])
                return [row for row in found if splits_in(self.paths[row].rpartition("/")[0]) <= splits] \
                    if splits else found
        return ()

    def _of_end(self, count: int) -> _Rows:
        """Return the images of each end of a path that has `count` parts, with and without its suffix."""
        if count not in self._ends:
            found = self._ends[count] = _Rows()
            for row, path in enumerate(self.paths):
                parts = one_spelling(path).rsplit("/", count)
                for end in _with_and_without_suffix("/".join(parts[-count:])) if len(parts) >= count else ():
                    found.add(end, row)
        return self._ends[count]


def _with_and_without_suffix(path: str) -> Iterator[str]:
    """Yield the different ways to write a path: whole, without its suffix, and then without zeros before a number."""
    yield path
    plain, dot, suffix = path.rpartition(".")    # as os.path.splitext, in a third of the time
    if dot and plain and "/" not in suffix and plain[-1] != "/":
        yield plain
    else:
        plain = path
    above, slash, stem = plain.rpartition("/")
    if stem[:1] == "0" and stem.isdecimal() and stem.isascii() and len(stem) > 1:
        yield f"{above}{slash}{int(stem)}"


@lru_cache
def splits_in(folder: str) -> frozenset[str | None]:
    """Return the splits that the folders in a path are called by."""
    return frozenset(map(bare_split, folder.split("/"))) - {None}
