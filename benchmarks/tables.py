"""python -m benchmarks.tables: the tables of docs/benchmarks.md as Markdown, out of benchmarks/results.tsv.

A table for loading, one for the peers of the loader, one for those of augmenting: a row a setting, a column a set. Of
each question only the rows of its newest day count.
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks.plots import newest
from tenfold.data.command import make_parser, run

# question begins so, and ends so -> what the ratio of a row is, in words
TABLES = {("loading ", ", shuffled images/s"): "images/s, share of a plain copy by one core",
          ("peers ", ", shuffled images/s"): "images/s",
          ("augmenting, copies/s beside others, ", ""): "copies/s, how many times as fast ours is"}


def table(begin: str, end: str, what: str) -> list[str]:
    """The lines of one table; none where there are no rows."""
    columns: dict[str, dict[str, str]] = {}
    for question, rows in newest(begin).items():
        day = max(row["date"] for row in rows.values())
        columns[question.removeprefix(begin).removesuffix(end)] = {
            who: cell(row, what) for who, row in rows.items() if row["date"] == day}
    settings = list(dict.fromkeys(who for column in columns.values() for who in column))
    lines = [f"| {what} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {who} | {' | '.join(column.get(who, '') for column in columns.values())} |" for who in settings]
    return lines if settings else []


def cell(row: dict[str, str], what: str) -> str:
    """Such as "8.7 M, 36%" or "5.3 k (4.4×)"."""
    median, ratio = short(float(row["median"])), float(row["ratio"] or 0)
    return f"{median}, {ratio:.0%}" if "share" in what else f"{median} ({ratio:.2g}×)" if "times" in what else median


def short(rate: float) -> str:
    """Two or three figures: 8.7 M, 148 k, 332."""
    for unit, size in ((" M", 1e6), (" k", 1e3)):
        if rate >= size:
            return f"{rate / size:.{2 if rate < 2 * size else 1 if rate < 20 * size else 0}f}{unit}"
    return f"{rate:.0f}"


def measure(args: argparse.Namespace) -> dict:
    """Print all TABLES whose rows there are."""
    made = [lines for (begin, end), what in TABLES.items() if (lines := table(begin, end, what))]
    print(*(line for lines in made for line in [*lines, ""]), sep="\n")    # a newline in a word would be escaped
    return {"tables": len(made)}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(measure, make_parser("python -m benchmarks.tables", "Print the tables of docs/benchmarks.md.")
               .parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
