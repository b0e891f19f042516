"""An optimiser by name, with weight decay on weights only, and a rate of its own for the head."""

import torch
from torch import nn

from tenfold.data.tables import Train
from tenfold.train.learn.muon import Muon
from tenfold.train.models.published import head_name


def make_optimizer(model: nn.Module, how: Train) -> torch.optim.Optimizer:
    """Biases and normalisation have one axis and are not decayed (Goyal et al., 2017, arXiv:1706.02677); all
    but the head learns at `how.backbone_lr` times the rate. Frozen weights are left out."""
    weights = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    head = head_name(model)
    groups = {}
    for name, p in weights:
        share = 1.0 if name.startswith(f"{head}.") else how.backbone_lr
        decay = how.weight_decay if p.ndim > 1 else 0.0
        groups.setdefault((share, decay), []).append(p)
    groups = [{"params": params, "weight_decay": decay, "share": share} for (share, decay), params in groups.items()]
    if how.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=how.lr, momentum=how.momentum, nesterov=how.nesterov and how.momentum > 0)
    if how.optimizer == "muon":
        return Muon(groups, [p for _, p in weights if p.ndim > 1][1:-1], how)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[how.optimizer]
    return kind(groups, lr=how.lr, fused=True)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr * group["share"]


def shorten(model: nn.Module, longest: float) -> None:
    """Scale all gradients together to a length of `longest` at most (Pascanu et al., 2013, arXiv:1211.5063)."""
    nn.utils.clip_grad_norm_(model.parameters(), longest)
