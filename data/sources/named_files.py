"""Find the files that the paths in a table name as they are written."""

import os
import stat
from functools import cache
from pathlib import Path


class NamedFiles:
    """Finds files by paths relative to a folder, or absolute ones, and keeps a row for each file that was found."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.stamps: list[tuple[int, int]] = []  # (size in bytes, time of change in ns) of each file
        self._rows: dict[str, int] = {}          # real path -> row, so that two spellings of a path are one file
        self._found: dict[str, list[int]] = {}
        self._real_folder = cache(os.path.realpath)

    def find(self, path: str) -> list[int]:
        """Return the row of the file that a path names, in a list; []: there is none."""
        if path not in self._found:
            self._found[path] = self._look(path.replace("\\", "/"))
        return self._found[path]

    def relative(self) -> tuple[Path, list[str]]:
        """Return (a folder that holds all files, the path of each file in it)."""
        here = self._real_folder(self.folder)
        if all(path.startswith(here.rstrip("/") + "/") for path in self._rows):
            return self.folder, [os.path.relpath(path, here) for path in self._rows]
        root = os.path.commonpath([os.path.dirname(path) for path in self._rows])
        return Path(root), [os.path.relpath(path, root) for path in self._rows]

    def _look(self, path: str) -> list[int]:
        file = os.path.join(self.folder, path)
        try:
            facts = os.stat(file)
        except (OSError, ValueError):            # a NUL in the name
            return []
        if not stat.S_ISREG(facts.st_mode):
            return []
        above, name = os.path.split(file)
        row = self._rows.setdefault(os.path.join(self._real_folder(above), name), len(self._rows))
        if row == len(self.stamps):
            self.stamps.append((facts.st_size, facts.st_mtime_ns))
        return [row]
