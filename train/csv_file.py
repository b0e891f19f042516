"""Write the tables of a run, a score, a sweep or predictions as CSV files, which a spreadsheet may open."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tenfold.data.files import publish

# https://owasp.org/www-community/attacks/CSV_Injection; a sign alone, which may be the name of a class, is no formula
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠].", re.DOTALL)
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")       # surrogates that do not stand for a byte of a file name


@contextmanager
def open_table(path: str | Path, head: Iterable[str]) -> Iterator[Callable[[Iterable[Any]], Any]]:
    """Write a CSV file, whole or not at all: yields the function that writes a row of values below `head`.

    File names need not be valid UTF-8. Texts that a spreadsheet would take for a formula are written as `as_cell` says.
    """
    with publish(path) as temporary, open(temporary, "w", newline="", encoding="utf-8",
                                          errors="surrogateescape") as f:
        writer = csv.writer(f)

        def write(row: Iterable[Any]) -> None:
            writer.writerow(map(as_cell, row))
        write(head)
        yield write


def write_csv(path: str | Path, rows: list[dict]) -> None:
    """Write a header and a line for each dictionary, with a column for every key that occurs."""
    head = list(dict.fromkeys(key for row in rows for key in row))
    with open_table(path, head) as write:
        for row in rows:
            write(row.get(key, "") for key in head)


def write_metrics(path: str | Path, history: list[dict]) -> None:
    """Write metrics.csv: one line per epoch, numbers with six digits."""
    write_csv(path, [{k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in history])


def as_cell(value: Any) -> Any:
    """Return a value for a cell: a text that a spreadsheet would run as a formula gets a ' in front."""
    if not isinstance(value, str):
        return value
    value = _NO_BYTE.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
    return f"'{value}" if _FORMULA.match(value) and not _is_number(value) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text
