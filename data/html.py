"""Tables and pictures as HTML, as notebooks show them for a run, a score or predictions."""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from tenfold.data.figures import save_figure
from tenfold.data.wording import readable

MOST_ROWS = 30               # of a table in a notebook


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a title and a table as HTML. Floats have four decimals; rows beyond MOST_ROWS are only counted."""
    rows = list(rows)
    lines = ["<tr>" + "".join(f"<th>{_cell(name)}</th>" for name in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows[:MOST_ROWS]]
    more = f"<p>… and {len(rows) - MOST_ROWS} more</p>" if len(rows) > MOST_ROWS else ""
    return f"<p><b>{_cell(title)}</b></p><table>{''.join(lines)}</table>{more}"


def figure_html(figure: Any, words: str) -> str:
    """Return a matplotlib Figure as an HTML picture; `words` say what it shows."""
    picture = io.BytesIO()
    save_figure(figure, picture, dpi=80)
    return f'<img alt="{_cell(words)}" src="data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}">'


def _cell(value: object) -> str:
    return escape(f"{value:.4f}" if isinstance(value, float) else readable(str(value)))
