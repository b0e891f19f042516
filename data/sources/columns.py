"""Columns of repeated values, which are only made when they are read: a million rows take no memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, overload


@dataclass(frozen=True, eq=False)
class Runs(Sequence[Any]):
    """A run-length encoded column; read it as a list."""
    runs: tuple[tuple[Any, int], ...]        # (value, how many times)
    numbered: bool = False                   # the values are names, and are read as name[0], name[1], …

    def __len__(self) -> int:
        return sum(count for _, count in self.runs)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if not isinstance(index, slice):
            row = range(len(self))[index]
            return next(self._between(row, row + 1))
        start, stop, step = index.indices(len(self))
        return list(self._between(start, stop)) if step == 1 else [self[row] for row in range(start, stop, step)]

    def __iter__(self) -> Iterator[Any]:
        return self._between(0, len(self))

    def _between(self, start: int, stop: int) -> Iterator[Any]:
        """Yield the values of rows from `start` to before `stop`."""
        for value, count in self.runs:
            inside = range(max(0, start), min(count, stop))
            yield from (f"{value}[{row}]" for row in inside) if self.numbered else repeat(value, len(inside))
            start, stop = start - count, stop - count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and not isinstance(other, str) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
