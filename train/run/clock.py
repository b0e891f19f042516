"""The clock of a run: seconds of the budget spent since the command started, and training progress from 0 to 1."""

import time
from collections.abc import Callable

_PROCESS = 0.3               # seconds the interpreter takes before our first line and after our last
_CURVES = 2.0                # seconds to draw the curves, the import of matplotlib included


class Clock:
    """Seconds since the command began, and how far a run has come.

    budget and before in seconds (before: spent by the run that is resumed); `now` is for tests. `reached` is
    the progress that the resumed run had made by its clock, 0 if its steps steered it.
    """

    def __init__(self, budget: float, started: float, before: float = 0.0, now: Callable[[], float] = time.monotonic):
        self.budget, self._started, self._before, self._now = budget, started, before, now
        self.grace = self.reached = 0.0
        self._closing = 0.0                      # the longest evaluation and checkpoint so far

    def elapsed(self) -> float:
        """Return the seconds of the budget that are spent, those of a run that is resumed included."""
        return self._now() - self._started + self._before + _PROCESS

    def running(self) -> float:
        """Return the seconds since this command began, a run that it resumes left out."""
        return self.elapsed() - self._before

    def begin(self) -> None:
        """Note that the first step is about to be taken."""
        spent = self.elapsed()
        self.grace = spent + max(0.0, min(0.1 * self.budget, 0.25 * (self.deadline() - spent)))

    def reserve(self, seconds: float) -> None:
        """Reserve time at the end of the budget for an evaluation with its checkpoint that takes this long."""
        self._closing = max(self._closing, seconds)

    def deadline(self) -> float:
        """Return when the last step must be done, so that what follows it ends within the budget."""
        return self.budget - min(_CURVES, 0.1 * self.budget) - 1.3 * self._closing

    def progress(self, step: int, steps: int) -> float:
        """Return 0 … 1: the larger of the share of steps and the share of time; at 1 the run is over.

        Time counts from `grace`, start-up and a tenth of the budget, on: a run that fits into its
        budget is then steered by its steps alone and can be repeated to the bit, and a slow one
        still anneals to the end. One that is resumed goes on from where its clock had brought it.
        """
        spent, end = self.elapsed(), self.deadline()
        if spent >= end:
            return 1.0
        late = (spent - self.grace) / (end - self.grace) if spent > self.grace else 0.0
        return min(1.0, max(step / steps, self.reached + (1 - self.reached) * late))
