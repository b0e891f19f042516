"""Compile the loss of a training step by torch.compile; where that fails, go on without, with a note."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from tenfold.train.device import is_cuda, same_random_state
from tenfold.train.learn.loss import LossFunction
from tenfold.train.learn.muon import Muon

_WARM_UP = 3                 # CUDA graphs: the first call warms up, the second records, the third replays


def compiled(loss_function: LossFunction, mode: str, model: nn.Module, optimizer: torch.optim.Optimizer | Muon,
             example: tuple) -> LossFunction:
    """Return the loss function compiled in the mode `train.compile`, or as it is, with a note, where that fails.

    What is compiled is a function over the model, not the model: its weights keep their names. Every training batch
    has one size, that of `example` (image, label, random numbers), so it is compiled once. Weights, gradients and
    random states are afterwards what they were.
    """
    if mode == "none":
        return loss_function
    fast = torch.compile(loss_function, mode=mode, dynamic=False)
    graphs = is_cuda(example[0].device) and mode != "default"

    def compiled_loss(image, label, numbers=None):
        if graphs:
            torch.compiler.cudagraph_mark_step_begin()   # what the step before gave has been read
        return fast(image, label, numbers)
    try:
        with unchanged(model, optimizer, example[0].device):
            model.train()
            for _ in range(_WARM_UP):
                compiled_loss(*example)[0].backward()
                optimizer.zero_grad(set_to_none=True)
    except Exception as error:                   # no compiler, an old GPU, …: if it is the model's own fault,
        line = str(error).strip().partition("\n")[0]     # the first step will say so
        print(f"note: train.compile = \"{mode}\" does not work here ({line[:200]}); training without it")
        return loss_function
    return compiled_loss


@contextmanager
def unchanged(model: nn.Module, optimizer: torch.optim.Optimizer | Muon, device: torch.device) -> Iterator[None]:
    """Restore weights, batch statistics and random states on exit, in the same memory."""
    state = {k: v.clone() for k, v in model.state_dict().items()}
    with same_random_state(device):
        try:
            yield
        finally:
            optimizer.zero_grad(set_to_none=True)
            model.load_state_dict(state)
