"""Choose with how many threads training computes on a CPU that other processes use, too.

On an idle machine the count is always torch's default, because results differ in their last bits between counts.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import torch
from tqdm.auto import tqdm

from tenfold.train.barrier_sleep import LoadWatcher
from tenfold.train.cpu_load import MARGIN, core_limit
from tenfold.train.device import is_host
from tenfold.train.run.thread_trial import ThreadTrial, Timing, candidates

COUNT_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")      # environment variables of the user that are respected
STEPS, SECONDS = 3, 2.0      # of training before the first trial, so that a short run keeps its count
BUSY, CALM = 7, 4            # looks in a row, half a second each, after which a load counts as lasting, or as gone
GAIN = 0.93                  # another count is chosen if its step takes at most this share of the time
PAUSE, LONGEST_PAUSE = 15.0, 120.0   # seconds between trials; doubled after each trial that changes nothing
COST, LEAST_COST = 10, 3     # a pause lasts so many times as long as the trial before, or at least, if ended early
CHANGED, RECENT = 1.5, 4.0   # a pause ends early if, over so many seconds, steps are so many times slower or faster

_held = ContextVar("held", default=False)


@contextlib.contextmanager
def held_threads() -> Iterator[None]:
    """Keep the number of threads of every run in this context, however busy the machine, so that results repeat."""
    token = _held.set(True)
    try:
        yield
    finally:
        _held.reset(token)


class ThreadChoice:
    """The number of threads of one training run; fewer are tried if other processes have been busy for a while.

    Call `begin` when steps begin or go on after a pause, `stepped` after each step, and `close` at the end, which
    restores the number from before the run. The number never changes on other devices than the CPU, with a single
    thread, if the environment sets it, or if it is `fixed`; and not with the load within `held_threads`. count: the
    number that was chosen.
    """

    def __init__(self, device: torch.device, fixed: bool = False, say: Callable[[str], None] = tqdm.write,
                 watcher: LoadWatcher | None = None, now: Callable[[], float] = time.perf_counter):
        self.watcher = watcher or LoadWatcher(torch.get_num_threads())
        self.default = self.count = self._used = self._found = self.watcher.threads
        self._say, self._now = say, now
        self._watches = is_host(device) and self._found > 1
        is_open = self._watches and not fixed and not any(name in os.environ for name in COUNT_SETTINGS)
        self._chooses = is_open and not _held.get()
        self._trial: ThreadTrial | None = None
        self._last: float | None = None          # when the last step ended, if the next one follows at once
        self._all, self._recent = Timing(), Timing()         # steps of the run, and the latest of them
        self._looks = self._busy = self._calm = 0
        self._expected = 0.0                     # seconds a step, by the last trial
        self._tried = 0.0                        # seconds of steps before the last trial
        self._pause = self._least = 0.0          # … from then to the next one, and to the earliest
        limit = core_limit() if is_open else None
        if limit and limit < self._found:        # more threads would be suspended together, again and again
            self._say(f"{limit} of {self._found} cores are allowed here: training with {limit} threads")
            self.default = self.count = limit

    @property
    def stored(self) -> int:
        """The value that last.pth keeps: the count, or 0 for the default."""
        return 0 if self.count == self.default else self.count

    def restore(self, stored: int) -> None:
        """Go on with the count that a run had when it was stopped."""
        if self._chooses and 0 < stored < self.default:
            self.count = stored

    def begin(self) -> None:
        """Note that steps begin, or go on after an evaluation or a checkpoint; watch the load."""
        if self._watches:
            self.watcher.start()
            self._use(self._trial.count if self._trial else self.count)
        self._last = None

    def stepped(self) -> None:
        """Note that a step ended."""
        if not self._chooses:
            return
        last, self._last = self._last, self._now()
        if last is not None:
            for timing in (self._all, self._recent):
                timing.add(self._last - last)
            if self._trial:
                self._try(self._trial, self._last - last)
        if self._looks != self.watcher.looks:
            self._looks = self.watcher.looks
            self._look()

    def close(self) -> None:
        """Stop watching the load, and restore the number of threads from before the run."""
        if self._watches:
            self.watcher.close()
            self._use(self._found)

    def _look(self) -> None:
        """Begin a trial if the load has lasted, or return to the default if it is gone."""
        load = self.watcher.load
        busy = self.default + load.foreign > load.cores + MARGIN
        self._busy, self._calm = (self._busy + 1, 0) if busy else (0, self._calm + 1)
        if self._calm >= CALM:
            self._trial, self._pause, self._least = None, 0.0, 0.0
            self._take(self.default, "other processes are idle again")
        elif (not self._trial and self._busy >= BUSY and self._all.steps >= STEPS and self._all.seconds >= SECONDS
              and self._is_due()):
            self._trial = ThreadTrial(candidates(self.count, self.default, load.cores - load.foreign))
            self._use(self._trial.count)

    def _is_due(self) -> bool:
        """Return whether the pause between two trials is over."""
        since, changed = self._all.seconds - self._tried, False
        if self._recent.seconds >= RECENT:
            changed = self._expected > 0 and not 1 / CHANGED < self._recent.mean / self._expected < CHANGED
            self._recent = Timing()
        return since >= (self._least if changed else self._pause)

    def _try(self, trial: ThreadTrial, seconds: float) -> None:
        """Add a step to the trial; at its end choose the fastest count, or keep one that is hardly slower."""
        trial.add(seconds)
        if trial.count:
            self._use(trial.count)
            return
        means = trial.means()
        best = min(means, key=means.__getitem__)
        count = best if means[best] <= GAIN * means[self.count] else self.count
        self._pause = min(2 * self._pause or PAUSE, LONGEST_PAUSE) if count == self.count else PAUSE
        self._pause, self._least = (max(self._pause, COST * trial.seconds),
                                    max(PAUSE, LEAST_COST * trial.seconds))
        self._tried, self._expected = self._all.seconds, means[count]
        self._trial, self._recent = None, Timing()
        self._take(count, "other processes are busy")

    def _take(self, count: int, why: str) -> None:
        if count != self.count:
            with contextlib.suppress(BrokenPipeError):   # `… | head`: the reader has gone
                self._say(f"{why}: training with {count} of {self.default} threads")
        self.count = count
        self._use(count)

    def _use(self, count: int) -> None:
        if count != self._used:
            torch.set_num_threads(count)
            self._used = self.watcher.threads = count
