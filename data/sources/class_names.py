"""Compare class names: one spelling for each, those that look alike, what differs between two lists."""

import re
import unicodedata
from collections.abc import Iterable

from tenfold.data.wording import quoted, some


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
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(appearance(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


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
