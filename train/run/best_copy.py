"""Keep ./best.pth, in the folder where the command was typed, a copy of a run's best.pth."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from tenfold.data.errors import MachineFault, UserFault
from tenfold.data.leftovers import publish_unlocked, remove_leftovers_of


def check_copy() -> None:
    """Raise MachineFault if ./best.pth, the copy of the model, is a folder."""
    if Path("best.pth").is_dir():
        raise MachineFault("best.pth", "is a folder, but the model is copied to that name", "move it away")


@contextlib.contextmanager
def copied_here(best: Path, resume: bool) -> Iterator[None]:
    """Copy the run's best.pth to the current folder on exit; if the run was stopped, only if it wrote best.pth."""
    check_copy()
    before = _stamp(best)
    try:
        yield
    except BaseException as stop:
        if best.exists() and (_stamp(best) != before or (resume and isinstance(stop, KeyboardInterrupt))):
            with contextlib.suppress(UserFault, OSError):     # the error that stopped the run is reported
                _copy_here(best)
        raise
    _copy_here(best)


def _stamp(path: Path) -> tuple[int, int] | None:
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None


def _copy_here(best: Path) -> None:
    here = Path("best.pth")
    if here.exists() and here.samefile(best):
        remove_leftovers_of(here)
    else:
        with publish_unlocked(here) as temporary:
            shutil.copyfile(best, temporary)
