"""A model over one split, in order, without chance."""

import torch
from torch.nn import functional as F

from tenfold.train.device import Normalise, autocast


@torch.no_grad()
def evaluate(model, batches, normalise: Normalise, device: torch.device, precision: str):
    """(logits float32 (rows, classes), labels int64 (rows,)), both on the CPU."""
    model.eval()
    logits, labels = [], []
    for image, label in batches.epoch(0):
        with autocast(device, precision):
            out = model(normalise(image))
        logits.append(out.float())
        labels.append(label.clone())             # a batch's buffers are used again
    return torch.cat(logits).cpu(), torch.cat(labels).cpu()


def loss_and_top1(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Mean cross-entropy in nats, and the share of rows whose largest logit is the label's."""
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).double().mean().item()
