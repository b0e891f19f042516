"""The Survey: what was found out about each source image, in columns, and its number in shards and in sources.h5."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tenfold.data.sources.source import Source
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.survey.facts import Facts

_SHOWN = 12                  # rows of a table that is printed


@dataclass(frozen=True, slots=True)
class SetAside:
    """One source image that cannot be used, and why."""
    path: str
    label: int               # index into the classes
    reason: str


@dataclass(frozen=True)
class Survey:
    """What is known of a set's source images before any copy is drawn.

    The usable images are numbered from 0; shards refer to them by this number. The columns below hold a row for each.
    """
    source: Source               # every image of the listing
    facts: Facts                 # of every image of the listing, in its order
    decisions: SetDecisions      # decided for all of them together
    assigned: np.ndarray | None = None       # "<U5" (usable,): the splits, once they are assigned

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return tuple(self.source.classes)

    @cached_property
    def listed(self) -> np.ndarray:
        """Positions in the listing, by which readers and the clean cache find images: int64 (usable,)."""
        return np.flatnonzero(~self.facts.columns["bad"])

    def __len__(self) -> int:
        return len(self.listed)

    @cached_property
    def splits(self) -> np.ndarray:
        """"train", "val" or "test"; "" for an image in no split, or not yet assigned: (usable,)."""
        return np.zeros(len(self), "<U5") if self.assigned is None else self.assigned

    @cached_property
    def labels(self) -> np.ndarray:
        """Indices into the classes, int64 (usable,)."""
        labels = np.asarray(self.source.labels, np.int64)
        return labels[self.listed] if self.facts.faults else labels

    @cached_property
    def pixels(self) -> np.ndarray:
        """Numbers that are equal for images with equal pixels, in the order of the pixels' digests: int64 (usable,)."""
        return _numbered(self.column("digest"))

    @property
    def contents(self) -> np.ndarray:
        """For each image the rank of the digest of its file or array, whatever it is decoded to: int64 (usable,)."""
        return _numbered(self.column("content"))

    def digests(self, rows: np.ndarray) -> list[str]:
        """Return the digests of the decoded pixels of these images, in hexadecimal digits."""
        return [digest.tobytes().hex() for digest in self.column("digest")[rows]]

    @cached_property
    def paths(self) -> Sequence[str]:
        """Paths relative to the root of the source, or "x[12]" in an arrays file."""
        return self._of_usable(self.source.paths)

    @property
    def official(self) -> Sequence[str | None]:
        """The official splits: those that the folders or arrays of the source name, or None."""
        return self._of_usable(self.source.official)

    def column(self, name: str) -> np.ndarray:
        """Return a column of facts.COLUMNS for the usable images: (usable, …)."""
        return self.facts.columns[name][self.listed] if self.facts.faults else self.facts.columns[name]

    @cached_property
    def set_aside(self) -> list[SetAside]:
        """The images that cannot be used, with the reason."""
        return [SetAside(self.source.paths[row], int(self.source.labels[row]), reason)
                for row, reason in sorted(self.facts.faults.items())]

    def with_splits(self, splits: np.ndarray) -> "Survey":
        """Return the same survey with the split of each of the m usable images, str (m,), filled in."""
        return replace(self, assigned=np.asarray(splits, "<U5"))

    def _of_usable(self, values: Sequence) -> Sequence:
        return [values[row] for row in self.listed.tolist()] if self.facts.faults else values

    def __str__(self) -> str:
        total = len(self.facts)
        lines = [f"{total} images in {len(self.classes)} classes, {len(self.set_aside)} set aside; "
                 f"{self.decisions}", f"{'number':>6}  {'split':5}  {'size':>11}  {'class':12}  path"]
        for row in range(min(_SHOWN, total)):
            number, reason = int(np.searchsorted(self.listed, row)), self.facts.faults.get(row, "")
            size = "×".join(map(str, reversed(self.facts[row].size)))
            first = f"{'-':>6}  {'':5}  {'-':>11}" if reason else f"{number:>6}  {self.splits[number]:5}  {size:>11}"
            name = self.classes[self.source.labels[row]][:12]
            lines.append(f"{first}  {name:12}  {self.source.paths[row]}" + (f" ({reason})" if reason else ""))
        if total > _SHOWN:
            lines.append(f"… {total - _SHOWN} more")
        return "\n".join(lines)


def _numbered(digests: np.ndarray) -> np.ndarray:
    """Return a number for each digest, uint8 (n, bytes): equal ones have the same, ascending like them; int64 (n,)."""
    words = np.ascontiguousarray(digests).view(">u4").astype(np.uint32)
    order, number = np.lexsort(words.T[::-1]), np.zeros(len(words), np.int64)
    number[order[1:]] = np.cumsum((words[order[1:]] != words[order[:-1]]).any(1))
    return number
