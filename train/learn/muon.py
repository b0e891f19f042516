"""Muon for the matrices inside a network and AdamW for the rest, as one optimizer."""

import math
from collections import defaultdict
from typing import Any

import torch

from tenfold.data.tables import Train
from tenfold.train.device import is_cuda
from tenfold.train.precision import compute_dtype

# a quintic whose slope at zero is as steep as it can be, iterated five times (kellerjordan.github.io/posts/muon)
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
_SMALLEST_NORM = 1e-7
_FLAT = 2                    # matrices with this many times more columns than rows are iterated as square products


class Muon:
    """Orthogonalised momentum for the `hidden` weights (Jordan et al., 2024, kellerjordan.github.io/posts/muon), AdamW
    for all other weights in `groups`: first and last layer, biases, normalisation.

    A convolution is treated as a matrix with a row for each output channel, a view of the same memory. Steps have the
    length of AdamW's (Liu et al., 2025, arXiv:2502.16982), so both use one learning rate and one weight decay.
    """

    def __init__(self, groups: list[dict], hidden: list[torch.Tensor], config: Train):
        inside = {id(p) for p in hidden}
        self._views = []                         # (parameter, its matrix)
        matrices, others = [], []
        for group in groups:
            pairs = [(p, torch.nn.Parameter(as_matrix(p.detach(), p))) for p in group["params"] if id(p) in inside]
            self._views += pairs
            matrices.append(group | {"params": [m for _, m in pairs]})
            others.append(group | {"params": [p for p in group["params"] if id(p) not in inside]})
        matrices, others = ([g for g in some if g["params"]] for some in (matrices, others))
        self.parts: list[torch.optim.Optimizer] = []
        if others:
            self.parts.append(torch.optim.AdamW(others, lr=config.lr, fused=True))
        if matrices:                             # a network of two layers has no hidden weights
            self.parts.append(_Matrices(matrices, config.lr, config.momentum, config.nesterov))

    @property
    def param_groups(self) -> list[dict]:
        """The groups of both optimizers, with a learning rate each."""
        return [group for optimizer in self.parts for group in optimizer.param_groups]

    def step(self) -> None:
        """Update all weights by their gradients."""
        for p, matrix in self._views:
            matrix.grad = None if p.grad is None else as_matrix(p.grad, p)
        for optimizer in self.parts:
            optimizer.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset all gradients."""
        for p, matrix in self._views:
            p.grad = matrix.grad = None
        for optimizer in self.parts:
            optimizer.zero_grad(set_to_none)

    def state_dict(self) -> dict:
        """Return the states of both optimizers."""
        return {"parts": [optimizer.state_dict() for optimizer in self.parts]}

    def load_state_dict(self, state: dict) -> None:
        """Restore what `state_dict` returned."""
        for optimizer, content in zip(self.parts, state["parts"], strict=True):
            optimizer.load_state_dict(content)


class _Matrices(torch.optim.Optimizer):
    """Muon for groups of matrices; matrices of the same shape are orthogonalised together."""

    def __init__(self, groups: list[dict], lr: float, momentum: float, nesterov: bool):
        super().__init__(groups, {"lr": lr, "weight_decay": 0.0, "momentum": momentum, "nesterov": nesterov})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Update all matrices by their gradients."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.Tensor]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[p.shape].append(p)
            for shape, matrices in by_shape.items():
                updates = orthogonalised(torch.stack(self._momenta(matrices, group)))
                torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(matrices, list(updates.unbind()), alpha=-group["lr"] * 0.2 * math.sqrt(max(shape)))

    def _momenta(self, matrices: list[torch.Tensor], group: dict) -> list[torch.Tensor]:
        """Update the running means of the gradients, and return the directions of the step before orthogonalising."""
        gradients = [p.grad for p in matrices]
        for p in matrices:
            if not self.state[p]:
                self.state[p]["momentum_buffer"] = torch.zeros_like(p)
        means = [self.state[p]["momentum_buffer"] for p in matrices]
        torch._foreach_lerp_(means, gradients, 1 - group["momentum"])
        return list(torch._foreach_lerp(gradients, means, group["momentum"])) if group["nesterov"] else means


def orthogonalised(matrices: torch.Tensor) -> torch.Tensor:
    """Return matrices (n, rows, columns) with their singular values brought near 1, by Newton-Schulz iterations.

    Computed in bfloat16 on CUDA devices that support it, else in float32: CPUs that emulate bfloat16 are 8 to 60 times
    slower (benchmarks/log.md).
    """
    dtype = matrices.dtype
    low = is_cuda(matrices.device) and compute_dtype(matrices.device, "auto") is torch.bfloat16
    x = matrices.mT if matrices.shape[1] > matrices.shape[2] else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=_SMALLEST_NORM)
    if low:
        y = _newton_schulz(x.bfloat16())
    else:
        y = _newton_schulz_of_squares(x) if x.shape[2] >= _FLAT * x.shape[1] else _newton_schulz(x)
    return (y.mT if matrices.shape[1] > matrices.shape[2] else y).to(dtype)


def _newton_schulz(x: torch.Tensor) -> torch.Tensor:
    """Bring the singular values of x (n, rows, columns), rows <= columns, of norm 1, near 1."""
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=_B, alpha=_C), x, beta=_A)
    return x


def _newton_schulz_of_squares(x: torch.Tensor) -> torch.Tensor:
    """Do the same in fewer multiplications for matrices with many more columns than rows; not for bfloat16.

    Each iteration is x = m x with a polynomial m of s = x xᵀ. All of them are polynomials of the first s, so they
    commute: the next s is m s m, and the product of all m is applied to x at the end.
    """
    square, product = x @ x.mT, None
    for i in range(_ITERATIONS):
        m = torch.baddbmm(square, square, square, beta=_B, alpha=_C)
        m.diagonal(dim1=1, dim2=2).add_(_A)
        product = m if product is None else m @ product
        if i < _ITERATIONS - 1:
            square = m @ square @ m
    return product @ x


def as_matrix(weight: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return a weight or its gradient as a matrix (outputs, rest), in the memory order of the weight `like`.

    For the weight itself this is a view. The order makes no difference to Muon.
    """
    if like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
        weight = weight.permute(0, 2, 3, 1)
    return weight.reshape(len(weight), -1)
