"""Clock: how a call's budget is shared out, and what is gone of it; nothing counts where the plan is in steps."""

import time
from dataclasses import dataclass

LEAST = 20.0                 # seconds of a budget that the whole can be done in, at least
_LOOK, _LONGEST = 0.2, 8.0   # share of the budget, and seconds, after which no more pictures are looked at
_READ = 0.35                 # share of what is left that reading the images may take
_RACE = 0.3                  # share of the budget that a race may take,
_RACE_SHORT = 0.42, 25.0     # or this share where that is no more than so many seconds: trials take some to begin
_TRAINED = 0.15              # share that training gets at least, though the whole then takes longer
_LATE = 0.02                 # share by which the budget is exceeded before that is said
_END = 3.0                   # seconds that are kept for the score's pictures and for leaving
_UNLIMITED = 30 * 86400.0    # seconds that anything may take where nothing is timed


@dataclass
class Clock:
    """The clock of a call of the automatic mode; all in seconds."""
    budget: float
    started: float           # the time.monotonic() from which they count
    is_timed: bool = True    # False: the plan is in steps, and nothing depends on the time
    before: float = 0.0      # spent by earlier calls
    nominal: float = 0.0     # that count as spent where nothing is timed

    def spent(self) -> float:
        """Return the seconds since the start, those of earlier calls included."""
        return self.before + time.monotonic() - self.started

    def left(self) -> float:
        """Return the seconds that are left for work."""
        return self.budget - (self.spent() if self.is_timed else self.nominal) - _END

    def limit(self, seconds: float) -> float:
        """Return a limit of so many seconds, or none to speak of where nothing is timed."""
        return seconds if self.is_timed else _UNLIMITED

    @property
    def look(self) -> float:
        """The seconds that looking at pictures may take."""
        return self.limit(min(_LONGEST, _LOOK * self.budget))

    @property
    def race(self) -> float:
        """The seconds that a race may take."""
        share, most = _RACE_SHORT
        return max(_RACE * self.budget, min(share * self.budget, most))

    @property
    def least_training(self) -> float:
        """The seconds that training gets in any case."""
        return _TRAINED * self.budget

    def training(self, besides: float) -> float:
        """Return the seconds that training may take; besides: those of all else that is still to be done."""
        return self.limit(max(self.least_training, self.left() - besides))

    def reading(self) -> float:
        """Return the seconds that reading the images may take."""
        return max(0.0, _READ * self.left())

    def budget_for(self, reading: float) -> float:
        """Return the budget with which there would be time to read for so many seconds."""
        return self.spent() + reading / _READ + 60

    def overrun(self) -> float:
        """Return the seconds by which the budget is exceeded; 0 where they are too few to be told."""
        over = self.spent() - self.budget
        return over if self.is_timed and over > _LATE * self.budget else 0.0
