"""Fit the last layer of a network by logistic regression on its inputs, the features of all rows.

Fine-tuning then starts from a good head, which distorts the pretrained features less (Kumar et al., 2022,
arXiv:2202.10054).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from tenfold.data.tables import Train
from tenfold.train.device import free_device_memory
from tenfold.train.learn.folds import cross_validation, one_row_each
from tenfold.train.learn.head_features import HeadRows, Table, features_before_head, last_layer
from tenfold.train.learn.learner import Learner
from tenfold.train.learn.logistic import DECAYS, Fit, Problem, regularisation_path
from tenfold.train.learn.one_pass import NotDoneError
from tenfold.train.score.evaluate import loss_and_top1

_DEFAULT_DECAY = 0.1         # weight decay if there are no rows to choose it by
_FEW_VAL = 500               # the weight decay is chosen by fewer val rows and by cross-validation on train
_COPIES = 6                  # cross-validation takes so many copies of the features that it is made of
_NO_VAL = math.nan, math.nan


@dataclass(frozen=True)
class FittedHead:
    """The result of a fit. Losses and accuracies are NaN if there are no rows."""
    weight: torch.Tensor                 # (classes, D)
    bias: torch.Tensor                   # (classes,)
    decay: float                         # the weight decay that was chosen
    train: tuple[float, float] = _NO_VAL     # loss as in training, and top-1
    val: tuple[float, float] = _NO_VAL       # plain cross-entropy, and top-1
    val_rows: int = 0                    # rows of val that were evaluated
    is_cross_validated: bool = False     # whether the decay was chosen by cross-validation, too
    is_refitted: bool = False            # whether weight and bias then were fitted to val, too
    answers: Table | None = None         # their logits and labels


def only_last_layer_learns(learner: Learner) -> bool:
    """Return whether training would change the last layer only, on pictures that are the same in every epoch."""
    try:
        own = {id(p) for p in last_layer(learner.model).parameters()}
    except NotDoneError:
        return False
    return learner.numbers(0, 0, 1) is None and all(id(p) in own for p in learner.model.parameters() if p.requires_grad)


def fit_head(learner: Learner, rows: HeadRows, config: Train, seconds: float) -> FittedHead | None:
    """Set the last layer of the learner's network and of its EMA to the minimum of the loss over the training rows.

    The weight decay is chosen by the log-loss on val, and by cross-validation on train if val has few rows. If the
    config asks for a refit, val has few rows and nothing else learns, the head is then fitted to train and val; losses
    and accuracies are those before. seconds: for the pass over the rows; those that are not reached in time are left
    out, of train and of val. The regression may take half as many seconds more. Returns None, and prints the reason, if
    no head is fitted.
    """
    begin = time.monotonic()
    try:
        tables = features_before_head(learner, rows, config, seconds)
    except NotDoneError as reason:
        print(f"note: the head is not fitted and keeps its random initial weights: {reason}")
        return None
    passed = time.monotonic()
    with torch.no_grad():
        scale, shift = _standardise(tables)
        fitted = _choose(learner, tables, rows.units, config, late=lambda: time.monotonic() > begin + 1.5 * seconds)
        weight = fitted.weight * scale
        for model in learner.networks():
            last = last_layer(model)
            last.weight.copy_(weight.view_as(last.weight))
            last.bias.copy_(fitted.bias - weight @ shift)
    count, width = tables["train"][0].shape
    of_train = f"{count:,} rows"
    if count < rows.counts["train"]:
        of_train = f"{count:,} of {rows.counts['train']:,} rows (what the time allowed)"
    every = rows.counts["val"]
    of_val = "val" if fitted.val_rows == every else f"{fitted.val_rows:,} of {every:,} rows of val"
    by_val = f" by {of_val} (log-loss {fitted.val[0]:.4f}, top-1 {fitted.val[1]:.4f})" if fitted.val_rows else ""
    by_val += f"{' and' if by_val else ' by'} cross-validation on train" if fitted.is_cross_validated else ""
    by_val += "; then it was fitted to val, too" if fitted.is_refitted else ""
    print(f"the head was fitted to {of_train} of {width:,} features in {time.monotonic() - passed:.1f} s, after "
          f"{passed - begin:.1f} s for the features; weight decay {fitted.decay:.2g}{by_val}")
    return fitted


def _standardise(tables: dict[str, Table]) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale all features in place so that those of train have mean 0 and deviation 1; return (1 / deviation, mean)."""
    x = tables["train"][0]
    std, mean = torch.std_mean(x, 0, correction=0)
    scale = torch.where(std > 1e-6, 1 / std, 1.0)        # a constant feature teaches nothing
    for values, _ in tables.values():
        values.sub_(mean).mul_(scale)
    return scale, mean


