"""The survey table: a row for each source image, with the number that it has in shards and in sources.h5."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tenfold.data.sources.source import Source
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.survey.facts import SourceFacts

_SHOWN = 12                  # rows of a table that is printed


@dataclass(frozen=True, slots=True)
class SurveyRow:
    """One source image: where it is, what was found, where it belongs."""
    number: int              # the source's number in the set, as shards have it; -1: set aside
    listed: int              # its position in the listing, by which readers and the clean cache find it
    path: str
    label: int               # index into the classes
    official: str | None     # the split that the images' own layout puts it in
    facts: SourceFacts
    split: str = ""          # "train", "val" or "test"; "": in none, or not yet assigned

    @property
    def reason(self) -> str:
        """Why it is set aside; "" where it can be used."""
        return self.facts.fault


@dataclass(frozen=True)
class Survey:
    """What is known of a set's source images before any copy is drawn."""
    classes: tuple[str, ...]
    rows: tuple[SurveyRow, ...]          # every image of the listing, in its order
    decisions: SetDecisions              # what was decided over all of them

    @classmethod
    def of(cls, source: Source, facts: list[SourceFacts], decisions: SetDecisions) -> "Survey":
        """Make the table from the listing of the source and the facts of each image; usable images are numbered."""
        rows, number = [], 0
        for listed, (path, label, official, row) in enumerate(zip(
                source.paths, source.labels.tolist(), source.official, facts, strict=True)):
            rows.append(SurveyRow(-1 if row.fault else number, listed, path, label, official, row))
            number += not row.fault
        return cls(tuple(source.classes), tuple(rows), decisions)

    @cached_property
    def sources(self) -> tuple[SurveyRow, ...]:
        """The images that can be used: sources[n].number == n."""
        return tuple(row for row in self.rows if row.number >= 0)

    @cached_property
    def set_aside(self) -> tuple[SurveyRow, ...]:
        """The images that cannot be used."""
        return tuple(row for row in self.rows if row.number < 0)

    @property
    def facts(self) -> list[SourceFacts]:
        """The facts of every row."""
        return [row.facts for row in self.rows]

    def with_splits(self, splits: Sequence[str] | np.ndarray) -> "Survey":
        """The same table with the split of each usable image filled in, by its number."""
        return replace(self, rows=tuple(row if row.number < 0 else replace(row, split=str(splits[row.number]))
                                        for row in self.rows))

    def __str__(self) -> str:
        lines = [f"{len(self.rows)} images in {len(self.classes)} classes, {len(self.set_aside)} set aside; "
                 f"{self.decisions}", f"{'number':>6}  {'split':5}  {'size':>11}  {'class':12}  path"]
        for row in self.rows[:_SHOWN]:
            number = "-" if row.number < 0 else str(row.number)
            size = "×".join(map(str, reversed(row.facts.size))) if row.number >= 0 else "-"
            lines.append(f"{number:>6}  {row.split:5}  {size:>11}  {self.classes[row.label][:12]:12}  {row.path}"
                         + (f" ({row.reason})" if row.reason else ""))
        return "\n".join(lines + [f"… {len(self.rows) - _SHOWN} more"] * (len(self.rows) > _SHOWN))
