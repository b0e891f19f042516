"""Muon for the matrices inside a network and AdamW for the rest, as one optimiser."""

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

    def __init__(self, groups: list[dict], hidden: list[torch.Tensor], config: Train):
        if not hasattr(torch.optim, "Muon"):
            raise MachineFault("train.optimizer muon", f"is not in torch {torch.__version__}",
                               "choose adamw, or install torch 2.9 or later")
        inside = {id(p) for p in hidden}
        self._views = []                         # (parameter, its matrix)
        matrices, others = [], []
        for group in groups:
            pairs = [(p, torch.nn.Parameter(as_matrix(p.detach(), p))) for p in group["params"] if id(p) in inside]
            self._views += pairs
            matrices.append(group | {"params": [m for _, m in pairs]})
            others.append(group | {"params": [p for p in group["params"] if id(p) not in inside]})
        matrices, others = ([g for g in some if g["params"]] for some in (matrices, others))
        self._optimizers = [torch.optim.AdamW(others, lr=config.lr, fused=True)]
        if matrices:                             # a net of two layers has nothing in between
            self._optimizers.append(torch.optim.Muon(
                matrices, lr=config.lr, momentum=config.momentum, nesterov=config.nesterov and config.momentum > 0,
                adjust_lr_fn="match_rms_adamw"))

    @property
    def param_groups(self) -> list[dict]:
        """The groups of both optimisers, with a learning rate each."""
        return [group for optimizer in self._optimizers for group in optimizer.param_groups]

    def step(self) -> None:
        """Update all weights by their gradients."""
        for p, matrix in self._views:
            matrix.grad = None if p.grad is None else as_matrix(p.grad, p)
        for optimizer in self._optimizers:
            optimizer.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset all gradients."""
        for p, matrix in self._views:
            p.grad = matrix.grad = None
        self._optimizers[0].zero_grad(set_to_none)

    def state_dict(self) -> dict:
        """Return the states of both optimisers."""
        return {"parts": [optimizer.state_dict() for optimizer in self._optimizers]}

    def load_state_dict(self, state: dict) -> None:
        """Take up what `state_dict` returned."""
        for optimizer, content in zip(self._optimizers, state["parts"], strict=True):
            optimizer.load_state_dict(content)


def as_matrix(weight: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return a weight or its gradient as (outputs, rest), in the order in which the weight `like` lies in memory.

    So the weight's own is a view. Which order makes no difference to Muon.
    """
    if like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
        weight = weight.permute(0, 2, 3, 1)
    return weight.reshape(len(weight), -1)
