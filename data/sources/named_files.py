"""Find the files that the paths in a table name as they are written."""

import os
import stat
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_MOST = 20_000               # paths that name no file; after so many, none does


class NamedFiles:
    """Finds files by paths relative to a folder, or absolute ones, and keeps a row for each file that was found."""

    def __init__(self, folder: Path):
        self.folder, self._folder = folder, str(folder)
        self.stamps: list[tuple[int, int]] = []  # (size in bytes, time of change in ns) of each file
        self._rows: dict[str, int] = {}          # real path -> row, so that two spellings of a path are one file
        self._found: dict[str, Sequence[int]] = {}
        self._real_folder = cache(os.path.realpath)
        self._names_in = cache(_names_in)

    def find(self, path: str) -> Sequence[int]:
        """Return the row of the file that a path names, or nothing."""
        found = self._found.get(path)
        if found is None:
            if len(self._found) > _MOST and not self._rows:      # a table may hold a million names without suffix
                return ()
            found = self._found[path] = self._look(*self._divide(path))
        return found

    def find_in_any_case(self, path: str) -> Sequence[int]:
        """Return the row of the only file that a path names if capital letters in its name make no difference; nothing
        if no path of the table names a file as it is written."""
        above, name = self._divide(path)
        names = self._names_in(above).get(name.casefold(), []) if self._rows else []
        return self._look(above, names[0]) if len(names) == 1 else ()

    def relative(self) -> tuple[Path, list[str]]:
        """Return (a folder that holds all files, the path of each file in it)."""
        here = self._real_folder(self.folder)
        if all(path.startswith(here.rstrip("/") + "/") for path in self._rows):
            return self.folder, [os.path.relpath(path, here) for path in self._rows]
        root = os.path.commonpath([os.path.dirname(path) for path in self._rows])
        return Path(root), [os.path.relpath(path, root) for path in self._rows]

    def _divide(self, path: str) -> tuple[str, str]:
        if "/" not in path and "\\" not in path:
            return self._folder, path
        return os.path.split(os.path.join(self._folder, path.replace("\\", "/")))

    def _look(self, above: str, name: str) -> Sequence[int]:
        file = os.path.join(above, name)
        try:
            facts = os.stat(file)
        except (OSError, ValueError):            # a NUL in the name
            return ()
        if not stat.S_ISREG(facts.st_mode):
            return ()
        row = self._rows.setdefault(os.path.join(self._real_folder(above), name), len(self._rows))
        if row == len(self.stamps):
            self.stamps.append((facts.st_size, facts.st_mtime_ns))
        return (row,)


def _names_in(folder: str) -> dict[str, list[str]]:
    """Return the names of what is in a folder, by how they are without capital letters."""
    try:
        names = os.listdir(folder)
    except (OSError, ValueError):                # there is none, or it may not be listed
        return {}
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.casefold(), []).append(name)
    return found
