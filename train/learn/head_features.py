"""Compute the inputs of the last layer of a network, its features, for all rows that are reached in time."""

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from tenfold.data.tables import Train
from tenfold.train.device import same_random_state
from tenfold.train.learn.learner import Learner
from tenfold.train.learn.one_pass import NotDoneError, Source, check_memory, pass_in_time
from tenfold.train.models.folded import folded
from tenfold.train.models.head import find_head, layers
from tenfold.train.precision import autocast

_TRIED = 8                   # rows on which they are compared with the whole network
_TOLERANCE = 0.01            # share of the largest logit by which logits may differ: CUDA multiplies in TF32 …
_TOLERANCE_BFLOAT16 = 0.05   # … and bfloat16 has 8 bits

Table = tuple[torch.Tensor, torch.Tensor]        # features (rows, D), label int64 (rows,)


@dataclass(frozen=True)
class HeadRows:
    """The rows to fit a head to."""
    source: Source                       # yields the rows of a split as the network takes them
    counts: dict[str, int]               # rows of each split
    units: torch.Tensor                  # int64 (rows of train,): the same number for copies of one source


def last_layer(model: nn.Module) -> nn.Linear | nn.Conv2d:
    """Return the head of a network: a linear layer, or a 1×1 convolution, with a bias. NotDoneError: it is not such."""
    head = find_head(model)
    found = [m for name, m in layers(model) if head.holds(name)]
    for last in found if len(found) == 1 and found[0].bias is not None else ():
        if isinstance(last, nn.Linear) or (isinstance(last, nn.Conv2d) and last.groups == 1 and (
                last.kernel_size, last.stride, last.padding) == ((1, 1), (1, 1), (0, 0))):
            return last
    raise NotDoneError("it is more than one linear layer")


def features_before_head(learner: Learner, given: HeadRows, config: Train, seconds: float) -> dict[str, Table]:
    """Return, by split, the inputs of the last layer for all rows that are reached in `seconds`.

    NotDoneError: memory or time is short, the logits are not linear in these inputs, or they are not finite.
    """
    width, device, rows = last_layer(learner.model).weight.shape[1], learner.normalise.device, given.counts
    if seconds <= 0:
        raise NotDoneError("no time is left for it")
    check_memory(4 * width * sum(rows.values()), device)
    tables = {name: (torch.empty(count, width, device=device), torch.empty(count, dtype=torch.int64, device=device))
              for name, count in rows.items()}
    before, passed = None, dict.fromkeys(rows, 0)
    for name, start, x, label in pass_in_time(given.source, rows, seconds, device):
        passed[name] = start + len(label)
        here = slice(start, passed[name])
        with torch.no_grad(), autocast(device, config.precision):
            before = before or _before_last(learner, x[:_TRIED])
            tables[name][0][here] = before(x)
        tables[name][1][here] = label
    if passed["train"] < min(rows["train"], learner.classes):
        raise NotDoneError(f"there was time for {passed['train']:,} of {rows['train']:,} training rows, fewer than "
                           f"the {learner.classes:,} classes")
    tables = {name: (x[:passed[name]], label[:passed[name]]) for name, (x, label) in tables.items()}
    if not all(x.isfinite().all() for x, _ in tables.values()):
        raise NotDoneError("what the last layer gets is not finite")
    return tables


class _BeforeLast:
    """A function of pictures or kept features: the inputs of a layer of a network, averaged over positions, (B, D)."""

    def __init__(self, network: nn.Module, layer: str):
        self._network, self._input = network, torch.empty(0)
        network.get_submodule(layer).register_forward_pre_hook(self._note)

    def _note(self, _: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self._input = inputs[0]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self._network(x)
        return self._input.mean((2, 3)) if self._input.ndim == 4 else self._input


def _before_last(learner: Learner, x: torch.Tensor) -> _BeforeLast:
    """Return the fastest function that gives the inputs of the last layer. x (B, …): some rows to check it on.

    NotDoneError: the network's logits are not a linear function of these inputs, for example because of a ReLU behind
    the last layer.
    """
    whole = copy.deepcopy(learner.model).eval()
    last = last_layer(whole)
    name = next(name for name, m in whole.named_modules() if m is last)
    with same_random_state(x.device):
        nn.init.normal_(last.weight)             # some heads begin at 0, which would agree with everything
        nn.init.normal_(last.bias)
        expected = whole(x)
        # torch.fx cannot trace a network that takes kept features (`accept_features`)
        for make in (folded, copy.deepcopy) if learner.features is None else (copy.deepcopy,):
            before = _BeforeLast(make(whole), name)
            features = before(x)
            if features.ndim == 2 and _near(F.linear(features, last.weight.flatten(1), last.bias), expected):
                return before
    raise NotDoneError("its logits are not linear in what the last layer gets")


def _near(a: torch.Tensor, b: torch.Tensor) -> bool:
    tolerance = _TOLERANCE if b.dtype == torch.float32 else _TOLERANCE_BFLOAT16
    return a.shape == b.shape and bool(((a - b).abs() <= tolerance * b.abs().max()).all())
