"""Compile the loss of a training step by torch.compile; if that fails, print a note and use it uncompiled."""

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
    """Return the loss function compiled in the mode `train.compile`; if that fails, print a note and return it as is.

    The function is compiled, not the model, so weights keep their names. All training batches have the size of
    `example` (image, label, random numbers), so it is compiled once. Weights, gradients and random states are the same
    afterwards.
    """
    if mode == "none":
        return loss_function
    fast = torch.compile(loss_function, mode=mode, dynamic=False)
    graphs = is_cuda(example[0].device) and mode != "default"

    def compiled_loss(image, label, numbers=None):
        if graphs:
            torch.compiler.cudagraph_mark_step_begin()   # the outputs of the step before may be overwritten
        return fast(image, label, numbers)
    try:
        with unchanged(model, optimizer, example[0].device):
            model.train()
            for _ in range(_WARM_UP):
                compiled_loss(*example)[0].backward()
                optimizer.zero_grad(set_to_none=True)
    except Exception as error:                   # no compiler, an old GPU, …; if the model itself is at fault,
        line = str(error).strip().partition("\n")[0]     # the first step will show it
        print(f"note: train.compile = \"{mode}\" does not work here ({line[:200]}); training without it")
        return loss_function
    return compiled_loss


@contextmanager
def unchanged(model: nn.Module, optimizer: torch.optim.Optimizer | Muon, device: torch.device) -> Iterator[None]:
    """On exit, restore weights, batch statistics and random states, in the same memory."""
    state = {k: v.clone() for k, v in model.state_dict().items()}
    with same_random_state(device):
        try:
            yield
        finally:
            optimizer.zero_grad(set_to_none=True)
            model.load_state_dict(state)
