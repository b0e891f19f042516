"""The clock of a run: seconds of the budget spent since the command started, and training progress from 0 to 1."""

import time
from collections.abc import Callable

_UNKNOWN = 2.0               # seconds for what follows the last step, before any of it was measured


class Clock:
    """Seconds since the command began, and how far a run has come.

    budget, before and least in seconds (before: spent by the run that is resumed; least: see `grant`); `now` is for
    tests. `reached` is the progress that the resumed run had made by its clock, 0 if its images steered it.
    """

    def __init__(self, budget: float, started: float, before: float = 0.0, least: float = 0.0,
                 now: Callable[[], float] = time.monotonic):
        self.budget, self._started, self._before, self._least, self._now = budget, started, before, least, now
        self.grace = self.reached = 0.0
        self._closing = min(_UNKNOWN, 0.1 * budget)
        self._furthest = 0.0

    def elapsed(self) -> float:
        """Return the seconds of the budget that are spent, those of a run that is resumed included."""
        return self._now() - self._started + self._before

    def running(self) -> float:
        """Return the seconds since this command began, a run that it resumes left out."""
        return self.elapsed() - self._before

    def left(self) -> float:
        """Return the seconds from now to the deadline."""
        return self.deadline() - self.elapsed()

    def grant(self) -> None:
        """Lengthen the budget so that `least` seconds of it are left; where that is 0 it stays as it was given."""
        if self._least:
            self.budget = max(self.budget, self.elapsed() + self._least)

    def begin(self, fits: bool = True) -> None:
        """Note that the first step is about to be taken. fits: the whole plan is expected to end in time.

        Time then counts only after a tenth of the budget, so that a run that fits is steered by its images alone and
        can be repeated to the bit. Else it counts from now on, and the rate falls to its end with the time.
        """
        slack = min(0.1 * self.budget, 0.25 * self.left()) if fits else 0.0
        self.grace = self.elapsed() + max(0.0, slack)

    def reserve(self, seconds: float) -> None:
        """Reserve time at the end of the budget for what follows the last step; it replaces what was reserved."""
        self._closing = seconds

    def deadline(self) -> float:
        """Return when the last step must be done, so that what follows it ends within the budget."""
        return self.budget - self._closing

    def progress(self, done: int, planned: int) -> float:
        """Return 0 … 1: the larger of the share of images (or steps) and the share of time; at 1 the run is over.

        It never falls, though the deadline moves. A slow run still anneals to the end. One that is resumed goes on
        from where its clock had brought it.
        """
        spent, end = self.elapsed(), self.deadline()
        if spent >= end:
            return 1.0
        late = (spent - self.grace) / (end - self.grace) if spent > self.grace else 0.0
        self._furthest = min(1.0, max(self._furthest, done / planned, self.reached + (1 - self.reached) * late))
        return self._furthest
