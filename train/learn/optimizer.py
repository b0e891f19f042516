"""Make the optimizer that a recipe names: weight decay on weights only, a separate learning rate for the head."""

import torch
from torch import nn

from tenfold.data.tables import Train
from tenfold.train.learn.muon import Muon
from tenfold.train.models.head import find_head, layers
from tenfold.train.precision import compute_dtype


def make_optimizer(model: nn.Module, config: Train) -> torch.optim.Optimizer | Muon:
    """Return the optimizer that the recipe names, over all weights of the model that are not frozen.

    Biases and normalisation weights, which have one axis, are not decayed (Goyal et al., 2017, arXiv:1706.02677). The
    backbone, which is everything but the head, learns at `config.backbone_lr` times the rate.
    """
    weights = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    head = find_head(model)
    by_kind: dict[tuple[float, float], list] = {}
    for name, p in weights:
        share = 1.0 if head.holds(name) else config.backbone_lr
        decay = config.weight_decay if p.ndim > 1 else 0.0
        by_kind.setdefault((share, decay), []).append(p)
    groups = [{"params": params, "weight_decay": decay, "share": share} for (share, decay), params in by_kind.items()]
    if config.optimizer == "sgd":
        device = next(model.parameters()).device  # a fused optimizer can skip a step by itself (scaling.py)
        fused = compute_dtype(device, config.precision) == torch.float16
        return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum,
                               nesterov=config.nesterov and config.momentum > 0, fused=fused or None)
    if config.optimizer == "muon":
        return Muon(groups, _hidden(model), config)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimizer]
    return kind(groups, lr=config.lr, fused=True)


def _hidden(model: nn.Module) -> list[nn.Parameter]:
    """Return the weight matrices between the first and the last layer: of convolutions, linear layers and attention."""
    return [*(layer.weight for _, layer in layers(model)[1:-1]),
            *(m.in_proj_weight for m in model.modules() if isinstance(m, nn.MultiheadAttention))]


def load_optimizer(optimizer: torch.optim.Optimizer | Muon, content: dict) -> None:
    """Restore what `state_dict` returned. ValueError, or what torch raises: it belongs to other weights or settings."""
    before = [dict(group) for group in optimizer.param_groups]
    optimizer.load_state_dict(content)
    for own, group in zip(before, optimizer.param_groups, strict=True):
        if any(type(group.get(key)) is not type(value) for key, value in own.items()):
            raise ValueError("its optimizer has other settings")
    for part in getattr(optimizer, "parts", [optimizer]):
        for p, held in part.state.items():
            if not isinstance(p, torch.Tensor) or not all(_fits(value, p) for value in held.values()):
                raise ValueError("the state of its optimizer is of other weights")


def _fits(value: object, p: torch.Tensor) -> bool:
    """Return whether a value of an optimizer's state can belong to the weight `p`: one number, or one per element."""
    if not isinstance(value, torch.Tensor):
        return value is None or type(value) in (int, float)
    return value.is_floating_point() and (value.numel() == 1 or value.shape == p.shape)


def set_lr(optimizer: torch.optim.Optimizer | Muon, lr: float) -> None:
    """Set the learning rate of every group to its share of `lr`."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["share"]


def clip_gradients(model: nn.Module, max_norm: float) -> None:
    """Scale all gradients together to a norm of `max_norm` at most (Pascanu et al., 2013, arXiv:1211.5063)."""
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
