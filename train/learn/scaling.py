"""Scale the loss where gradients are float16, or the small ones would become zero (arXiv:1710.03740)."""

from typing import Any

import torch
from torch import nn

from tenfold.train.learn.muon import Muon
from tenfold.train.precision import compute_dtype


class ScaledSteps:
    """The gradients and the optimiser step of a loss, scaled where `precision` means float16 on the device.

    A step whose gradients overflow is left out, and the next ones have half the scale: with Adam, AdamW and SGD the
    optimiser's own kernel leaves it out, so that nothing waits for the device. Muon's cannot, and each step of it
    waits. Elsewhere than in float16 this is `loss.backward()` and `optimizer.step()`.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer | Muon, device: torch.device, precision: str):
        self._optimizer = optimizer
        known = isinstance(optimizer, torch.optim.Optimizer)
        self._seen: Any = optimizer if known else _Gradients(model, optimizer)
        self._scaler = torch.amp.GradScaler(device.type, enabled=compute_dtype(device, precision) == torch.float16)

    def backward(self, loss: torch.Tensor, unscale: bool) -> None:
        """Compute the gradients; unscale: as they are without scaling, for clipping."""
        self._scaler.scale(loss).backward()
        if unscale:
            self._scaler.unscale_(self._seen)

    def step(self) -> None:
        """Take the optimiser's step, and reset the gradients."""
        self._scaler.step(self._seen)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict:
        """Return the scale and the steps since it changed; empty where nothing is scaled."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict) -> None:
        """Take up what `state_dict` returned; an empty one, of a run on another device, changes nothing."""
        if state:
            self._scaler.load_state_dict(state)


class _Gradients:
    """What GradScaler has to know of an optimiser that is not torch's: whose gradients it takes, and its step."""

    def __init__(self, model: nn.Module, optimizer: Muon):
        self.param_groups = [{"params": [p for p in model.parameters() if p.requires_grad]}]
        self.step = optimizer.step
