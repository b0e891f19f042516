"""Estimate how long the work after the last step of a run will take, from measurements in this run."""

import statistics
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

# seconds, until they are measured
_GUESSES = {"evaluation": 0.0, "temperature": 0.0, "checkpoints": 0.2, "curves": 0.3, "exit": 0.1}
_SPREAD = (1.3, 2.0)         # least and largest margin, as a factor
_WINDOWS = 60                # windows of steps that are remembered, about a second each
_SLOWEST = 6.0               # the largest factor by which other processes may lengthen the guesses
_AFFORDABLE = 0.05           # share of the remaining time that drawing curves may take during a run


class Closing:
    """Estimates of the seconds that a step takes, and each part of the work after the last step, with a margin.

    budget: in seconds; the first guesses together take at most a tenth of it.
    """

    def __init__(self, budget: float):
        share = min(1.0, 0.1 * budget / sum(_GUESSES.values()))
        self.seconds = {part: share * guess for part, guess in _GUESSES.items()}
        self._steps: deque[float] = deque(maxlen=_WINDOWS)       # mean seconds of a step in each window
        self._begun = time.monotonic(), time.thread_time()

    def expect_load(self) -> None:
        """Lengthen the guesses by the factor by which other processes have slowed down this thread so far."""
        wall, own = time.monotonic() - self._begun[0], time.thread_time() - self._begun[1]
        slower = min(_SLOWEST, max(1.0, wall / max(own, 1e-3)))
        self.seconds = {part: slower * seconds for part, seconds in self.seconds.items()}

    def affords(self, part: str, left: float) -> bool:
        """Return whether a part may be done during a run that has `left` seconds left."""
        return self.seconds[part] <= _AFFORDABLE * left

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Measure how long a part takes; the last measurement counts."""
        start = time.monotonic()
        yield
        self.seconds[part] = time.monotonic() - start

    def expect(self, part: str, seconds: float) -> None:
        """Note the seconds that a part will take, as measured elsewhere; 0: not measured, changes nothing."""
        self.seconds[part] = seconds or self.seconds[part]

    def stepped(self, seconds: float, steps: int) -> None:
        """Note that `steps` steps took `seconds`, including the device's work."""
        self._steps.append(seconds / steps)

    @property
    def step(self) -> float:
        """Seconds of a step in the latest window; 0 if none was measured."""
        return self._steps[-1] if self._steps else 0.0

    @property
    def margin(self) -> float:
        """A factor for every estimate: how much slower than usual the slowest window of this run was, within bounds."""
        low, high = _SPREAD
        if len(self._steps) < 3:
            return 1.5
        return min(high, max(low, max(self._steps) / max(statistics.median(self._steps), 1e-9)))

    def total(self) -> float:
        """Return the seconds to reserve for a step that is just beginning and everything after it.

        The evaluation gets no margin, because it is cut short if it takes longer.
        """
        return self.margin * self.step + self.seconds["evaluation"] + self.after_evaluation()

    def after_evaluation(self) -> float:
        """Return the seconds to reserve for what follows the last evaluation."""
        return self.margin * (sum(self.seconds.values()) - self.seconds["evaluation"])
