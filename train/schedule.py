"""Learning rate as a pure function of progress t, 0 … 1: a share of the peak."""

import math

SCHEDULES = {
    "constant": lambda t: 1.0,
    "linear": lambda t: 1 - t,
    "cosine": lambda t: (1 + math.cos(math.pi * t)) / 2,                     # SGDR, arXiv:1608.03983
    "exponential": lambda t: 0.01 ** t,                                      # to a hundredth at the end
    "step": lambda t: 1.0 if t < 0.5 else 0.1 if t < 0.75 else 0.01,         # ResNet, arXiv:1512.03385
    "onecycle": lambda t: 0.04 + 0.96 * t / 0.3 if t < 0.3                   # arXiv:1708.07120
    else (1 + math.cos(math.pi * (t - 0.3) / 0.7)) / 2,
}


def lr_at(t: float, schedule: str, warmup: float) -> float:
    """Share of the peak at progress `t`; the first `warmup` of the run rises linearly to it."""
    shape = SCHEDULES[schedule]
    if t < warmup:
        return max(t / warmup, 0.01) * shape(0.0)
    return shape((t - warmup) / (1 - warmup))
