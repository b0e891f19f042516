"""Open regular files only, write files atomically (whole or not at all), and lock a folder against other commands."""

import contextlib
import errno
import fcntl
import itertools
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from tenfold.data.errors import MachineFault, machine_fault

TEMPORARY = ".part-"     # prefix of temporary files; the next build removes those that a killed one left
IN_USE = "another command is writing here"       # the fact of the fault of a folder that is locked
ENDING = 3.0             # seconds for which the worker processes of a killed command may still hold a lock
_SPECIAL = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"),
            (stat.S_ISBLK, "a device"))


def open_file(path: str | os.PathLike[str], mode: str = "rb", **text: Any) -> Any:
    """Open a regular file like `open`; a pipe, socket or device is refused at once instead of waiting for it.

    OSError: it does not exist, or is something else, as `strerror` says. IsADirectoryError: it is a folder.
    """
    return open(path, mode, opener=open_descriptor, **text)


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Return all bytes of a regular file. OSError as for `open_file`."""
    with open(open_descriptor(path), "rb", buffering=0) as f:
        return f.readall()


def open_descriptor(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> int:
    """Open a regular file like `os.open`. OSError as for `open_file`."""
    try:                                         # O_NONBLOCK: do not wait for a writer to a pipe
        file = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:                     # of a socket, or of a pipe or folder opened for writing
        if error.errno in (errno.ENXIO, errno.EOPNOTSUPP, errno.EISDIR):
            raise _not_a_file(os.stat(path).st_mode, path) or error from None
        raise
    fault = _not_a_file(os.fstat(file).st_mode, path)
    if fault:
        os.close(file)
        raise fault
    return file


def _not_a_file(mode: int, path: str | os.PathLike[str]) -> OSError | None:
    """Return the error for something that is not a regular file; None: it is one."""
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        return IsADirectoryError(errno.EISDIR, "is a folder, not a file", os.fspath(path))
    kind = next((name for is_one, name in _SPECIAL if is_one(mode)), "something else")
    return OSError(errno.EINVAL, f"is {kind}, not a file", os.fspath(path))


@contextlib.contextmanager
def publish(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is fsynced and renamed to `path`, else removed.

    MachineFault: the disk is full, or the folder may not be written.
    """
    path = Path(path)
    if path.is_dir():
        raise MachineFault(path, "is a folder", "choose another name, or move it away")
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    try:
        yield temporary
        with open(temporary, "rb+") as f:
            os.fsync(f.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        fault = isinstance(error, Exception) and machine_fault(error, path)
        if fault:
            raise fault from None
        raise


@contextlib.contextmanager
def publish_together(folder: str | os.PathLike[str], names: Iterable[str]) -> Iterator[Path]:
    """Yield a temporary folder for files that belong together; on success all of them are moved into `folder`.

    Otherwise none is moved, and the files in `folder` stay. Temporary folders of killed processes are removed. names:
    of these files; a file that was not written is removed from `folder`, because it belongs to an earlier call.
    MachineFault: the disk is full, a name is that of a folder, or the folder may not be written.
    """
    from tenfold.data.leftovers import remove_leftovers_of
    folder, names = Path(folder), list(names)
    for name in names:
        if (folder / name).is_dir():
            raise MachineFault(folder / name, "is a folder", "move it away, or write to another folder")
    place = folder / f"{TEMPORARY}{os.getpid()}-together"
    try:
        remove_leftovers_of(folder / "together")
        shutil.rmtree(place, ignore_errors=True)             # left by a killed process that had the same id
        place.mkdir()
        yield place
        for name in names:
            if (place / name).exists():
                os.replace(place / name, folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
    except MachineFault as fault:                # name the folder, not the temporary one
        raise MachineFault(fault.where.replace(str(place), str(folder)), fault.fact, fault.cure) from None
    except OSError as error:
        raise machine_fault(error, folder) or error from None
    finally:
        shutil.rmtree(place, ignore_errors=True)


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make the folder if need be, check that it can be written to, and return it. Raises MachineFault."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        _write_nothing(path)
    except OSError as error:
        raise machine_fault(error, path) or MachineFault(
            path, error.strerror or "cannot be made", "choose another folder") from None
    return path


def _write_nothing(folder: Path) -> None:
    """Create a file and remove it; on Linux an unnamed one, which a killed process cannot leave. OSError: refused."""
    if hasattr(os, "O_TMPFILE"):
        try:
            os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
            return
        except OSError as error:                 # not supported by this file system or kernel
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                raise
    probe = folder / f"{TEMPORARY}{os.getpid()}-probe"
    probe.touch()
    probe.unlink()


def set_aside_previous(folder: str | os.PathLike[str], names: Iterable[str], signs: Iterable[str]) -> str | None:
    """Move the files of an earlier run from `folder` to <folder>.previous; return the line to print, or None.

    names: the files that a run writes; other files in the folder stay. There is an earlier run if one of the files
    `signs` exists. A run that was set aside before is removed. The caller has locked the folder (`lock_folder`).
    """
    folder, signs = Path(folder), list(signs)
    names = [*(name for name in names if name not in signs), *signs]     # signs last, so a killed call can be repeated
    if not any((folder / sign).exists() for sign in signs):
        return None
    for name in names:
        if (folder / name).is_dir():
            raise MachineFault(folder / name, "is a folder", "move it away, or write to another folder")
    whole = folder.resolve()                     # because "." has no name
    previous = whole.with_name(f"{whole.name}.previous")
    shown = previous if folder.name in ("", "..") else folder.with_name(previous.name)
    older = any((previous / sign).exists() for sign in signs)
    try:
        previous.mkdir(exist_ok=True)
        for name in names if older else ():
            (previous / name).unlink(missing_ok=True)
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.replace(whole / name, previous / name)
    except OSError as error:
        raise machine_fault(error, previous) or MachineFault(
            previous, error.strerror or "cannot be made", "move it away, or write to another folder") from None
    return f"{folder}: the run that was there is now in {shown}" + (", in place of an older one" if older else "")


def free_name(path: Path, suffix: str = "") -> Path:
    """Return the first of the paths `<path>-before-1<suffix>`, `<path>-before-2<suffix>`, … that does not exist."""
    names = (path.with_name(f"{path.name}-before-{number}{suffix}") for number in itertools.count(1))
    return next(name for name in names if not name.exists())


@contextlib.contextmanager
def lock_folder(folder: Path, name: str = ".lock", cure: str = "wait for it, or write to another folder"
                ) -> Iterator[TextIO]:
    """Lock the folder, so that a second build into it is refused; the system releases the lock of a killed process.

    name: of the file that is locked. Yields that file: a process that inherits it holds the lock, too. The worker
    processes of a killed command end a moment after it (`end_with`), so a build waits some seconds for the lock before
    it is refused.
    """
    until = time.monotonic() + ENDING
    with open_file(folder / name, "w") as f:
        while not _is_locked(f):
            if time.monotonic() > until:
                raise MachineFault(folder, IN_USE, cure)
            time.sleep(0.05)
        yield f


def _is_locked(file: TextIO) -> bool:
    """Try to lock an open file; return whether that succeeded, or False if another process holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
