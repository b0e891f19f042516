"""Find the images that the paths in a table mean."""

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from tenfold.data.sources.class_names import one_spelling
from tenfold.data.sources.formats import SUFFIXES
from tenfold.data.sources.split_names import bare_split
from tenfold.data.wording import readable, some

_ABSOLUTE = re.compile(r"([A-Za-z]:)?/")


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
        self._ends: dict[int, dict[str, list[int]]] = {}
        self._known: dict[str, list[int]] = {}   # spelling -> images; a folder may hold é in both of its spellings
        for i, path in enumerate(paths):
            self._known.setdefault(path, []).append(i)
            if (usual := one_spelling(path)) != path:
                self._known.setdefault(usual, []).append(i)

    def find(self, path: str, bases: Sequence[str] = ()) -> list[int]:
        """Return the row numbers of the images that a path means; []: there is none, or it is not certain which.

        bases: folders, relative to the root, that the path is most likely relative to, the likeliest first.
        """
        plain, *inside = self._plain(path)
        based = [one_spelling(f"{base}/{plain}" if base else plain) for base in bases]
        for name in (*based, path, one_spelling(path), plain, *map(one_spelling, (plain, *inside))):
            if name in self._known:
                return self._known[name]
        ends = self._ending(path)
        for base, whole in zip(bases, based, strict=True) if len(ends) > 1 else ():
            found = [row for row in ends if whole in self._with_and_without_suffix(row)]
            below = [row for row in ends if self.paths[row].startswith(f"{base}/")]
            if found or len(below) == 1:         # as it is written there, or the only one at any depth
                ends = found or below
                break
        stem, suffix = os.path.splitext(path)
        if not ends and suffix.lower() in SUFFIXES:
            return self.find(stem, bases)
        return ends if len(ends) == 1 else []

    def described(self, path: str) -> str:
        """Return a path for a message, with the images that it may mean."""
        ends = [readable(self.paths[row]) for row in self._ending(path)]
        return readable(path) + (f" (which may be {some(ends, 2, ' or ')})" if ends else "")

    def _plain(self, path: str) -> list[str]:
        """Return a path with slashes, and what may follow the images' folder in it: in an absolute path, any part."""
        plain = path.replace("\\", "/").removeprefix("./")
        parts, absolute = plain.split("/"), _ABSOLUTE.match(plain)
        return [plain, *("/".join(parts[i + 1:]) for i, part in enumerate(parts[:-1])
                         if part in self._above or absolute)]

    def _ending(self, path: str) -> list[int]:
        """Return the images whose paths end with this one, with or without their suffix, and lie in no other split."""
        plain, *inside = self._plain(path)
        splits = splits_in(plain.rpartition("/")[0])
        for name in map(one_spelling, (plain, *inside)):
            if found := self._of_end(name.count("/") + 1).get(name):
                return [row for row in found if not splits or splits_in(self.paths[row].rpartition("/")[0]) <= splits]
        return []

    def _of_end(self, count: int) -> dict[str, list[int]]:
        """Return the images of each end of a path that has `count` parts, with and without its suffix."""
        if count not in self._ends:
            found = self._ends[count] = {}
            for row, path in enumerate(self.paths):
                for whole in self._with_and_without_suffix(row) if path.count("/") + 1 >= count else ():
                    found.setdefault("/".join(whole.split("/")[-count:]), []).append(row)
        return self._ends[count]

    def _with_and_without_suffix(self, row: int) -> set[str]:
        path = one_spelling(self.paths[row])
        plain = os.path.splitext(path)[0]
        above, slash, stem = plain.rpartition("/")
        return {path, plain, f"{above}{slash}{int(stem)}" if stem.isdecimal() and stem.isascii() else plain}


@lru_cache
def splits_in(folder: str) -> frozenset[str | None]:
    """Return the splits that the folders in a path are called by."""
    return frozenset(map(bare_split, folder.split("/"))) - {None}
