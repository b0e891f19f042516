"""Fit the last layer of a network at once, to what the layers before it make of all rows, by logistic regression.

Fine-tuning then begins with a good head, which spoils less of what is before it (Kumar et al., 2022, arXiv:2202.10054).
"""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn import functional as F

from tenfold.data.tables import Train
from tenfold.train.device import same_random_state
from tenfold.train.learn.learner import Learner
from tenfold.train.learn.logistic import DECAYS, Problem, path
from tenfold.train.learn.one_pass import NotDoneError, Source, pass_in_time
from tenfold.train.memory import free_memory
from tenfold.train.models.folded import folded
from tenfold.train.models.head import find_head, layers
from tenfold.train.precision import autocast
from tenfold.train.score.evaluate import loss_and_top1

_SHARE = 3                   # features may take one part of so many of the free memory
_TRIED = 8                   # rows on which they are compared with the whole network
_TOLERANCE, _ROUNDED = 0.01, 0.05    # of the largest logit; CUDA multiplies in TF32; in bfloat16, which has 8 bits
_UNCHOSEN = 0.1              # weight decay where there is no val to choose it by
_NO_VAL = math.nan, math.nan

Table = tuple[torch.Tensor, torch.Tensor]        # features (rows, D), label int64 (rows,)


@dataclass(frozen=True)
class FittedHead:
    """The result of a fit: weight (classes, D) and bias (classes,), (loss, top-1) on train, and on so many rows of val.

    The loss of train is the training's own, that of val the plain cross-entropy; NaN without rows.
    """
    weight: torch.Tensor
    bias: torch.Tensor
    decay: float
    train: tuple[float, float] = _NO_VAL
    val: tuple[float, float] = _NO_VAL
    val_rows: int = 0
    answers: Table | None = None         # logits and labels of those rows


def last_layer(model: nn.Module) -> nn.Linear | nn.Conv2d:
    """Return the head of a network, a linear layer or 1×1 convolution with a bias. NotDoneError: it is none."""
    head = find_head(model)
    found = [m for name, m in layers(model) if head.holds(name)]
    for last in found if len(found) == 1 and found[0].bias is not None else ():
        if isinstance(last, nn.Linear) or (isinstance(last, nn.Conv2d) and last.groups == 1 and (
                last.kernel_size, last.stride, last.padding) == ((1, 1), (1, 1), (0, 0))):
            return last
    raise NotDoneError("it is more than one linear layer")


def is_all_that_learns(learner: Learner) -> bool:
    """Whether a training would change the last layer alone, on pictures that are the same in every epoch."""
    try:
        own = {id(p) for p in last_layer(learner.model).parameters()}
    except NotDoneError:
        return False
    return learner.numbers(0, 0, 1) is None and all(id(p) in own for p in learner.model.parameters() if p.requires_grad)


def fit_head(learner: Learner, source: Source, rows: dict[str, int], config: Train,
             seconds: float) -> FittedHead | None:
    """Set the last layer of the learner's network, and of its mean, to what minimises the loss of the training rows.

    A penalty on its weights is chosen by the log-loss of val. source: yields the rows of a split as the network takes
    them; rows: how many each has. The pass over them may take so many seconds, and the regression half as many more:
    what is not passed by then is left out, of train and of val. None: it is not done, for a reason that is printed.
    """
    begin = time.monotonic()
    try:
        tables = _features(learner, source, rows, config, seconds)
    except NotDoneError as reason:
        print(f"note: the head is not fitted, and begins at random: {reason}")
        return None
    passed = time.monotonic()
    with torch.no_grad():
        scale, shift = _standardise(tables)
        fitted = _choose(learner, tables, config, late=lambda: time.monotonic() > begin + 1.5 * seconds)
        weight = fitted.weight * scale
        for model in {id(m): m for m in (learner.model, learner.ema.module)}.values():
            last = last_layer(model)
            last.weight.copy_(weight.view_as(last.weight))
            last.bias.copy_(fitted.bias - weight @ shift)
    count, width = tables["train"][0].shape
    of_train = f"{count:,} rows"
    if count < rows["train"]:
        of_train = f"{count:,} of {rows['train']:,} rows (what the time allowed)"
    of_val = "val" if fitted.val_rows == rows["val"] else f"{fitted.val_rows:,} of {rows['val']:,} rows of val"
    by_val = f" by {of_val} (log-loss {fitted.val[0]:.4f}, top-1 {fitted.val[1]:.4f})" if fitted.val_rows else ""
    print(f"the head was fitted to {of_train} of {width:,} features in {time.monotonic() - passed:.1f} s, after "
          f"{passed - begin:.1f} s for the features; weight decay {fitted.decay:.2g}{by_val}")
    return fitted


