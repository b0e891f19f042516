"""The clock of a run: seconds of the budget spent since the command started, and training progress from 0 to 1."""

import time
from collections.abc import Callable

_UNKNOWN = 2.0               # seconds for what follows the last step, before any of it was measured


class Clock:
    """Seconds since the command began, and the progress of a run, which follows from them and from its images.

    budget, before, least: in seconds; before: spent by the run that is resumed; least: see `grant`. now: for tests.
    reached: the progress of the resumed run if it followed the clock; 0 if it followed the images.
    """

    def __init__(self, budget: float, started: float, before: float = 0.0, least: float = 0.0,
                 now: Callable[[], float] = time.monotonic):
        self.budget, self._started, self._before, self._least, self._now = budget, started, before, least, now
        self.grace = self.reached = 0.0
        self._closing = min(_UNKNOWN, 0.1 * budget)
        self._furthest = 0.0

    def elapsed(self) -> float:
        """Return the spent seconds of the budget, including those of the run that is resumed."""
        return self._now() - self._started + self._before

    def running(self) -> float:
        """Return the seconds since this command began, without those of the run that it resumes."""
        return self.elapsed() - self._before

    def left(self) -> float:
        """Return the seconds from now to the deadline."""
        return self.deadline() - self.elapsed()

    def grant(self) -> None:
        """Extend the budget if fewer than `least` seconds of it are left; if `least` is 0, never."""
        if self._least:
            self.budget = max(self.budget, self.elapsed() + self._least)

    def begin(self, fits: bool = True) -> None:
        """Note that the first step is about to be taken. fits: the whole plan is expected to end in time.

        If it fits, time only counts after a tenth of the budget, so that progress follows the images alone and the run
        can be repeated bit by bit. Otherwise time counts from now on, and the learning rate falls with it.
        """
        slack = min(0.1 * self.budget, 0.25 * self.left()) if fits else 0.0
        self.grace = self.elapsed() + max(0.0, slack)

    def reserve(self, seconds: float) -> None:
        """Reserve time at the end of the budget for what follows the last step, in place of any reserved before."""
        self._closing = seconds

    def deadline(self) -> float:
        """Return the time, in seconds of the budget, by which the last step must end so that the rest fits."""
        return self.budget - self._closing

    def progress(self, done: int, planned: int) -> float:
        """Return the progress, 0 … 1: the larger of the shares of images (or steps) and of time; at 1 the run is over.

        It never falls, even if the deadline moves. So a slow run still anneals to the end, and a resumed run goes on
        from the progress it had.
        """
        spent, end = self.elapsed(), self.deadline()
        if spent >= end:
            return 1.0
        late = (spent - self.grace) / (end - self.grace) if spent > self.grace else 0.0
        self._furthest = min(1.0, max(self._furthest, done / planned, self.reached + (1 - self.reached) * late))
        return self._furthest
