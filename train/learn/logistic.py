"""Multinomial logistic regression with an L2 penalty, by L-BFGS, for penalties from strong to weak."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn import functional as F

from tenfold.train.learn.loss import mixed_cross_entropy

DECAYS = tuple(round(10 ** (0.5 - i / 2), 6) for i in range(9))      # 3.2, 1, 0.32, … 0.0003
_ITERATIONS = 20             # of L-BFGS between two checks for convergence
_CHECKS = 25                 # checks, at most
_LEAST = 5                   # evaluations of the loss that are made even if it is late: the first steps help most
_CONVERGED = 1e-3            # converged: the loss changed relatively by at most this in _ITERATIONS (1e-5 took a third
                             # more evaluations on 91 classes, for the same log-loss on val)


@dataclass(frozen=True)
class Problem:
    """The data of a regression: x (n, D), of mean 0 and deviation 1, and label int64 (n,).

    weights: float (classes,), class weights as in the training loss, or None. smoothing: of labels.
    """
    x: torch.Tensor
    label: torch.Tensor
    classes: int
    weights: torch.Tensor | None = None
    smoothing: float = 0.0

    def loss(self, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of the linear model with weight (classes, D) and bias (classes,)."""
        return mixed_cross_entropy(F.linear(self.x, weight, bias), self.label, self.weights, self.smoothing)[0]


class Fit(NamedTuple):
    """A linear model: the minimum of the loss with this weight decay."""
    decay: float
    weight: torch.Tensor         # (classes, D)
    bias: torch.Tensor           # (classes,)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (n, classes) of x (n, D)."""
        return F.linear(x, self.weight, self.bias)


def regularisation_path(problem: Problem, decays: Sequence[float] = DECAYS,
                        late: Callable[[], bool] = lambda: False, start: Fit | None = None) -> Iterator[Fit]:
    """Yield the fit that minimises loss + decay / 2 × |weight|², for each decay.

    Each minimisation starts from the result before, the first one from `start`, or from 0. late: asked before each
    evaluation of the loss; once it returns True, the best result so far is yielded as the last one.
    """
    x = problem.x
    weight = (start.weight.clone() if start else x.new_zeros(problem.classes, x.shape[1])).requires_grad_()
    bias = (start.bias.clone() if start else x.new_zeros(problem.classes)).requires_grad_()
    for decay in decays:
        _minimise(problem, decay, weight, bias, late)
        yield Fit(decay, weight.detach().clone(), bias.detach().clone())
        if late():
            return


class _LateError(Exception):
    """The time is up in the middle of an iteration."""


def _minimise(problem: Problem, decay: float, weight: torch.Tensor, bias: torch.Tensor,
              late: Callable[[], bool]) -> None:
    """Minimise the penalised loss by L-BFGS, changing weight and bias in place; if it is late, to the best so far."""
    losses: list[float] = []
    best = weight, bias
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_ITERATIONS, tolerance_grad=1e-6, tolerance_change=0.0,
                                  line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        nonlocal best
        if len(losses) >= _LEAST and late():
            raise _LateError
        optimizer.zero_grad(set_to_none=True)
        loss = problem.loss(weight, bias) + decay / 2 * weight.square().sum()
        loss.backward()
        losses.append(loss.item())
        if losses[-1] <= min(losses):
            best = weight.detach().clone(), bias.detach().clone()
        return loss
    before = float("inf")
    try:
        with torch.enable_grad():
            for _ in range(_CHECKS):
                now = optimizer.step(closure).item()     # the loss at the beginning of these iterations
                if before - now <= _CONVERGED * abs(now):
                    return
                before = now
    except _LateError:
        with torch.no_grad():                    # the point to be tried next may be a bad one
            weight.copy_(best[0])
            bias.copy_(best[1])
