"""Time training steps with different numbers of threads, one after another."""

from collections.abc import Sequence

from tenfold.train.cpu_load import MARGIN

WINDOW_STEPS, WINDOW = 3, 1.0        # a count is timed for at least so many steps and seconds, twice
SLOWER = 1.5                         # a count this many times slower than the fastest is not timed again …
MUCH_SLOWER = 2.5                    # … and this many times slower, its timing is ended at once


class Timing:
    """How many steps were timed, and their seconds."""

    def __init__(self) -> None:
        self.steps, self.seconds = 0, 0.0

    def add(self, seconds: float) -> None:
        """Count a step."""
        self.steps, self.seconds = self.steps + 1, self.seconds + seconds

    @property
    def mean(self) -> float:
        """Seconds a step; 0 without any."""
        return self.seconds / max(1, self.steps)


class ThreadTrial:
    """Times training steps with each thread count in turn, forwards and backwards; with two counts, all this twice.

    Counts are compared by their mean, not their median, because other processes delay few steps for long. count: to be
    used for the next step; 0 when the trial is over. seconds: of all steps of the trial.
    """

    def __init__(self, counts: Sequence[int]):
        self._turns = [*counts, *reversed(counts)] * (2 if len(counts) == 2 else 1)
        self._timings: dict[int, Timing] = {}
        self._turn, self._changed = Timing(), True
        self.count, self.seconds = self._turns.pop(0), 0.0

    def add(self, seconds: float) -> None:
        """Note how long a step took with the present count."""
        self.seconds += seconds
        changed, self._changed = self._changed, False
        if changed and seconds < WINDOW:         # the first step after a change of threads is slower; skip a short one
            return
        timing = self._timings.setdefault(self.count, Timing())
        timing.add(seconds)
        self._turn.add(seconds)
        enough = self._turn.steps >= WINDOW_STEPS and self._turn.seconds >= WINDOW
        if enough or self._slower(self.count, MUCH_SLOWER):
            while self._turns and self._slower(self._turns[0], SLOWER):
                self._turns.pop(0)
            self._turn, self._changed = Timing(), True
            self.count = self._turns.pop(0) if self._turns else 0

    def _slower(self, count: int, times: float) -> bool:
        """Return whether steps with `count` threads took more than `times` as long as with the fastest count."""
        return count in self._timings and self._timings[count].mean > times * min(self.means().values())

    def means(self) -> dict[int, float]:
        """Return {count: seconds a step}."""
        return {count: timing.mean for count, timing in self._timings.items()}


def candidates(present: int, default: int, free: float) -> list[int]:
    """Return the thread counts to try, largest first: all if there are few, else those near the `free` cores."""
    if default <= 4:
        return list(range(default, 0, -1))
    room = int(free + MARGIN)
    counts = (present, default, room, room - 1, room // 2)
    return sorted({min(default, max(1, count)) for count in counts}, reverse=True)
