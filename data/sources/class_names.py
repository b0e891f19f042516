"""Compare class names: normalise their Unicode, find names that look alike, list the differences of two sets."""

import re
import unicodedata
from collections.abc import Iterable

from tenfold.data.wording import quoted, some


def one_spelling(name: str) -> str:
    """Return the name in Unicode's composed form (NFC), because file systems store "é" in two ways."""
    return unicodedata.normalize("NFC", name)


def appearance(name: str) -> str:
    """Return a key that is equal for names that look alike: it ignores case, blanks at the ends, kinds of blanks and
    invisible characters."""
    shown = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf")
    return re.sub(r"\s+", " ", shown).strip().casefold()


def look_alikes(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of names that look alike."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(appearance(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def class_differences(known: list[str], found: list[str]) -> list[str]:
    """List the differences between a model's classes and those found; names that look alike are paired."""
    extra = sorted(set(found) - set(known))
    lacking = sorted(set(known) - set(found))
    alike = {appearance(name): name for name in lacking}
    twins = {name: alike[appearance(name)] for name in extra if appearance(name) in alike}
    paired = {*twins, *twins.values()}
    return [f"{words} {some(names, 5)}" for words, names in (
        ("the data has", [f"{quoted(a)} where the model has {quoted(b)}" for a, b in twins.items()]),
        ("the model does not know", [quoted(c) for c in extra if c not in paired]),
        ("the data lacks", [quoted(c) for c in lacking if c not in paired])) if names]
