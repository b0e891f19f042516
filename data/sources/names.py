"""Names of classes: one spelling for each, those that look alike, and lists of names that stay short."""

import re
import unicodedata
from collections.abc import Iterable

from tenfold.data.command import readable


def one_spelling(name: str) -> str:
    """The name in Unicode's composed form (NFC): file systems store "é" in two ways."""
    return unicodedata.normalize("NFC", name)


def appearance(name: str) -> str:
    """What a reader sees of a name, equal for names that look alike: no case, no blanks at its ends, one kind of
    blank, no invisible characters."""
    shown = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf")
    return re.sub(r"\s+", " ", shown).strip().casefold()


def look_alikes(names: Iterable[str]) -> list[list[str]]:
    """The groups of names that look alike."""
    groups = {}
    for name in names:
        groups.setdefault(appearance(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def quoted(name: str) -> str:
    """A name in quotes, so that blanks at its ends are seen; unusual blanks and unprintable characters as codes."""
    return "'" + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in name) + "'"


def class_differences(known: list[str], found: list[str]) -> list[str]:
    """What differs between the classes that a model knows and those found; names that look alike side by side."""
    extra = sorted(set(found) - set(known))
    lacking = sorted(set(known) - set(found))
    alike = {appearance(name): name for name in lacking}
    twins = {name: alike[appearance(name)] for name in extra if appearance(name) in alike}
    paired = {*twins, *twins.values()}
    return [f"{words} {some(names, 5)}" for words, names in (
        ("the data has", [f"{quoted(a)} where the model has {quoted(b)}" for a, b in twins.items()]),
        ("the model does not know", [quoted(c) for c in extra if c not in paired]),
        ("the data lacks", [quoted(c) for c in lacking if c not in paired])) if names]


def some(items: Iterable[str], most: int = 6, last: str = ", ") -> str:
    """"a, b, c and 4 others": as many as a line bears. last: what joins the final two when all are named."""
    items = list(items)
    if len(items) > most:
        others = len(items) - most
        return ", ".join(items[:most]) + f" and {others} other{'s' if others > 1 else ''}"
    return last.join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def counted(count: int, word: str) -> str:
    """"1 image", "2 images"."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def folder_name(path: str) -> str:
    """A folder for a message: "train/"."""
    return readable(path) + "/"
