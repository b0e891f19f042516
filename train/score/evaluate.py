"""Run a network over one split, in the order of its rows, without augmentation."""

from typing import Any

import torch
from torch.nn import functional as F

from tenfold.train.device import Normalise, autocast


@torch.no_grad()
def evaluate(model: torch.nn.Module, batches: Any, normalise: Normalise, device: torch.device,
             precision: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (logits float32 (rows, classes), labels int64 (rows,)) of a split, both on the CPU."""
    model.eval()
    logits, labels = [], []
    for image, label in batches.epoch(0):
        logits.append(forward(model, image, normalise, device, precision))
        labels.append(label.clone())             # a batch's buffers are used again
    return torch.cat(logits).cpu(), torch.cat(labels).cpu()


def forward(model: torch.nn.Module, image: torch.Tensor, normalise: Normalise, device: torch.device,
            precision: str) -> torch.Tensor:
    """Return the logits, float32 (B, classes), of a batch uint8 (B, H, W, C) on `device`."""
    with autocast(device, precision):
        out = model(normalise(image))
    return out.float()


def loss_and_top1(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Return the mean cross-entropy in nats and the top-1: the share of rows whose largest logit is the label's."""
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).double().mean().item()
