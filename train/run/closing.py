"""Estimate what a run still does after its last step, from what was measured on this machine in this run."""

import statistics
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

_GUESSES = {"evaluation": 0.0, "checkpoints": 0.2, "curves": 0.3, "exit": 0.1}    # seconds, until they are measured
_SPREAD = (1.3, 2.0)         # bounds of the margin: a quiet machine's, and the most that is set aside
_WINDOWS = 60                # of steps that are remembered, about a second each
_SLOWEST = 6.0               # times that a busy machine may make a guess longer
_AFFORDABLE = 0.05           # share of the time left that a picture may take while a run goes on


class Closing:
    """Estimates of the seconds that a step and the parts after the last one take, with a margin from their spread.

    budget in seconds: the first guesses take a tenth of it at most.
    """

    def __init__(self, budget: float):
        share = min(1.0, 0.1 * budget / sum(_GUESSES.values()))
        self.seconds = {part: share * guess for part, guess in _GUESSES.items()}
        self._steps: deque[float] = deque(maxlen=_WINDOWS)       # mean seconds of a step in each window
        self._begun = time.monotonic(), time.thread_time()

    def expect_load(self) -> None:
        """Lengthen the guesses as other processes have lengthened the work of this thread since the beginning."""
        wall, own = time.monotonic() - self._begun[0], time.thread_time() - self._begun[1]
        slower = min(_SLOWEST, max(1.0, wall / max(own, 1e-3)))
        self.seconds = {part: slower * seconds for part, seconds in self.seconds.items()}

    def affords(self, part: str, left: float) -> bool:
        """Whether a part may be done while a run goes on that has so many seconds left."""
        return self.seconds[part] <= _AFFORDABLE * left

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Measure a part; the last measurement counts."""
        start = time.monotonic()
        yield
        self.seconds[part] = time.monotonic() - start

    def stepped(self, seconds: float, steps: int) -> None:
        """Note that so many steps took so long, the device's work included."""
        self._steps.append(seconds / steps)

    @property
    def step(self) -> float:
        """Seconds of a step, by the latest window; 0: none was measured."""
        return self._steps[-1] if self._steps else 0.0

    @property
    def margin(self) -> float:
        """A factor for every estimate: how much slower than usual this run was at its slowest, in bounds."""
        low, high = _SPREAD
        if len(self._steps) < 3:
            return 1.5
        return min(high, max(low, max(self._steps) / max(statistics.median(self._steps), 1e-9)))

    def total(self) -> float:
        """Seconds to reserve: a step that is just beginning, and everything after it.

        Without a margin for the evaluation, which is cut where it takes longer.
        """
        return self.margin * self.step + self.seconds["evaluation"] + self.after_evaluation()

    def after_evaluation(self) -> float:
        """Seconds to reserve for what follows the last evaluation."""
        return self.margin * (sum(self.seconds.values()) - self.seconds["evaluation"])
