"""Time the steps of a run, and decide when to read the loss and when to evaluate."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tenfold.train.device import synchronise
from tenfold.train.run.clock import Clock
from tenfold.train.run.closing import Closing
from tenfold.train.run.plan import Plan, least_pause
from tenfold.train.run.state import RunState
from tenfold.train.run.threads import ThreadChoice

READ_SECONDS = 1.0           # between two reads of the metrics on the device; each read waits for the device
EARLY_STEP = 8               # after this step they are read for the first time


class Pace:
    """The timer of a run: measures its first step, its steps and what follows, and tells the clock what to reserve.

    state: its `training` and `waiting` seconds are counted here. first_step: seconds from the start of the command
    until the first step was done, None before. compiled: kernels are compiled, which fixes the number of threads.
    """

    def __init__(self, clock: Clock, device: torch.device, state: RunState, compiled: bool = False):
        self.clock, self.closing = clock, Closing(clock.budget)
        self.first_step: float | None = None
        self.threads = ThreadChoice(device, compiled)
        self._device, self._state = device, state
        self._began = self._read = 0.0
        self._steps = 0                          # since the device was last waited for

    def begin(self) -> None:
        """Note that steps begin, or go on after a checkpoint; the time before does not count as training."""
        self.threads.begin()
        self._began = self._read = time.monotonic()
        self._steps = 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside this context as waiting for data."""
        start = time.monotonic()
        yield
        self._state.waiting += time.monotonic() - start

    def stepped(self) -> None:
        """Note that a step was sent to the device. The first step is waited for and timed apart: it is much slower."""
        self._steps += 1
        self.threads.stepped()
        if self.first_step is None:
            synchronise(self._device)
            self.first_step = self.clock.running()
            self._read, self._steps = time.monotonic(), 0

    def read_is_due(self) -> bool:
        """Return whether the metrics on the device should be read now."""
        return self._state.step == EARLY_STEP or time.monotonic() - self._read > READ_SECONDS

    def evaluation_is_due(self, plan: Plan, t: float, epoch_ends: bool = False) -> bool:
        """Return whether to evaluate at progress t: when the plan says so, and if it fits but the run is so slow that
        it follows the clock, a while after the last evaluation, too. epoch_ends: an epoch has just ended."""
        if plan.evaluation_is_due(t, self._state.evaluations, epoch_ends):
            return True
        if not plan.fits or not self._state.late:
            return False
        last = self._state.history[-1]["seconds"] if self._state.history else self.clock.grace
        return self.clock.elapsed() - last >= least_pause(self.closing.seconds["evaluation"], self.clock.budget)

    def was_read(self) -> None:
        """Note that the metrics were read, so the device has finished its steps; update the reserved time."""
        now = time.monotonic()
        if self._steps:
            self.closing.stepped(now - self._read, self._steps)
            self.clock.reserve(self.closing.total())
        self._read, self._steps = now, 0

    def end(self) -> None:
        """Wait for the device, and count the time of the steps as training: they end, or pause for a checkpoint."""
        synchronise(self._device)
        self._state.training += time.monotonic() - self._began
        self._began = time.monotonic()
