"""Muon for the matrices inside a network, AdamW for the rest: one optimiser to the loop."""

import torch

from tenfold.data.errors import MachineFault
from tenfold.data.tables import Train


class Muon:
    """Orthogonalised momentum for `hidden` weights (Jordan et al., 2024, kellerjordan.github.io/posts/muon),
    AdamW for all others in `groups`: the first and the last weights, biases, normalisation.

    torch's own Muon takes matrices only: a convolution is shown to it as one row for each channel that it
    makes, a view of the same memory. Its steps are as long as AdamW's (Liu et al., 2025, arXiv:2502.16982),
    so one learning rate and one weight decay do for both.
    """

    def __init__(self, groups: list[dict], hidden: list[torch.Tensor], how: Train):
        if not hasattr(torch.optim, "Muon"):
            raise MachineFault("train.optimizer muon", f"is not in torch {torch.__version__}",
                               "choose adamw, or install torch 2.9 or later")
        inside = {id(p) for p in hidden}
        self._views = []                         # (parameter, its matrix)
        matrices, others = [], []
        for group in groups:
            mine = [p for p in group["params"] if id(p) in inside]
            pairs = [(p, torch.nn.Parameter(as_matrix(p.detach(), p))) for p in mine]
            self._views += pairs
            matrices.append(group | {"params": [m for _, m in pairs]})
            others.append(group | {"params": [p for p in group["params"] if id(p) not in inside]})
        matrices, others = ([g for g in some if g["params"]] for some in (matrices, others))
        self._parts = [torch.optim.AdamW(others, lr=how.lr, fused=True)]
        if matrices:                             # a net of two layers has nothing in between
            self._parts.append(torch.optim.Muon(matrices, lr=how.lr, momentum=how.momentum, nesterov=how.nesterov
                                                and how.momentum > 0, adjust_lr_fn="match_rms_adamw"))

    @property
    def param_groups(self) -> list[dict]:
        return [group for part in self._parts for group in part.param_groups]

    def step(self) -> None:
        for p, matrix in self._views:
            matrix.grad = None if p.grad is None else as_matrix(p.grad, p)
        for part in self._parts:
            part.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        for p, matrix in self._views:
            p.grad = matrix.grad = None
        self._parts[0].zero_grad(set_to_none)

    def state_dict(self) -> dict:
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state: dict) -> None:
        for part, one in zip(self._parts, state["parts"], strict=True):
            part.load_state_dict(one)


def as_matrix(weight: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(outputs, rest) of a weight or its gradient, in the order in which the weight `like` lies in memory, so that
    the weight's own is a view. Which order makes no difference to Muon."""
    if like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
        weight = weight.permute(0, 2, 3, 1)
    return weight.reshape(len(weight), -1)
