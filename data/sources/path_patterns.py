"""Patterns on the paths of images in a recipe, "path:REGEX": what they match is a group or a label."""

import re
from collections.abc import Iterable

from tenfold.data.errors import RecipeFault
from tenfold.data.sources.class_names import one_spelling

PATTERN = "path:"


def check_pattern(text: str, where: str, example: str) -> None:
    """Raise RecipeFault if `text`, "path:REGEX", holds no valid pattern. example: a pattern that fits the key."""
    try:
        re.compile(text[len(PATTERN):])
    except (re.error, OverflowError, RecursionError) as error:
        raise RecipeFault(where, f"is {text!r}, and that is no regular expression ({error})",
                          "see docs.python.org/3/library/re.html") from None
    if text == PATTERN:
        raise RecipeFault(where, "names no pattern", f"give one, such as path:{example}")


def matches(text: str, paths: Iterable[str]) -> list[str | None]:
    """Return, for each path, the first group of the match of `text`, "path:REGEX", that is not empty; None: no match.

    A pattern without groups gives the whole match.
    """
    pattern = re.compile(one_spelling(text[len(PATTERN):]))
    return [_matched(pattern.search(one_spelling(path))) for path in paths]


def _matched(match: re.Match[str] | None) -> str | None:
    if not match:
        return None
    return next((found for found in match.groups() if found), None) if match.re.groups else match[0] or None
