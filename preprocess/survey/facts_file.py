"""Keep the facts of all images of a set in an unnamed file, mapped into memory, so that they take little of it."""

import mmap
import tempfile
from pathlib import Path

import numpy as np

from tenfold.data.errors import machine_fault
from tenfold.preprocess.survey.facts import COLUMNS, Facts


class FactsFile:
    """Collects facts in a file, in any order. MachineFault: the disk is full."""

    def __init__(self, folder: Path) -> None:
        """folder: the file lies on its disk; the system removes the file when no process maps it any more."""
        self._folder, self._file = folder, tempfile.TemporaryFile(dir=folder)     # noqa: SIM115 (`facts` closes it)
        self._faults: dict[int, str] = {}
        self._levels: dict[int, tuple] = {}

    def put(self, first: int, facts: Facts) -> None:
        """Write the facts of consecutive images. first: the row of the first one."""
        try:
            self._file.seek(first * COLUMNS.itemsize)
            self._file.write(np.ascontiguousarray(facts.columns).data)
            self._file.flush()
        except OSError as error:
            raise machine_fault(error, self._folder) or error from None
        self._faults |= {first + row: fault for row, fault in facts.faults.items()}
        self._levels |= {first + row: levels for row, levels in facts.levels.items()}

    def close(self) -> None:
        """Close the file, if `facts` has not done so."""
        self._file.close()

    def facts(self) -> Facts:
        """Close the file and return all facts; it is kept on disk as long as they exist."""
        with self._file as f:
            if not f.seek(0, 2):
                return Facts(np.empty(0, COLUMNS))
            columns = np.frombuffer(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ), COLUMNS)
        return Facts(columns, dict(sorted(self._faults.items())), dict(sorted(self._levels.items())))
