"""Find the files that the paths in a table name as they are written."""

import os
import stat
from functools import cache
from pathlib import Path


class NamedFiles:
    """Finds files by paths relative to a folder, or absolute ones, and keeps a row for each file that was found."""

    def __init__(self, folder: Path):
        self.folder, self._folder = folder, str(folder)
        self.stamps: list[tuple[int, int]] = []  # (size in bytes, time of change in ns) of each file
        self._rows: dict[str, int] = {}          # real path -> row, so that two spellings of a path are one file
        self._found: dict[str, list[int]] = {}
        self._names: dict[str, dict[str, list[str]]] = {}    # of the files in a folder that lacked one, in lower case
        self._real_folder = cache(os.path.realpath)

    def find(self, path: str) -> list[int]:
        """Return the row of the file that a path names, in a list; []: there is none."""
        if path not in self._found:
            self._found[path] = self._look(*self._divide(path))
        return self._found[path]

    def find_in_any_case(self, path: str) -> list[int]:
        """Return the row of the only file that a path names if capital letters in its name make no difference."""
        above, name = self._divide(path)
        names = self._names.get(above, {}).get(name.casefold(), [])
        return self._look(above, names[0]) if len(names) == 1 else []

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

    def _look(self, above: str, name: str) -> list[int]:
        if above in self._names and name not in self._names[above].get(name.casefold(), ()):
            return []                            # without asking for it: a table may name very many
        file = os.path.join(above, name)
        try:
            facts = os.stat(file)
        except (OSError, ValueError):            # a NUL in the name
            self._list(above)
            return []
        if not stat.S_ISREG(facts.st_mode):
            return []
        row = self._rows.setdefault(os.path.join(self._real_folder(above), name), len(self._rows))
        if row == len(self.stamps):
            self.stamps.append((facts.st_size, facts.st_mtime_ns))
        return [row]

    def _list(self, above: str) -> None:
        """Keep the names of the files in a folder."""
        if above in self._names:
            return
        try:
            names = os.listdir(above)
        except (OSError, ValueError):            # there is none, or it may not be listed
            return
        found = self._names[above] = {}
        for name in names:
            found.setdefault(name.casefold(), []).append(name)
