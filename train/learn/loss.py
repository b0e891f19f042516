"""The loss of a training step: cross-entropy of augmented, normalised images."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import nn
from torch.nn import functional as F

from tenfold.data.shardset import ShardSet
from tenfold.data.tables import Train
from tenfold.train.augment.sample import Augment
from tenfold.train.normalise import Normalise
from tenfold.train.precision import autocast

_BETA = 0.999                # for "effective" class weights: beyond some thousands, images of a class add little

LossFunction: TypeAlias = Callable[..., tuple[torch.Tensor, torch.Tensor]]
Label: TypeAlias = torch.Tensor | tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def make_loss(model: nn.Module, normalise: Normalise, config: Train, augment: Augment | None = None,
              class_weights: torch.Tensor | None = None) -> LossFunction:
    """Return the loss as a function of images, labels int64 (B,) and `augment`'s random numbers.

    images: uint8 (B, H, W, C), or kept features (B, …), if the model takes these. The function returns (loss, float
    (2,): the loss and how many rows were right), on the device of the images. class_weights: float (classes,); None:
    all classes count the same.
    """
    low_precision = autocast(normalise.device, config.precision)     # here: torch.compile cannot trace how it chooses

    def loss_function(image, label, numbers=None):
        image = normalise(image)
        if augment is not None:
            image, label = augment(image, label, numbers)
        with low_precision:
            logits = model(image)
        loss, main_label = mixed_cross_entropy(logits.float(), label, class_weights, config.label_smoothing)
        right = (logits.argmax(1) == main_label).sum(dtype=torch.float32)
        return loss, torch.stack([loss.detach(), right])
    return loss_function


def mixed_cross_entropy(logits: torch.Tensor, label: Label, weights: torch.Tensor | None,
                        smoothing: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (mean cross-entropy, the labels (B,) that count as right) of logits (B, classes).

    A mixed label is (a, b, share of a): the loss is mixed in the same way, and the label with the larger share counts
    as right. weights: float (classes,), of the rows by their class. torch's weights also act within the smoothing of
    labels, where the part of a rare class in the label of a common one outweighs the rest from 19 to 1 on.
    """
    def of_rows(classes: torch.Tensor) -> torch.Tensor:
        losses = F.cross_entropy(logits, classes, label_smoothing=smoothing, reduction="none")
        return losses if weights is None else losses * weights[classes]
    if not isinstance(label, tuple):
        loss = of_rows(label)
        return loss.mean() if weights is None else loss.sum() / weights[label].sum(), label
    first, second, share = label
    loss = torch.lerp(of_rows(second), of_rows(first), share)
    weight = torch.ones_like(share) if weights is None else torch.lerp(weights[second], weights[first], share)
    return loss.sum() / weight.sum(), torch.where(share >= 0.5, first, second)


def class_weights(shards: ShardSet, kind: str, device: torch.device) -> torch.Tensor | None:
    """Return class weights for the loss, float (classes,) with mean 1, from the training images of each class.

    kind: "balanced": 1 / images. "effective": (1 - β) / (1 - β^images) with β = 0.999, nearly the same for all classes
    of more than a few thousand images (Cui et al., 2019, arXiv:1901.05555). "none": None is returned. Copies of an
    image do not count; in old sets, which do not know their images, rows are counted.
    """
    if kind == "none":
        return None
    images = shards.index.get("class_counts", {}).get("train") or shards.class_counts("train").tolist()
    counts = torch.tensor(images, dtype=torch.float64)
    effective = counts if kind == "balanced" else (1 - _BETA ** counts) / (1 - _BETA)
    weights = torch.where(counts > 0, 1 / effective.clamp_min(1), 0.0)
    return (weights * (counts > 0).sum() / weights.sum()).float().to(device)
