"""EMA: the exponential moving average of a model's weights, which is evaluated as well as the weights themselves."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class EMA:
    """`module` holds the running mean of `model`'s weights and batch statistics; with decay 0 it is the model itself.

    The decay warms up: after n steps it is at most (1 + n) / (10 + n), so the mean reaches back over a ninth of the
    steps so far. With a constant decay of 0.999, the first step's weights would still make up 61% of the mean after 500
    steps.

    torch's AveragedModel is not used: it copies its step count to the device in each step, and so waits for the device.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.module = copy.deepcopy(model) if decay else model
        self._mean, self._now = ([t.detach() for t in (*m.parameters(), *m.buffers()) if t.is_floating_point()]
                                 for m in (self.module, model))
        self._decay = decay

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Add the weights after an optimizer step to the mean. step: its number in the run; step 0 begins the mean."""
        if self._decay and not step:
            for mean, now in zip(self._mean, self._now, strict=True):
                mean.copy_(now)
        elif self._decay:
            get_ema_multi_avg_fn(decay_at(step, self._decay))(self._mean, self._now, None)


def decay_at(step: int, decay: float) -> float:
    """Return the decay after `step` steps: `decay`, or less at the beginning."""
    return min(decay, (1 + step) / (10 + step))
