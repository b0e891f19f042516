"""Label picture files with a model, and write predictions.csv, unreadable.csv and a contact sheet."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.data.errors import SourceFault, UserFault
from tenfold.data.files import make_folder, open_file, publish_together
from tenfold.predict.pictures import FEW, Noticed, nothing_read, plain_views
from tenfold.train.csv_file import open_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tenfold.predict.model import Answer, Model

CSV, UNREADABLE, SHEET = "predictions.csv", "unreadable.csv", "predictions.png"
HEAD = ("path", "label", "probability", "label_2", "probability_2", "label_3", "probability_3")
ON_SHEET = 240               # pictures on the contact sheet, at most; of more, an even selection


@dataclass(frozen=True)
class Row:
    """The label of one picture."""
    path: str
    label: str
    probability: float
    others: tuple[tuple[str, float], ...] = ()   # the next two classes with their probabilities


@dataclass
class Labelled:
    """The result of labelling some files."""
    csv: Path
    sheet: Path
    rows: list[Row] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)      # (path, why)
    noticed: Noticed = field(default_factory=Noticed)
    seconds: float = 0.0
    replaced: bool = False                       # predictions.csv of an earlier call was replaced


def label_files(model: Model, paths: Sequence[str], out: Path, *, tta: int, every_class: bool,
                workers: int) -> Labelled:
    """Label the pictures at `paths` and write the files into `out`. SourceFault: none of them can be read.

    every_class: predictions.csv gets a column with the probability of each class.
    """
    check_out(out)
    make_folder(out)
    start, found = time.monotonic(), Labelled(out / CSV, out / SHEET, replaced=(out / CSV).exists())
    with publish_together(out, (UNREADABLE, SHEET, CSV)) as place:
        answers = model.classify(plain_views(paths, model.recipe, model.content, workers), tta)
        cells = _label(model, zip(paths, _with_bar(answers, len(paths)), strict=True), place / CSV, found, every_class)
        if found.unreadable:
            with open_table(place / UNREADABLE, ["path", "reason"]) as write:
                for line in found.unreadable:
                    write(line)
        from tenfold.predict.sheet import write_sheet
        write_sheet(place / SHEET, cells, len(found.rows))
    found.seconds = time.monotonic() - start
    return found


def _label(model: Model, answers: Iterator[tuple[str, Answer]], table: Path, found: Labelled,
           every_class: bool) -> list[tuple[Row, NDArray[np.uint8]]]:
    """Write predictions.csv to `table` and fill in `found`; return what the contact sheet shows.

    answers: (path, what `Model.classify` yields) of each picture.
    """
    cells: list[tuple[Row, NDArray[np.uint8]]] = []
    step = 1                                     # of so many labelled pictures, one is shown
    with open_table(table, [*HEAD, *(f"p({name})" for name in model.classes if every_class)]) as write:
        for path, answer in answers:
            if isinstance(answer, SourceFault):
                found.unreadable.append((path, answer.fact))
                continue
            view, probabilities = answer
            found.noticed.add(path, view, model.contrast)
            row = _row(path, model.classes, probabilities)
            cells += [] if len(found.rows) % step else [(row, view.pixels)]
            if len(cells) > ON_SHEET:
                cells, step = cells[::2], 2 * step
            found.rows.append(row)
            every = [f"{share:.6f}" for share in probabilities.tolist()] if every_class else []
            best = [cell for name, share in ((row.label, row.probability), *row.others)
                    for cell in (name, f"{share:.6f}")]
            write([path, *best, *[""] * (len(HEAD) - 1 - len(best)), *every])
        if not found.rows:
            raise nothing_read(found.unreadable, found.csv if found.replaced else None)
    return cells


def check_out(out: Path) -> None:
    """Raise UserFault if the folder's predictions.csv was written by a score."""
    try:
        with open_file(out / CSV, "r", encoding="utf-8", errors="surrogateescape") as f:
            head = f.readline()
    except OSError:
        return
    if "true" in head.strip().split(","):
        raise UserFault(out / CSV, "was written by a score", "choose another --out")


def _row(path: str, classes: Sequence[str], probabilities: NDArray[np.float32]) -> Row:
    best = (-probabilities).argsort(kind="stable")[:3].tolist()      # of equal ones the first, as argmax
    (label, share), *others = [(classes[i], float(probabilities[i])) for i in best]
    return Row(path, label, share, tuple(others))


def _with_bar(answers: Iterator[Answer], count: int) -> Iterator[Answer]:
    """Show a progress bar, if there are many pictures."""
    if count <= FEW:
        return answers
    from tqdm.auto import tqdm
    return iter(tqdm(answers, total=count, desc="predict", unit="img", unit_scale=True, disable=None))
