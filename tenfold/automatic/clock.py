"""Clock: how the budget is divided, and how much of it is used; with a plan in steps nothing is limited by time."""

import time
from dataclasses import dataclass

LEAST = 20.0                 # seconds, the smallest budget that is accepted
_LOOK, _LONGEST = 0.2, 8.0   # looking stops after this share of the budget, or so many seconds
_READ = 0.35                 # share of the remaining time that reading the images may take
_RACE = 0.3                  # share of the budget that a race may take,
_RACE_SHORT = 0.42, 25.0     # or this share, up to so many seconds: a trial needs some to start
_TRAINED = 0.15              # training gets at least this share, even if the budget is then exceeded
_LATE = 0.02                 # a smaller excess, as a share of the budget, is not reported
_END = 3.0                   # seconds reserved for the score's pictures and for exiting
_UNLIMITED = 30 * 86400.0    # seconds: the limit of everything where nothing is timed


@dataclass
class Clock:
    """The clock of a call of the automatic mode; all values in seconds."""
    budget: float
    started: float           # time.monotonic() at the start
    is_timed: bool = True    # False: the plan is in steps, and time has no influence
    before: float = 0.0      # used by earlier, interrupted calls
    nominal: float = 0.0     # counted as used where nothing is timed

    def spent(self) -> float:
        """Return the seconds used so far, including those of earlier calls."""
        return self.before + time.monotonic() - self.started

    def left(self) -> float:
        """Return the seconds left for work."""
        return self.budget - (self.spent() if self.is_timed else self.nominal) - _END

    def limit(self, seconds: float) -> float:
        """Return `seconds`, or practically no limit where nothing is timed."""
        return seconds if self.is_timed else _UNLIMITED

    @property
    def look(self) -> float:
        """Seconds for looking at pictures."""
        return self.limit(min(_LONGEST, _LOOK * self.budget))

    @property
    def race(self) -> float:
        """Seconds for the race."""
        share, most = _RACE_SHORT
        return max(_RACE * self.budget, min(share * self.budget, most))

    @property
    def least_training(self) -> float:
        """Seconds that training always gets."""
        return _TRAINED * self.budget

    def training(self, besides: float) -> float:
        """Return the seconds for training; besides: seconds of everything else still to be done."""
        return self.limit(max(self.least_training, self.left() - besides))

    def reading(self) -> float:
        """Return the seconds for reading the images."""
        return max(0.0, _READ * self.left())

    def budget_for(self, reading: float) -> float:
        """Return the budget that would leave `reading` seconds for reading the images."""
        return self.spent() + reading / _READ + 60

    def overrun(self) -> float:
        """Return the seconds by which the budget is exceeded; 0 if they are too few to report."""
        over = self.spent() - self.budget
        return over if self.is_timed and over > _LATE * self.budget else 0.0
