"""Remove the temporary files that killed processes left behind."""

import contextlib
import glob
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tenfold.data.files import TEMPORARY, publish


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that a killed run left in the folder, not those that another process is writing."""
    for path in folder.glob(f"{TEMPORARY}*"):
        if path.name.startswith(f"{TEMPORARY}{os.getpid()}-") or _is_left(path):
            _remove(path)


def remove_leftovers_of(path: Path) -> None:
    """Remove temporary files of `path` that were left by processes that no longer exist."""
    for left in path.parent.glob(f"{TEMPORARY}*-{glob.escape(path.name)}"):
        if _is_left(left):
            _remove(left)


def _is_left(path: Path) -> bool:
    """Return whether the process that wrote a temporary file has ended."""
    number = path.name.removeprefix(TEMPORARY).partition("-")[0]
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (ValueError, OverflowError, OSError):                 # not the id of a process, or it still runs
        pass
    return False


def _remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):       # gone, or another user's
            path.unlink()


@contextlib.contextmanager
def publish_unlocked(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Publish a file (see `publish`) into a folder that is not locked, and remove leftovers of killed processes."""
    remove_leftovers_of(Path(path))
    with publish(path) as temporary:
        yield temporary


@contextlib.contextmanager
def leftovers_removed(*folders: Path) -> Iterator[None]:
    """Remove leftovers on entry (of a killed run) and on exit (of stopped workers)."""
    for folder in folders:
        remove_leftovers(folder)
    try:
        yield
    finally:
        for folder in folders:
            remove_leftovers(folder)
