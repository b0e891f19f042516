"""Read a .json or .jsonl file of images and their labels as the lines of a table."""

import json
from typing import Any

from tenfold.data.sources.csv_table import Line, divide_lines

_NAMES = ("path", "label")   # of the columns of {"1.png": "cat"}


def lines_of_json(text: str, by_line: bool = False) -> list[Line]:
    """Return the entries of {"1.png": "cat"}, {"1.png": {"label": "cat"}}, [["1.png", "cat"]] or [{"image": "1.png",
    "label": "cat"}], numbered from 1; where their values have names, below a line of these.

    by_line: each line is an entry. ValueError: the text is none of these.
    """
    content = [json.loads(line) for line in divide_lines(text) if line.strip()] if by_line else json.loads(text)
    entries = [_named(path, value) for path, value in content.items()] if isinstance(content, dict) else content
    if not isinstance(entries, list) or not all(isinstance(entry, type(entries[0])) for entry in entries):
        raise ValueError("it is no list of images")
    if not entries or isinstance(entries[0], list):
        return [(number, [*map(_cell, entry)]) for number, entry in enumerate(entries, 1)]
    if not isinstance(entries[0], dict):
        raise ValueError("it is no list of images")
    names = [*dict.fromkeys(name for entry in entries for name in entry)]
    return [(0, names), *((number, [_cell(entry.get(name)) for name in names])
                          for number, entry in enumerate(entries, 1))]


def _named(path: str, value: Any) -> dict[str, Any]:
    return {_NAMES[0]: path, **value} if isinstance(value, dict) else {_NAMES[0]: path, _NAMES[1]: value}


def _cell(value: Any) -> str:
    """Return a value as the cell of a table: of several ones all, with a bar between them."""
    if isinstance(value, list):
        return "|".join(map(_cell, value))
    return "" if value is None or isinstance(value, dict) else str(value).strip()
