"""Scale the loss if gradients are float16; without scaling, small ones would become zero (arXiv:1710.03740)."""

from typing import Any

import torch
from torch import nn

from tenfold.train.learn.muon import Muon
from tenfold.train.precision import compute_dtype


class ScaledSteps:
    """The backward pass and the optimizer step, with a scaled loss if `precision` means float16 on the device.

    A step whose gradients overflow is skipped, and the scale is halved. With Adam, AdamW and SGD the fused kernel skips
    it, so nothing waits for the device; with Muon each step has to wait. In other precisions than float16 this is just
    `loss.backward()` and `optimizer.step()`.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer | Muon, device: torch.device, precision: str):
        self._optimizer = optimizer
        known = isinstance(optimizer, torch.optim.Optimizer)
        self._seen: Any = optimizer if known else _Gradients(model, optimizer)
        self._scaler = torch.amp.GradScaler(device.type, enabled=compute_dtype(device, precision) == torch.float16)

    def backward(self, loss: torch.Tensor) -> None:
        """Compute the gradients of the scaled loss."""
        self._scaler.scale(loss).backward()

    def unscale(self) -> None:
        """Undo the scaling in the gradients, so that they can be clipped."""
        self._scaler.unscale_(self._seen)

    def step(self) -> None:
        """Take the optimizer's step, and reset the gradients."""
        self._scaler.step(self._seen)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict:
        """Return the scale and the steps since it changed; empty if nothing is scaled."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict) -> None:
        """Restore what `state_dict` returned; an empty state, of a run on another device, changes nothing."""
        if state:
            self._scaler.load_state_dict(state)


class _Gradients:
    """What GradScaler needs of an optimizer that is not torch's: its parameters and its step."""

    def __init__(self, model: nn.Module, optimizer: Muon):
        self.param_groups = [{"params": [p for p in model.parameters() if p.requires_grad]}]
        self.step = optimizer.step
