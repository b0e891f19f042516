"""Clock: the seconds of a call's budget that are gone, and left; or none that count, where the plan is in steps."""

import time
from dataclasses import dataclass

_END = 3.0                   # seconds that are kept for the score's pictures and for leaving
_UNLIMITED = 30 * 86400.0    # seconds that anything may take where nothing is timed


@dataclass
class Clock:
    """The clock of a call of the automatic mode."""
    budget: float            # seconds
    started: float           # the time.monotonic() from which they count
    is_timed: bool = True    # False: the plan is in steps, and nothing depends on the time
    before: float = 0.0      # seconds that earlier calls spent
    nominal: float = 0.0     # seconds that count as spent where nothing is timed

    def spent(self) -> float:
        """Return the seconds since the start, those of earlier calls included."""
        return self.before + time.monotonic() - self.started

    def left(self) -> float:
        """Return the seconds that are left for work."""
        return self.budget - (self.spent() if self.is_timed else self.nominal) - _END

    def limit(self, seconds: float) -> float:
        """Return a limit of so many seconds, or none to speak of where nothing is timed."""
        return seconds if self.is_timed else _UNLIMITED
