"""Find and read the tables that say something of each image: .csv, .tsv, .txt, .json and .jsonl files."""

import csv
import re
from pathlib import Path

from tenfold.data.errors import SourceFault, unreadable
from tenfold.data.files import read_file
from tenfold.data.sources.csv_table import Line, lines_of_csv, lines_of_list
from tenfold.data.sources.json_table import lines_of_json

TABLES = (".csv", ".tsv", ".txt", ".json", ".jsonl")     # suffixes
WORKBOOKS = (".xlsx", ".xls", ".ods")                    # of the tables of Excel and others, which are not read
SAVE_AS_CSV = "save its sheet as .csv (in Excel: Save As, CSV UTF-8), and give that"
_COLUMN = re.compile(rf"(.+(?:{'|'.join(map(re.escape, TABLES))})):(.+)", re.IGNORECASE | re.DOTALL)


def is_table(name: str) -> bool:
    """Return whether a file of this name is a table."""
    return name.lower().endswith(TABLES)


def divide_column(text: str) -> tuple[str, str]:
    """Return (file, column) of "labels.csv:breed"; the column is "" if there is none."""
    found = None if is_table(text) else _COLUMN.fullmatch(text)
    return (found[1], found[2]) if found else (text, "")


def find_tables(name: str, root: Path) -> list[Path]:
    """Return the files that a recipe may mean by the name of a table, the likeliest first: the one that is given, and
    those of this path or name inside the images' folder `root`."""
    return [file for file in dict.fromkeys((Path(name), root / name, root / Path(name).name)) if file.exists()]


def read_table(file: Path, cure: str, key: str) -> list[Line]:
    """Return the lines of a table that are not empty, as lists of stripped cells.

    cure: how to write such a table. key: of the recipe, which names it. SourceFault: the file is not a table.
    """
    suffix = file.suffix.lower()
    kind = suffix if suffix in TABLES else ".csv"
    try:
        content = read_file(file)
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))       # "Unicode text" of Excel
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
        if kind in (".json", ".jsonl"):
            return lines_of_json(text, kind == ".jsonl")
        return lines_of_list(text) if kind == ".txt" else lines_of_csv(text)
    except OSError as error:
        raise unreadable(error, file) or SourceFault(file, error.strerror or "cannot be read",
                                                     f"give {key} the name of a .csv file") from None
    except csv.Error as error:
        raise SourceFault(file, f"is not a {kind} file ({error}: perhaps a quotation mark is not closed)",
                          f"{cure} in UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise SourceFault(file, f"is not a {kind} file of labels ({error})" if "json" in kind else
                          f"is not a {kind} file ({error})", f"{cure} in UTF-8") from None


def place_in(file: Path, number: int) -> str:
    """Return "labels.csv, line 3", with which a message about that line begins."""
    return f"{file}, {line_word(file)} {number}"


def line_word(file: Path) -> str:
    """Return what a line of a table is called: an entry in a .json file."""
    return "entry" if file.suffix.lower() == ".json" else "line"
