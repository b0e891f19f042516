"""Find the images that the paths in a table mean."""

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from tenfold.data.sources.class_names import one_spelling
from tenfold.data.wording import readable, some


class ImagePaths:
    """Finds the images that a path in a table means.

    A path is as `paths` has it, or has the images' folder in front, or is one inside a folder of `bases`. The folders
    above a file, and its suffix, may be left out where only one image is meant.
    """

    def __init__(self, root: Path, paths: Sequence[str], bases: Iterable[str] = ()):
        """paths: those of the images, relative to `root`. bases: folders relative to `root`, the likeliest first."""
        self._paths, self._bases = paths, [f"{one_spelling(base)}/" for base in bases]
        self._above = {root.name, root.resolve().name} - {""}
        self._known: dict[str, list[int]] = {}   # spelling -> images; a folder may hold é in both of its spellings
        for i, path in enumerate(paths):
            self._known.setdefault(path, []).append(i)
            if (usual := one_spelling(path)) != path:
                self._known.setdefault(usual, []).append(i)

    def find(self, path: str) -> list[int]:
        """Return the row numbers of the images that a path means; []: there is none, or it is not certain which."""
        plain, *inside = self._plain(path)
        based = [f"{base}{one_spelling(plain)}" for base in self._bases]
        for name in (*based, path, one_spelling(path), plain, *map(one_spelling, (plain, *inside))):
            if name in self._known:
                return self._known[name]
        ends = self._ending(path)
        for whole in based if len(ends) > 1 else ():
            if found := [row for row in ends if whole in self._with_and_without_suffix(row)]:
                ends = found
                break
        return ends if len(ends) == 1 else []

    def described(self, path: str) -> str:
        """Return a path for a message, with the images that it may mean."""
        ends = [readable(self._paths[row]) for row in self._ending(path)]
        return readable(path) + (f" (which may be {some(ends, 2, ' or ')})" if ends else "")

    def _plain(self, path: str) -> list[str]:
        """Return a path with slashes, and what follows the images' folder in it."""
        plain = path.replace("\\", "/").removeprefix("./")
        parts = plain.split("/")
        return [plain, *("/".join(parts[i + 1:]) for i, part in enumerate(parts) if part in self._above)]

    def _ending(self, path: str) -> list[int]:
        """Return the images whose paths end with this one, with or without their suffix."""
        for name in map(one_spelling, self._plain(path)):
            end = f"/{name}"
            found = [row for row in self._of_name.get(name.rpartition("/")[2], ())
                     if any(f"/{whole}".endswith(end) for whole in self._with_and_without_suffix(row))]
            if found:
                return found
        return []

    @cached_property
    def _of_name(self) -> dict[str, list[int]]:
        """The images of each file name, with and without its suffix."""
        found: dict[str, list[int]] = {}
        for row in range(len(self._paths)):
            for path in self._with_and_without_suffix(row):
                found.setdefault(path.rpartition("/")[2], []).append(row)
        return found

    def _with_and_without_suffix(self, row: int) -> set[str]:
        path = one_spelling(self._paths[row])
        return {path, os.path.splitext(path)[0]}
