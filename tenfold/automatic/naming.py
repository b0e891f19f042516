"""The name of a call that was given none, and what becomes of a run of that name on other images."""

from pathlib import Path
from typing import Any

from tenfold.data.errors import MachineFault, machine_fault
from tenfold.data.files import free_name, lock_folder
from tenfold.data.sources.table_files import TABLES

_LONGEST = 50                # this many characters of a folder's name are used: a file's name has 255 bytes at most


def absolute_path(data: Path) -> Path:
    """Return the absolute path as it was given: links are followed only before a "..", whose meaning depends on it."""
    path = data.absolute()
    if path.name == "..":
        return path.resolve()
    return path.parent.resolve() / path.name if ".." in path.parts else path


def default_name(data: Path) -> str:
    """Return "auto-" and the name of the images' folder or file, shortened, with "-" for characters that are unsafe."""
    path = absolute_path(data)
    name = path.stem if path.suffix.lower() in (".npz", *TABLES) else path.name
    return "auto-" + ("".join(c if c.isalnum() or c in "-_" else "-" for c in name[:_LONGEST]) or "images")


def is_of(call: dict[str, Any], data: Path, images: dict[str, Any]) -> bool:
    """Return whether a call was on the images at `data`; call: as State.call; images: their `image_set`."""
    try:
        return Path(str(call.get("data", data))).samefile(data)
    except (OSError, ValueError):                # its images are no longer where they were: these may be they
        return bool(call.get("images") == images)


def keep_run_of_others(run: Path, data: str) -> None:
    """Rename the folder of a finished run on other images, which were at `data`, so that nothing takes its place."""
    if not (run / "best.pth").exists():
        return
    kept = free_name(run)
    with lock_folder(run):
        try:
            run.rename(kept)
        except OSError as error:
            raise machine_fault(error, kept) or MachineFault(
                run, f"cannot be renamed ({error.strerror})", "move it away, or give another --name") from None
    print(f"{run}: the run that was there is of other images ({data}); it is now {kept}")
