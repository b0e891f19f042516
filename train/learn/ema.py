"""EMA: the exponential moving average of a model's weights, which is evaluated and saved as best.pth."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class EMA:
    """`module` is the running mean of `model`'s weights and batch statistics over the steps; decay 0: the model itself.

    torch's own AveragedModel copies its count of steps to the device in each of them, and so waits for it.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.module = copy.deepcopy(model) if decay else model
        self._mean, self._now = ([t.detach() for t in (*m.parameters(), *m.buffers()) if t.is_floating_point()]
                                 for m in (self.module, model))
        self._blend = get_ema_multi_avg_fn(decay) if decay else None

    @torch.no_grad()
    def update(self, first: bool) -> None:
        """Blend in the weights after an optimiser step; those of the first step are taken as they are."""
        if self._blend and first:
            for mean, now in zip(self._mean, self._now, strict=True):
                mean.copy_(now)
        elif self._blend:
            self._blend(self._mean, self._now, None)