def _choose(learner: Learner, tables: dict[str, Table], units: torch.Tensor, config: Train,
            late: Callable[[], bool]) -> FittedHead:
    """Fit standardised features with different weight decays, and return the fit with the least log-loss on held-out
    rows: those of val and, if these are few, one row of each source of train, by cross-validation."""
    val = tables["val"]
    weights = _loss_weights(learner, tables["train"][1], config)
    problem = Problem(*tables["train"], learner.classes, weights, config.label_smoothing)
    parts = [(problem, val)]
    judged = one_row_each(units[:len(problem.label)]).to(val[0].device)
    if len(val[1]) < _FEW_VAL and _COPIES * problem.x[0].nbytes * len(judged) < free_device_memory(val[0].device):
        parts += cross_validation(replace(problem, x=problem.x[judged], label=problem.label[judged]))
    held_out = sum(len(label) for _, (_, label) in parts)
    found: list[Fit] = []
    losses: list[float] = []
    paths = [regularisation_path(part, DECAYS if held_out else (_DEFAULT_DECAY,), late) for part, _ in parts]
    for fits in zip(*paths, strict=False):
        loss = sum(F.cross_entropy(fit.logits(x), label, reduction="sum").item()
                   for fit, (_, (x, label)) in zip(fits, parts, strict=True))
        found.append(fits[0])
        losses.append(loss / max(1, held_out))
        if losses[-1] > min(losses):             # weaker decays would be worse still, and take the longest
            break
    best = found[losses.index(min(losses))]
    top1 = loss_and_top1(best.logits(problem.x), problem.label)[1]
    fitted = FittedHead(best.weight, best.bias, best.decay, (problem.loss(best.weight, best.bias).item(), top1),
                        is_cross_validated=len(parts) > 1)
    if len(val[1]):
        logits = best.logits(val[0])
        fitted = replace(fitted, val=loss_and_top1(logits, val[1]), val_rows=len(val[1]),
                         answers=(logits.cpu(), val[1].cpu()))
    is_refitted = config.refit and 0 < len(val[1]) < _FEW_VAL and only_last_layer_learns(learner)
    if not is_refitted or late():
        return fitted
    return _refit(fitted, problem, val, often=round(len(problem.label) / len(judged)), late=late)


def _refit(fitted: FittedHead, problem: Problem, val: Table, often: int, late: Callable[[], bool]) -> FittedHead:
    """Return the head fitted to val, too; each row of val counts `often` times, as a source of train has rows."""
    both = replace(problem, x=torch.cat([problem.x, val[0].repeat(often, 1)]),
                   label=torch.cat([problem.label, val[1].repeat(often)]))
    fit, = regularisation_path(both, (fitted.decay,), late, start=Fit(fitted.decay, fitted.weight, fitted.bias))
    return replace(fitted, weight=fit.weight, bias=fit.bias, is_refitted=True)


def _loss_weights(learner: Learner, label: torch.Tensor, config: Train) -> torch.Tensor | None:
    """Return the weight of each class in the loss, float (classes,): as if rows were drawn by train.sampling."""
    if not config.sampling:
        return learner.class_weights
    counts = torch.bincount(label, minlength=learner.classes).clamp_min(1).float()
    drawn = counts ** -config.sampling
    drawn = drawn / drawn.mean()
    return drawn if learner.class_weights is None else drawn * learner.class_weights
