"""Read the text of a table as people and programs write it: commas, semicolons, tabs or blanks between its cells."""

import csv
import io
import re
from collections import Counter

from tenfold.data.sources.formats import SUFFIXES

_MARKS = ",;\t "             # between the cells of a line
_LINES = 50                  # lines that decide which mark it is
# a path with the suffix of a picture, which may hold blanks, and what follows it
_ENTRY = re.compile(rf"\s*(\S.*?(?:{'|'.join(map(re.escape, sorted(SUFFIXES)))}))\s+(\S.*?)\s*", re.IGNORECASE)
# what Excel writes above a table to name its mark
_SEP = re.compile(r"\A(\"?)sep=.\1(?=[\r\n])", re.IGNORECASE)

Line = tuple[int, list[str]]                     # the number of a line, and its cells


def lines_of_csv(text: str) -> list[Line]:
    """Return the lines of a .csv or .tsv file that are not empty, as lists of stripped cells.

    A first line "sep=;", by which Excel names the mark, is none. csv.Error: a quotation mark is not closed, and has
    swallowed lines behind it.
    """
    text = _SEP.sub("", text)
    mark = _mark(text)
    try:
        return _split(text, mark, strict=True)
    except csv.Error:                            # or there are blanks behind it: "a.png" ,"cat"
        lines = _split(text, mark)
        if any("\n" in cell or "\r" in cell for _, cells in lines for cell in cells):
            raise
        return lines


def divide_lines(text: str) -> list[str]:
    """Return the lines of a text as an editor counts them: other than str.splitlines, U+2028 and the like end none."""
    return re.split(r"\r\n|\n|\r", text)


def lines_of_list(text: str) -> list[Line]:
    """Return the lines of a list "images/1.jpg cat"; the cells are divided by blanks, or as in a .csv file.

    A path that ends like a picture's may hold blanks; so may the label, unless there are several columns of labels.
    csv.Error: as for `lines_of_csv`.
    """
    if _mark(text) != " ":
        return lines_of_csv(text)
    written = [(number, line) for number, line in enumerate(divide_lines(text), 1) if line.strip()]
    entries = [_ENTRY.fullmatch(line) for _, line in written]
    widths = {len(entry[2].split()) for entry in entries if entry}
    return [(number, [entry[1], *(entry[2].split() if len(widths) == 1 else [entry[2]])] if entry else line.split())
            for (number, line), entry in zip(written, entries, strict=True)]


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
