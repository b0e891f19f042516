"""Find the files that the paths in a table name as they are written."""

import os
import stat
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from unicodedata import normalize

from tenfold.data.sources.class_names import one_spelling

_MOST = 20_000               # paths that name no file; after so many, none does


class NamedFiles:
    """Finds files by paths relative to a folder, or absolute ones, and keeps a row for each file that was found.

    An "é" in the name of a file may be stored in Unicode's composed form or, as by a Mac, in the other one (NFD).
    """

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
            found = self._found[path] = next(filter(None, (self._look(*way) for way in self._ways(path))), ())
        return found

    def find_in_any_case(self, path: str) -> Sequence[int]:
        """Return the row of the only file that a path names if capital letters in its name make no difference; nothing
        if no path of the table names a file as it is written."""
        for above, name in self._ways(path) if self._rows else ():
            names = self._names_in(above).get(_in_small_letters(name), [])
            if names:
                return self._look(above, names[0]) if len(names) == 1 else ()
        return ()

    def relative(self) -> tuple[Path, list[str]]:
        """Return (a folder that holds all files, the path of each file in it)."""
        here = self._real_folder(self.folder)
        if all(path.startswith(here.rstrip("/") + "/") for path in self._rows):
            return self.folder, [os.path.relpath(path, here) for path in self._rows]
        root = os.path.commonpath([os.path.dirname(path) for path in self._rows])
        return Path(root), [os.path.relpath(path, root) for path in self._rows]

    def _ways(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield (folder, name) of a path as it is written, and then in the other forms in which they may be stored."""
        plain = path.replace("\\", "/")
        above, name = os.path.split(plain) if "/" in plain else ("", plain)
        for folder in _forms(above):
            for file in _forms(name):
                yield os.path.join(self._folder, folder) if folder else self._folder, file

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


def _forms(name: str) -> Sequence[str]:
    """Return a name as it is, and in Unicode's composed and decomposed form if these differ from it."""
    return (name,) if name.isascii() else [*dict.fromkeys((name, one_spelling(name), normalize("NFD", name)))]


def _in_small_letters(name: str) -> str:
    return one_spelling(one_spelling(name).casefold())


def _names_in(folder: str) -> dict[str, list[str]]:
    """Return the names of what is in a folder, by how they are without capital letters."""
    try:
        names = os.listdir(folder)
    except (OSError, ValueError):                # there is none, or it may not be listed
        return {}
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_in_small_letters(name), []).append(name)
    return found