def _features(learner: Learner, source: Source, rows: dict[str, int], config: Train,
              seconds: float) -> dict[str, Table]:
    """What the last layer gets for each row that is passed in so many seconds, by split.

    NotDoneError: not here, or for fewer training rows than there are classes.
    """
    width, device = last_layer(learner.model).weight.shape[1], learner.normalise.device
    needed, free = 4 * width * sum(rows.values()), free_memory(device)
    if seconds <= 0:
        raise NotDoneError("no time is left for it")
    if needed > free / _SHARE:
        raise NotDoneError(f"its features would take {needed / 2**20:,.0f} MB, more than a third of the free memory")
    tables = {name: (torch.empty(count, width, device=device), torch.empty(count, dtype=torch.int64, device=device))
              for name, count in rows.items()}
    before, passed = None, dict.fromkeys(rows, 0)
    for name, start, x, label in pass_in_time(source, rows, seconds, device):
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
    """A function of pictures, or of kept features: what a layer of a network gets, its mean over places, (B, D)."""

    def __init__(self, network: nn.Module, layer: str):
        self._network, self._input = network, torch.empty(0)
        network.get_submodule(layer).register_forward_pre_hook(self._note)

    def _note(self, _: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self._input = inputs[0]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self._network(x)
        return self._input.mean((2, 3)) if self._input.ndim == 4 else self._input


def _before_last(learner: Learner, x: torch.Tensor) -> _BeforeLast:
    """The quickest such function that agrees with the learner's network on x (B, …). NotDoneError: none does.

    It does where the logits are linear in it: with a ReLU behind the last layer they are not.
    """
    whole = copy.deepcopy(learner.model).eval()
    last = last_layer(whole)
    name = next(name for name, m in whole.named_modules() if m is last)
    with same_random_state(x.device):
        nn.init.normal_(last.weight)             # the first values of some are 0, which agree with everything
        nn.init.normal_(last.bias)
        expected = whole(x)
        # what takes kept features is no longer the network that torch.fx follows
        for make in (folded, copy.deepcopy) if learner.features is None else (copy.deepcopy,):
            before = _BeforeLast(make(whole), name)
            features = before(x)
            if features.ndim == 2 and _near(F.linear(features, last.weight.flatten(1), last.bias), expected):
                return before
    raise NotDoneError("its logits are not linear in what the last layer gets")


def _near(a: torch.Tensor, b: torch.Tensor) -> bool:
    tolerance = _TOLERANCE if b.dtype == torch.float32 else _ROUNDED
    return a.shape == b.shape and bool(((a - b).abs() <= tolerance * b.abs().max()).all())


def _standardise(tables: dict[str, Table]) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the features of train mean 0 and deviation 1, in place, those of val likewise: (1 / deviation, mean)."""
    x = tables["train"][0]
    std, mean = torch.std_mean(x, 0, correction=0)
    scale = torch.where(std > 1e-6, 1 / std, 1.0)        # of what is always the same, nothing is learnt
    for values, _ in tables.values():
        values.sub_(mean).mul_(scale)
    return scale, mean


def _choose(learner: Learner, tables: dict[str, Table], config: Train, late: Callable[[], bool]) -> FittedHead:
    """The fit, to standardised features, of the weight decay whose log-loss on val is least; the strongest of those."""
    x, label = tables["val"]
    problem = Problem(*tables["train"], learner.classes, learner.class_weights, config.label_smoothing)
    found: list[FittedHead] = []
    losses: list[float] = []
    for decay, weight, bias in path(problem, DECAYS if len(x) else (_UNCHOSEN,), late):
        val = loss_and_top1(F.linear(x, weight, bias), label) if len(x) else _NO_VAL
        found.append(FittedHead(weight, bias, decay, val=val, val_rows=len(x)))
        losses.append(val[0])
        if val[0] > min(losses):                 # weaker ones are worse still, and take the longest
            break
    best = found[losses.index(min(losses))]
    answers = (F.linear(x, best.weight, best.bias).cpu(), label.cpu()) if len(x) else None
    right = (F.linear(problem.x, best.weight, best.bias).argmax(1) == problem.label).double().mean()
    return replace(best, train=(problem.loss(best.weight, best.bias).item(), right.item()), answers=answers)
