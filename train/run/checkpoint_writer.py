"""CheckpointWriter: write best.pth, metrics.csv and last.pth of a run in a thread, while training goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

import torch

from tenfold.data.errors import UserFault
from tenfold.data.out_of_memory import has_started
from tenfold.train.csv_file import write_metrics
from tenfold.train.device import copy_to_host
from tenfold.train.run.checkpoint import save

EVERY = 30.0                 # seconds between the beginnings of two writes of the checkpoints
FIRST = 3.0                  # seconds until the first write: it shows how long the one at the end will take


class CheckpointWriter:
    """Hold the newest state of a run in memory, and write it to the run's folder every 30 s and at the end.

    head: the content that both checkpoints share (checkpoint.describe). device: of the tensors. left: returns how many
    seconds of the budget are left; near the end no write is begun that would delay the last one. seconds: how long the
    last write of last.pth took, together with best.pth if both were written; 0.0 before the first.

    The files are written in the order best.pth, metrics.csv, last.pth. If the process is killed in between, last.pth is
    older than best.pth, and the resumed run does the same epochs again.

    Used as a context: on exit it writes what it holds, also if an error or an interrupt ends the run.
    """

    def __init__(self, folder: Path, head: dict, device: torch.device, left: Callable[[], float] = lambda: math.inf):
        self.seconds = 0.0
        self.head, self._folder, self._device, self._left = head, folder, device, left
        self._began = 0.0
        self._history: list[dict] = []
        self._rows = 0                                   # of metrics.csv, as it was written
        self._best: Callable[[], dict] | None = None     # held, not yet written
        self._last: Callable[[], dict] | None = None
        self._thread: Thread | None = None
        self._error: BaseException | None = None         # of the thread

    def is_due(self) -> bool:
        """Return whether `hold` would write the checkpoints now. MachineFault: an earlier write failed (disk full)."""
        if self._is_writing():
            return False
        self._raise_error()
        return time.monotonic() - self._began > EVERY and self._left() > 2 * self.seconds

    def hold(self, last: dict, history: list[dict], best: dict | None = None) -> None:
        """Copy the state of a run to memory; write it if that `is_due`, else later, unless a newer state replaces it.

        last, best: contents of last.pth and best.pth, without `head`; best is None if best.pth does not change.
        history: the rows of metrics.csv, which is written at once if no write is in progress.
        """
        due = self.is_due()
        copied = copy_to_host({"last": last, "best": best}, self._device)
        self._last, self._history = (lambda: copied()["last"]), list(history)
        if best is not None:
            self._best = lambda: copied()["best"]
        if not self._is_writing():
            what = self._taken(due)
            thread = Thread(target=self._write_noting_errors, args=what, name="checkpoint")
            self._thread = thread if has_started(thread) else None
            if not self._thread:
                self._write(*what)

    def flush(self) -> None:
        """Write what is held, and return when it is on the disk. MachineFault: this write or an earlier one failed."""
        if self._thread:
            self._thread.join()
        self._raise_error()
        if self._last:
            self._write(*self._taken(True))

    def __enter__(self) -> Self:
        self._began = time.monotonic() - EVERY + FIRST
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        try:
            if kind is None or issubclass(kind, (Exception, KeyboardInterrupt)):
                self.flush()
        except (UserFault, OSError):
            if kind is None or issubclass(kind, KeyboardInterrupt):
                raise
            # else the error that ended the run is reported
        finally:
            if self._thread:
                self._thread.join()

    def _is_writing(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error:
            raise error

    def _taken(self, whole: bool) -> tuple[list[dict], Any, Any]:
        """Return (history, best, last) to be written, and stop holding the checkpoints; without them unless `whole`."""
        if not whole:
            return self._history, None, None
        best, last, self._best, self._last = self._best, self._last, None, None
        self._began = time.monotonic()
        return self._history, best, last

    def _write_noting_errors(self, *what: Any) -> None:
        try:
            self._write(*what)
        except BaseException as error:           # the loop raises it
            self._error = error

    def _write(self, history: list[dict], best: Callable[[], dict] | None, last: Callable[[], dict] | None) -> None:
        began = time.perf_counter()
        if best:
            save(self._folder / "best.pth", self.head | best())
        if len(history) != self._rows:
            write_metrics(self._folder / "metrics.csv", history)
            self._rows = len(history)
        if last:
            save(self._folder / "last.pth", self.head | last())
            self.seconds = time.perf_counter() - began
