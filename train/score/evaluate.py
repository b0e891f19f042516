"""Run a network over one split, in the order of its rows, without augmentation."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from tenfold.train.device import synchronise
from tenfold.train.normalise import Normalise
from tenfold.train.precision import autocast

if TYPE_CHECKING:
    from tenfold.train.batches.engine import Engine

_MAX_TEMPERATURE = 4.0       # the smallest is its inverse
_MAX_ROWS = 5000             # the temperature is fitted to so many rows, at most


@torch.no_grad()
def evaluate(model: torch.nn.Module, batches: Engine, normalise: Normalise, precision: str, most: int | None = None,
             late: Callable[[float], bool] | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (logits float32 (rows, classes), labels int64 (rows,)) of a split, both on the CPU.

    most: batches to take; None: all. late: asked after each batch, with the device's work done, whether so many more
    seconds, which the slowest batch so far took, are too many; then the rest is left out. Rows lie in random order on
    disk, so the first ones are a fair sample.
    """
    model.eval()
    slowest, begin = 0.0, time.monotonic()
    logits, labels = [], []
    with contextlib.closing(batches.epoch(0)) as epoch:
        for image, label in itertools.islice(epoch, most):
            logits.append(forward(model, image, normalise, precision))
            labels.append(label.clone())         # the buffers of a batch are reused
            if late is not None:
                synchronise(normalise.device)
                slowest, begin = max(slowest, time.monotonic() - begin), time.monotonic()
                if late(slowest):
                    break
    return torch.cat(logits).cpu(), torch.cat(labels).cpu()


def forward(model: torch.nn.Module, image: torch.Tensor, normalise: Normalise, precision: str) -> torch.Tensor:
    """Return the logits, float32 (B, classes), of a batch uint8 (B, H, W, C), or of kept features (B, …).

    The batch is on the device of `normalise`.
    """
    with autocast(normalise.device, precision):
        out = model(normalise(image))
    return out.float()


def loss_and_top1(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Return the mean cross-entropy in nats and the top-1: the share of rows whose largest logit is the label's."""
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).sum().item() / len(labels)


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the number by which logits are divided so that probabilities match how often predictions are right.

    Temperature scaling (Guo and others, 2017, arXiv:1706.04599): the temperature, from 1/4 to 4, of least cross-entropy
    on rows that were not trained on. A penalty of 2·(ln T)², in nats summed over the rows, keeps it near 1 if there are
    few rows. It is 1 if there are none, or if logits are not finite.
    """
    logits, labels = logits[:_MAX_ROWS], labels[:_MAX_ROWS]
    if not len(labels) or not logits.isfinite().all():
        return 1.0
    powers = torch.linspace(-1, 1, 41, dtype=torch.float64) * math.log(_MAX_TEMPERATURE)
    losses = [F.cross_entropy(logits / math.exp(power), labels, reduction="sum").item() + 2 * power**2
              for power in powers.tolist()]
    return math.exp(powers[losses.index(min(losses))].item())
