"""How the budget is divided, and how much of it is used; with a plan in steps nothing is limited by time."""

import time
from dataclasses import dataclass

LEAST_BUDGET = 20.0          # the smallest budget that is accepted, in seconds
_LOOK_SHARE = 0.2            # looking at the images takes at most this share of the budget
_LOOK_SECONDS = 8.0          # looking at the images takes at most this many seconds
_READ_SHARE = 0.35           # reading the images takes at most this share of the remaining time
_RACE_SHARE = 0.3            # the race takes at most this share of a long budget
_SHORT_RACE_SHARE = 0.42     # the race takes at most this share of a short budget: a trial needs some seconds to start
_SHORT_RACE_SECONDS = 25.0   # the race takes at most this many seconds of a short budget
_TRAIN_SHARE = 0.15          # training takes at least this share of the budget, even if the budget is then exceeded
_LATE_SHARE = 0.02           # an excess of less than this share of the budget is not reported
_END_SECONDS = 3.0           # this many seconds are reserved for the score's pictures and for exiting
_UNLIMITED = 30 * 86400.0    # every limit is this many seconds where nothing is timed


@dataclass
class Clock:
    """The clock of a call of the automatic mode; all values in seconds."""
    budget: float
    started: float           # time.monotonic() at the start
    is_timed: bool = True    # False: the plan is in steps, and time has no influence
    spent_before: float = 0.0        # seconds used by earlier, interrupted calls
    nominal_spent: float = 0.0       # seconds that count as used where nothing is timed

    def spent(self) -> float:
        """Return the seconds used so far, including those of earlier calls."""
        return self.spent_before + time.monotonic() - self.started

    def left(self) -> float:
        """Return the seconds left for work."""
        return self.budget - (self.spent() if self.is_timed else self.nominal_spent) - _END_SECONDS

    def limit(self, seconds: float) -> float:
        """Return `seconds`, or practically no limit where nothing is timed."""
        return seconds if self.is_timed else _UNLIMITED

    def look_seconds(self) -> float:
        """Return the seconds for looking at pictures."""
        return self.limit(min(_LOOK_SECONDS, _LOOK_SHARE * self.budget))

    def read_seconds(self) -> float:
        """Return the seconds for reading the images."""
        return max(0.0, _READ_SHARE * self.left())

    def race_seconds(self) -> float:
        """Return the seconds for the race."""
        return max(_RACE_SHARE * self.budget, min(_SHORT_RACE_SHARE * self.budget, _SHORT_RACE_SECONDS))

    def least_train_seconds(self) -> float:
        """Return the seconds that training always gets."""
        return _TRAIN_SHARE * self.budget

    def train_seconds(self, other: float) -> float:
        """Return the seconds for training; other: the seconds of everything else that is still to be done."""
        return self.limit(max(self.least_train_seconds(), self.left() - other))

    def budget_for(self, reading: float) -> float:
        """Return a budget, in seconds, that would be enough for `reading` seconds of reading the images."""
        return self.spent() + reading / _READ_SHARE + 60

    def overrun(self) -> float:
        """Return the seconds by which the budget is exceeded; 0 if they are too few to report."""
        over = self.spent() - self.budget
        return over if self.is_timed and over > _LATE_SHARE * self.budget else 0.0
