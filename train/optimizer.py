"""An optimiser by name, with weight decay on weights only."""

import torch
from torch import nn

from data.recipe import Train


def make_optimizer(model: nn.Module, how: Train) -> torch.optim.Optimizer:
    """Biases and normalisation have one axis and are not decayed (Goyal et al., 2017, arXiv:1706.02677)."""
    weights = [p for p in model.parameters() if p.requires_grad]
    groups = [{"params": [p for p in weights if p.ndim > 1], "weight_decay": how.weight_decay},
              {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0}]
    if how.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=how.lr, momentum=how.momentum, nesterov=how.momentum > 0)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[how.optimizer]
    return kind(groups, lr=how.lr, fused=True)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr
