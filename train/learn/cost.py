"""Time a training step and an evaluation on empty rows, before a run begins; its weights do not change."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from tenfold.data.tables import Train
from tenfold.train.device import is_host, synchronise
from tenfold.train.learn.compile import unchanged
from tenfold.train.learn.learner import Learner
from tenfold.train.score.evaluate import forward

_MOST = 4                    # on a CPU, the calls after the very first take at most about so many times the limit
_REPEATS = 3                 # timed calls of each, after a first one that is not counted
_FEW = 2                     # rows of the smallest calls: batch normalisation needs two


def measure(learner: Learner, rows: int, row_shape: tuple[int, int, int], config: Train,
            limit: float) -> Callable[[int], tuple[float, float]]:
    """Return a function that gives, for a batch of so many rows, the seconds of a training step without the optimizer
    and those of an evaluation by all of the networks that an evaluation compares.

    limit: in seconds; if the calls would take longer, fewer are made. On a CPU, small batches and such of up to `rows`
    rows are timed now, and the function calculates. Otherwise it times each number of rows when it is first asked for.
    """
    work = _Work(learner, row_shape, config)
    if config.compile != "none" or not is_host(learner.normalise.device):
        return functools.cache(lambda asked: work.seconds(asked, limit))
    step, evaluation = work.lines(rows, limit)
    return lambda asked: (step.seconds(asked), evaluation.seconds(asked))


@dataclass(frozen=True)
class _Line:
    """Seconds of a call on a CPU: some whatever the rows, and some for each of them."""
    fixed: float
    each: float

    def seconds(self, rows: int) -> float:
        return self.fixed + self.each * rows


@dataclass(frozen=True)
class _Work:
    """The calls of a learner that are timed."""
    learner: Learner
    row_shape: tuple[int, int, int]
    config: Train

    def seconds(self, rows: int, limit: float) -> tuple[float, float]:
        """Return the seconds of a step and of an evaluation of `rows` rows."""
        learner, device = self.learner, self.learner.normalise.device
        learner.prepare(rows, self.row_shape)
        with unchanged(learner.model, learner.optimizer, device):
            found = _timed(self._step(rows), device, limit), _timed(self._evaluation(rows), device, limit / 3)
        learner.model.train()
        return found

    def lines(self, rows: int, limit: float) -> tuple[_Line, _Line]:
        """Return the seconds of a step and of an evaluation on a CPU, from calls of at most `rows` rows."""
        learner = self.learner
        with unchanged(learner.model, learner.optimizer, learner.normalise.device):
            found = _line(self._step, rows, limit), _line(self._evaluation, rows, limit / 3)
        learner.model.train()
        return found

    def _step(self, rows: int) -> Callable[[], None]:
        """Return a call that computes the gradients of a batch of `rows` rows."""
        batch = self.learner.example(rows, self.row_shape)

        def step() -> None:
            self.learner.gradients(*batch)
            self.learner.optimizer.zero_grad(set_to_none=True)
        self.learner.model.train()
        return step

    def _evaluation(self, rows: int) -> Callable[[], None]:
        """Return a call that evaluates a batch of `rows` rows."""
        image, _, _ = self.learner.example(rows, self.row_shape)
        networks = self.learner.networks()

        @torch.no_grad()
        def evaluation() -> None:
            for network in networks:
                forward(network, image, self.learner.normalise, self.config.precision)
        for network in networks:
            network.eval()
        return evaluation


def _line(call_of: Callable[[int], Callable[[], None]], rows: int, limit: float) -> _Line:
    """Return the seconds of a call on a CPU by its rows: the line through the times of few rows and of many.

    call_of: returns a call on so many rows. The numbers of rows rise to the most, up to `rows`, that take at most
    `_MOST * limit` seconds even if time is in proportion to the rows. The very first call loads libraries; neither it
    nor the first one of a size counts, but if there is time for a single call of more than the fewest rows, it does.
    """
    call = call_of(_FEW)
    call()
    begin = time.monotonic()
    few = seconds = _mean(call, limit / _MOST)
    timed = _FEW
    while timed < rows:
        left = _MOST * limit - (time.monotonic() - begin)
        affordable = timed * left / max(seconds, 1e-9)           # rows of a single call
        least = min(rows, 2 * timed)
        calls = 1 if timed == _FEW and affordable < 2 * least else 2
        if affordable < calls * least:
            break
        timed = min(rows, int(affordable / calls))
        call = call_of(timed)
        if calls > 1:
            call()
        seconds = _mean(call, limit)
    if timed == _FEW:
        return _Line(0.0, few / _FEW)
    each = max(0.0, (seconds - few) / (timed - _FEW))
    return _Line(max(0.0, few - _FEW * each), each)


def _mean(call: Callable[[], None], limit: float) -> float:
    """Return the mean seconds of some calls; of one if they would take longer than `limit`."""
    begin = time.monotonic()
    call()
    first = time.monotonic() - begin
    if _REPEATS * first > limit:
        return first
    for _ in range(_REPEATS - 1):
        call()
    return (time.monotonic() - begin) / _REPEATS


def _timed(call: Callable[[], None], device: torch.device, limit: float) -> float:
    """Return the seconds of a call: the mean of some after the first, which is slower; if time is short, of one.

    On a graphics card the first call never counts, because preparing kernels can take it seconds.
    """
    if not is_host(device):
        call()
        synchronise(device)
    begin = time.monotonic()
    call()
    synchronise(device)
    first = time.monotonic()
    if (_REPEATS + 1) * (first - begin) > limit:
        return first - begin
    for _ in range(_REPEATS):
        call()
    synchronise(device)
    return (time.monotonic() - first) / _REPEATS
