"""Time a training step and an evaluation on empty rows, before a run begins; its weights do not change."""

import time
from collections.abc import Callable

import torch

from tenfold.data.tables import Train
from tenfold.train.device import is_host, synchronise
from tenfold.train.learn.compile import unchanged
from tenfold.train.learn.learner import Learner
from tenfold.train.score.evaluate import forward

_FIRST = 4                   # on a CPU, the first call takes at most about so many times the limit
_REPEATS = 3                 # timed calls of each, after a first one that is not counted


def measure(learner: Learner, rows: int, row_shape: tuple[int, int, int], config: Train,
            limit: float) -> tuple[float, float]:
    """Return the seconds of a training step of `rows` rows without the optimizer, and of an evaluation of as many
    rows, by all of the networks that an evaluation compares.

    limit: in seconds; if the calls would take longer, the first one is the only one, and on a CPU it has fewer rows.
    """
    device = learner.normalise.device
    learner.prepare(rows, row_shape)
    timed = rows

    def step(image, label, numbers) -> None:
        learner.gradients(image, label, numbers)
        learner.optimizer.zero_grad(set_to_none=True)

    def evaluation(image, *_) -> None:
        with torch.no_grad():
            for network in learner.networks():
                forward(network, image, learner.normalise, config.precision)
    with unchanged(learner.model, learner.optimizer, device):
        learner.model.train()
        if config.compile == "none" and is_host(device):
            two = learner.example(2, row_shape)
            step(*two)                           # the very first step loads libraries; else `prepare` did
            seconds = max(1e-6, _timed(lambda: step(*two), device, limit=0.0))
            timed = min(rows, max(2, int(2 * _FIRST * limit / seconds)))
        batch = learner.example(timed, row_shape)
        step_seconds = _timed(lambda: step(*batch), device, limit)
        for network in learner.networks():
            network.eval()
        forward_seconds = _timed(lambda: evaluation(*batch), device, limit / 3)
    learner.model.train()
    return step_seconds * rows / timed, forward_seconds * rows / timed       # on a CPU in proportion to the rows


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
