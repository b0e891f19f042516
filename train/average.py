"""The running mean of a model's weights, which is what is evaluated and kept as best."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """`module` is the mean of `model`'s weights and batch statistics over the steps; decay 0: the model itself.

    torch's own AveragedModel copies its count of steps to the device in each of them, and so waits for it.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.module = copy.deepcopy(model) if decay else model
        self._mean, self._now = ([t for t in (*m.parameters(), *m.buffers()) if t.is_floating_point()]
                                 for m in (self.module, model))
        self._blend = get_ema_multi_avg_fn(decay)

    @torch.no_grad()
    def update(self, first: bool) -> None:
        """After an optimiser step; the first one is taken as it is."""
        if self._mean[0] is self._now[0]:
            return
        if first:
            for mean, now in zip(self._mean, self._now, strict=True):
                mean.copy_(now)
        else:
            self._blend([t.detach() for t in self._mean], [t.detach() for t in self._now], None)
