"""The learning rate as a pure function of progress t, 0 … 1: a share of the peak."""

import math

from tenfold.data.tables import Train

_ROUNDING = 1e-9             # so that 5/15 of the run counts as a third, however the division is rounded

SCHEDULES = {
    "constant": lambda t, config: 1.0,
    "linear": lambda t, config: 1 - t,
    "cosine": lambda t, config: (1 + math.cos(math.pi * t)) / 2,             # SGDR, arXiv:1608.03983
    "exponential": lambda t, config: config.final ** t,
    "step": lambda t, config: math.prod(factor for milestone, factor in config.steps   # ResNet, arXiv:1512.03385
                                        if t >= milestone - _ROUNDING),
    "onecycle": lambda t, config: 0.04 + 0.96 * t / 0.3 if t < 0.3           # arXiv:1708.07120
    else (1 + math.cos(math.pi * (t - 0.3) / 0.7)) / 2,
}


def lr_at(t: float, config: Train) -> float:
    """Return the share of the peak rate at progress `t`; it rises linearly in the first `config.warmup` of the run."""
    shape = SCHEDULES[config.schedule]
    if t < config.warmup:
        return max(t / config.warmup, 0.01) * shape(0.0, config)
    return shape((t - config.warmup) / (1 - config.warmup), config)
