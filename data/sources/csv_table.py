"""Read a .csv or .tsv file as people and programs write it: UTF-8 or UTF-16; commas, semicolons, tabs or blanks."""

import csv
import io
from collections import Counter
from pathlib import Path

from tenfold.data.errors import SourceFault, unreadable
from tenfold.data.files import read_file

TABLES = (".csv", ".tsv")    # suffixes
_MARKS = ",;\t "             # between the cells of a line
_LINES = 50                  # lines that decide which mark it is

Line = tuple[int, list[str]]                     # the number of a line, and its cells


def is_table(name: str) -> bool:
    """Whether a file of this name is a table."""
    return name.lower().endswith(TABLES)


def find_tables(name: str, root: Path) -> list[Path]:
    """Return the files that a recipe may mean by the name of a table, the likeliest first: the one that is given, and
    those of this path or name inside the images' folder `root`."""
    return [file for file in dict.fromkeys((Path(name), root / name, root / Path(name).name)) if file.exists()]


def read_table(file: Path, cure: str, key: str) -> list[Line]:
    """Return the lines of a table that are not empty, with cells without blanks at their ends.

    cure: how to write such a table. key: of the recipe, which names it. SourceFault: it is no table.
    """
    try:
        content = read_file(file)
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))       # "Unicode text" of Excel
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
        return _read(text, _mark(text))
    except OSError as error:
        raise unreadable(error, file) or SourceFault(file, error.strerror or "cannot be read",
                                                     f"give {key} the name of a .csv file") from None
    except csv.Error as error:
        raise SourceFault(file, f"is not a .csv file ({error}: perhaps a quotation mark is not closed)",
                          f"{cure} in UTF-8") from None
    except ValueError as error:
        raise SourceFault(file, f"is not a .csv file ({error})", f"{cure} in UTF-8") from None


def _read(text: str, mark: str) -> list[Line]:
    """Return the lines of a text. csv.Error: a quotation mark is not closed, and has swallowed lines behind it."""
    try:
        return _split(text, mark, strict=True)
    except csv.Error:                            # or there are blanks behind it: "a.png" ,"cat"
        lines = _split(text, mark)
        if any("\n" in cell or "\r" in cell for _, cells in lines for cell in cells):
            raise
        return lines


def _split(text: str, mark: str, most: int | None = None, strict: bool = False) -> list[Line]:
    """Return the lines of a text; most: so many lines at most. strict: csv.Error if quotation marks are odd."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=mark, skipinitialspace=mark != "\t", strict=strict)
    found: list[Line] = []
    for row in lines:
        if any(row):
            found.append((lines.line_num, [cell.strip() for cell in row]))
            if len(found) == most:
                break
    return found


def _mark(text: str) -> str:
    """Return the mark that gives the most lines the same number of cells, more than one."""
    def alike(mark: str) -> int:
        widths = Counter(len(cells) for _, cells in _split(text, mark, _LINES))
        return max((count for width, count in widths.items() if width > 1), default=0)
    return max(_MARKS, key=alike)                # a comma, where several do
