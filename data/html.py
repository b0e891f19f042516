"""Small HTML tables, as notebooks show them for a run, a score or predictions."""

from collections.abc import Iterable, Sequence
from html import escape

MOST_ROWS = 30               # of a table in a notebook


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A title and a table as HTML; numbers that are not whole have four digits, rows beyond MOST_ROWS are counted."""
    rows = list(rows)
    lines = ["<tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows[:MOST_ROWS]]
    more = f"<p>… and {len(rows) - MOST_ROWS} more</p>" if len(rows) > MOST_ROWS else ""
    return f"<p><b>{escape(title)}</b></p><table>{''.join(lines)}</table>{more}"


def _cell(value: object) -> str:
    return escape(f"{value:.4f}" if isinstance(value, float) else str(value))
