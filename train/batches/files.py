"""Open the shard files of a split on demand, because a set may have more files than a process may keep open."""

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from tenfold.data.errors import AUGMENT_AGAIN, ShardFault, unreadable
from tenfold.data.files import open_descriptor

KEPT = 64                    # files open at once, or one for each thread; macOS allows a process 256, Linux 1,024. To
                             # open a file takes 14 µs, to read 2 MB of it 120 µs and more


@dataclass
class _Open:
    file: int
    readers: int = 0


class Files:
    """A thread-safe cache of open files: the latest used stay open, and none is closed while it is read."""

    def __init__(self, paths: list[Path]):
        self._paths, self._lock = paths, Lock()
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._stamps = [_seen(path) for path in paths]

    @contextmanager
    def lent(self, number: int) -> Iterator[int]:
        """Yield the file's descriptor. ShardFault: the file has changed since the set was opened."""
        with self._lock:
            entry = self._open.get(number) or self._opened(number)
            self._open.move_to_end(number)
            entry.readers += 1
        try:
            yield entry.file
        finally:
            with self._lock:
                entry.readers -= 1

    def _opened(self, number: int) -> _Open:
        if len(self._open) >= KEPT:
            idle = [n for n, one in self._open.items() if not one.readers]
            for oldest in idle[:len(self._open) - KEPT + 1]:
                os.close(self._open.pop(oldest).file)
        file = open_descriptor(self._paths[number])
        if _stamp(os.fstat(file)) != self._stamps[number]:
            os.close(file)
            raise ShardFault(self._paths[number], "was replaced while it was read", "start again")
        self._open[number] = _Open(file)
        return self._open[number]

    def close(self) -> None:
        """Close all files."""
        while self._open:
            os.close(self._open.popitem()[1].file)


def _seen(path: Path) -> tuple[int, int, int]:
    try:
        return _stamp(os.stat(path))
    except OSError as error:
        raise unreadable(error, path) or ShardFault(path, f"cannot be read ({error.strerror})",
                                                    AUGMENT_AGAIN) from None


def _stamp(facts: os.stat_result) -> tuple[int, int, int]:
    """Return facts that change when a file is replaced: then the labels that were read from it no longer fit."""
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
