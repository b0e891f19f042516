"""Write the tables of a run, a score or a sweep as CSV files."""

import csv
from pathlib import Path

from tenfold.data.files import publish


def write_csv(path: str | Path, rows: list[dict]) -> None:
    """Write a header and one line per dictionary; file names need not be valid UTF-8."""
    with publish(path) as temporary, open(temporary, "w", newline="", encoding="utf-8",
                                          errors="surrogateescape") as f:
        writer = csv.DictWriter(f, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def write_metrics(path: str | Path, history: list[dict]) -> None:
    """Write metrics.csv: one line per epoch, numbers with six digits."""
    write_csv(path, [{k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in history])
