"""Learning rate as a pure function of progress t, 0 … 1: a share of the peak."""

import math

from tenfold.data.tables import Train

_ROUNDING = 1e-9             # step 5 of 15 is a third of the run, whichever way the division rounds

SCHEDULES = {
    "constant": lambda t, how: 1.0,
    "linear": lambda t, how: 1 - t,
    "cosine": lambda t, how: (1 + math.cos(math.pi * t)) / 2,                # SGDR, arXiv:1608.03983
    "exponential": lambda t, how: how.final ** t,
    "step": lambda t, how: math.prod(factor for at, factor in how.steps      # ResNet, arXiv:1512.03385
                                     if t >= at - _ROUNDING),
    "onecycle": lambda t, how: 0.04 + 0.96 * t / 0.3 if t < 0.3              # arXiv:1708.07120
    else (1 + math.cos(math.pi * (t - 0.3) / 0.7)) / 2,
}


def lr_at(t: float, how: Train) -> float:
    """Share of the peak at progress `t`; the first `how.warmup` of the run rises linearly to it."""
    shape = SCHEDULES[how.schedule]
    if t < how.warmup:
        return max(t / how.warmup, 0.01) * shape(0.0, how)
    return shape((t - how.warmup) / (1 - how.warmup), how)
