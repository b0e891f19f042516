"""EMA: the exponential moving average of a model's weights, which is evaluated beside the weights themselves."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class EMA:
    """`module` is the running mean of `model`'s weights and batch statistics over the steps; decay 0: the model itself.

    The decay warms up: after n steps it is (1 + n) / (10 + n) at most, so that the mean reaches back over a ninth of
    the steps so far. With a decay of 0.999 alone, 61% of the first step's weights would still be in it after 500 steps.

    torch's own AveragedModel copies its count of steps to the device in each of them, and so waits for it.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.module = copy.deepcopy(model) if decay else model
        self._mean, self._now = ([t.detach() for t in (*m.parameters(), *m.buffers()) if t.is_floating_point()]
                                 for m in (self.module, model))
        self._decay = decay

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Blend in the weights after an optimiser step, the run's number `step` from 0; those of the first as they are.
        """
        if self._decay and not step:
            for mean, now in zip(self._mean, self._now, strict=True):
                mean.copy_(now)
        elif self._decay:
            get_ema_multi_avg_fn(decay_at(step, self._decay))(self._mean, self._now, None)


def decay_at(step: int, decay: float) -> float:
    """Return the decay after so many steps: `decay`, less in the first of them."""
    return min(decay, (1 + step) / (10 + step))
