"""What a model was trained on, as a score must know it: which test images it has seen, and the sizes of its classes."""

from __future__ import annotations

from typing import Any

import torch

from tenfold.data.shardset import ShardSet
from tenfold.train.model_file import Model
from tenfold.train.run.checkpoint import image_numbers


def seen_in_training(model: Model, shards: ShardSet) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Count the test images that made the model: facts for score.json, and a note where that matters.

    Those that it was trained on ("train"), and those that chose among its epochs and settings ("val"; an older
    checkpoint does not know them). "seen_in_training" is their sum; None: not known.
    """
    known, tested = model.content.get("trained_on"), image_numbers(shards, "test")
    if not isinstance(known, torch.Tensor) or not len(known) or not len(tested):
        facts: dict[str, Any] = {"seen_in_training": None, "seen_by_split": None}
        if model.content["dataset"] == shards.index["digest"]:
            return facts, ()
        return facts, (f"note: {shards.shown} is not the set that {model.shown} was trained on; "
                       "some of its test rows may have been trained on",)
    trained = torch.isin(tested, known)
    seen = {"train": int(trained.sum())}
    if isinstance(chosen := model.content.get("chosen_by"), torch.Tensor):
        seen["val"] = int((torch.isin(tested, chosen) & ~trained).sum())
    facts = {"seen_in_training": sum(seen.values()), "seen_by_split": seen}
    words = {"train": "was trained on {} (train)", "val": "was chosen by {} (val)"}
    said = " and ".join(words[split].format(count) for split, count in seen.items() if count)
    if not said:
        return facts, ()
    return facts, (f"note: {model.shown} {said} of these {len(tested)} images, so this says little of what it makes of "
                   "others",)


def class_sizes(model: Model, shards: ShardSet) -> dict[str, int]:
    """Return how many source images of each class the model was trained on, where that is known."""
    counts = model.content.get("class_counts")
    if counts is None and model.content["dataset"] == shards.index["digest"]:        # an older checkpoint
        counts = shards.index.get("class_counts")
    train = counts.get("train") if isinstance(counts, dict) else None
    if not isinstance(train, list) or len(train) != len(model.classes) or not all(type(n) is int for n in train):
        return {}
    return dict(zip(model.classes, train, strict=True))
