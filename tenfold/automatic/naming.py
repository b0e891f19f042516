"""The name of a call that was given none: that of the images' folder, unless a call on other images has it."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tenfold.automatic.state import kept_call

_LONGEST = 50                # this many characters of folders' names are used: a file's name has 255 bytes at most


def absolute_path(data: Path) -> Path:
    """Return the absolute path as it was given: links are followed only before a "..", whose meaning depends on it."""
    path = data.absolute()
    if path.name == "..":
        return path.resolve()
    return path.parent.resolve() / path.name if ".." in path.parts else path


def race_folder(name: str) -> Path:
    """Return the folder in which a call of that name keeps its state and its trials."""
    return Path("runs") / f"{name}-race"


def default_name(data: Path, images: dict[str, Any]) -> tuple[str, str]:
    """Return the name of a call that was given none, and a line that says why it is a longer one, or "".

    images: their `image_set`. The same folder gets the same name again, also if images were added, or if it was moved.
    Else it is the first that no call on other images has: auto-<folder>, auto-<parent>-<folder>, then with a number.
    """
    free = ""
    for number, name in enumerate(_names(absolute_path(data))):
        call = kept_call(race_folder(name))
        if call and _is_of(call, data, images):
            return name, _reason(name, data)
        free = free or ("" if call else name)
        if free and number:                      # a number is given only after both names without one
            break
    return free, _reason(free, data)


def _is_of(call: dict[str, Any], data: Path, images: dict[str, Any]) -> bool:
    """Return whether a call was on the images at `data`."""
    try:
        return Path(str(call.get("data", data))).samefile(data)
    except (OSError, ValueError):                # its images are no longer where they were: these may be they
        return bool(call.get("images") == images)


def _reason(name: str, data: Path) -> str:
    """Return the line for a name that is not the first one, or ""."""
    first = next(_names(absolute_path(data)))
    call = kept_call(race_folder(first))
    if name == first or not call:
        return ""
    return f"{first} is the name of a run on {call.get('data')}, so this one is named {name}"


def _names(data: Path) -> Iterator[str]:
    """Yield the names for the images at an absolute path, in the order in which they are taken."""
    folder = data.stem if data.suffix == ".npz" else data.name
    name = f"auto-{_plain(folder)}"
    yield name
    if data.parent.name:
        yield (name := f"auto-{_plain(f'{data.parent.name}-{folder}')}")
    for number in itertools.count(2):
        yield f"{name}-{number}"


def _plain(name: str) -> str:
    """Return a name shortened, with "-" for characters that are unsafe in names of files."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name[:_LONGEST]) or "images"
