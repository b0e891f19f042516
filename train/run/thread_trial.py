"""Time training steps with one number of threads after another."""

from collections.abc import Sequence

from tenfold.train.cpu_load import MARGIN

WINDOW_STEPS, WINDOW = 3, 1.0        # a trial times a count for at least so many steps and seconds, twice
SLOWER, MUCH_SLOWER = 1.5, 2.5       # than the fastest so far: no second time; no further step


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


class Trial:
    """Steps of the training timed with one count of threads after the other, there and back (two counts: twice).

    The mean counts, not the median: what other processes cost are long stops of few steps. count: to be used for the
    next step; 0 when the trial is over. seconds: what all its steps took.
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
        if changed and seconds < WINDOW:         # a short step is not what the change itself took
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
        """Whether steps with a count took so many times longer than those with the fastest."""
        return count in self._timings and self._timings[count].mean > times * min(self.means().values())

    def means(self) -> dict[int, float]:
        """Return {count: seconds a step}."""
        return {count: timing.mean for count, timing in self._timings.items()}


def candidates(present: int, default: int, free: float) -> list[int]:
    """Return the counts to try, downward, where other processes leave `free` cores: all, if there are few."""
    if default <= 4:
        return list(range(default, 0, -1))
    room = int(free + MARGIN)
    counts = (present, default, room, room - 1, room // 2)
    return sorted({min(default, max(1, count)) for count in counts}, reverse=True)
