"""Score a model on the test rows of a set: open it, predict, compute the metrics, write the files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold.data.contrast import contrast_note, is_other_contrast
from tenfold.data.errors import CheckpointFault, ShardFault
from tenfold.data.html import figure_html, table
from tenfold.data.out_of_memory import IN_INFERENCE, memory_fault
from tenfold.data.recipe import pixels_note
from tenfold.data.shardset import ShardSet
from tenfold.data.sources.class_names import class_differences, one_spelling
from tenfold.train.barrier_sleep import sleep_when_busy
from tenfold.train.batches import open_batches
from tenfold.train.chance import guess_rate, is_guessing
from tenfold.train.model_file import Model
from tenfold.train.score import evaluate
from tenfold.train.score.metrics import f1_against_size, measure
from tenfold.train.score.seen import class_sizes, seen_in_training

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Score:
    """How often a model is right on the test rows of a set, and where it is wrong."""
    facts: dict[str, Any]                    # what score.json holds
    probabilities: NDArray[np.float32]       # (rows, classes)
    labels: NDArray[np.int64]                # (rows,) the true classes
    shards: ShardSet
    notes: tuple[str, ...] = ()              # for people: what to know before trusting the figures

    def __repr__(self) -> str:
        return f"Score(top1={self.top1:.4f}, macro_f1={self.macro_f1:.4f}, images={self.images})"

    def _repr_html_(self) -> str:
        head = ("class", "precision", "recall", "f1", "support")
        rows = [(name, *(row[key] for key in head[1:])) for name, row in self.per_class.items()]
        return table(repr(self), head, rows) + figure_html(self.figure(), "confusion matrix")

    def figure(self) -> Figure:
        """The confusion matrix as a matplotlib Figure."""
        from tenfold.train.score.figures import confusion_figure
        return confusion_figure(self.confusion, self.classes)

    @property
    def top1(self) -> float:
        """The share of rows whose most probable class is the true one."""
        return float(self.facts["top1"])

    @property
    def is_guessing(self) -> bool:
        """Return whether the model is no better than guessing.

        Its top-1 is not clearly above that of always naming the most frequent class, nor its mean recall of the classes
        than that of always naming one of them.
        """
        counts, right = np.bincount(self.labels), np.diag(self.confusion)
        there = np.flatnonzero(counts)
        recall = float(np.mean(right[there] / counts[there]))
        # the mean recall of unequal classes varies like the accuracy of fewer rows: one of three decides much of it
        rows = len(there) / float(np.mean(1 / counts[there]))
        return is_guessing(self.top1, guess_rate(counts), self.images) and is_guessing(recall, 1 / len(there), rows)

    @property
    def macro_f1(self) -> float:
        """The mean of the classes' F1."""
        return float(self.facts["macro_f1"])

    @property
    def images(self) -> int:
        """How many rows were scored."""
        return len(self.labels)

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the columns of `probabilities` and `confusion`."""
        return list(self.facts["classes"])

    @property
    def per_class(self) -> dict[str, dict[str, Any]]:
        """{class: {"precision", "recall", "f1", "support", and "trained_on" if known}}."""
        return dict(self.facts["per_class"])

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(classes, classes): how many rows of each true class (down) were taken for each class (across)."""
        return np.array(self.facts["confusion"], np.int64)

    @cached_property
    def predictions(self) -> list[dict[str, Any]]:
        """A dictionary for each row: its path, true class, predicted class, and the probability of that."""
        classes, files = self.classes, self.shards.shards("test")
        paths = self.shards.sources.paths(np.concatenate([s.sources for s in files]))
        columns = zip(paths, self.labels.tolist(), self.probabilities.argmax(1).tolist(),
                      self.probabilities.max(1).tolist(), strict=True)
        return [{"path": path, "true": classes[label], "predicted": classes[predicted],
                 "probability": probability} for path, label, predicted, probability in columns]


@memory_fault("scoring", IN_INFERENCE)
def score(model: Model | str | Path, shards: ShardSet, *, tta: int = 1, device: str | None = None,
          out: str | Path | None = None, started: float | None = None) -> Score:
    """Score a model on the test rows of `shards`, averaged over `tta` views of each; files go to `out` if given.

    `started` is when the clock of "seconds" began (default: now). Raises CheckpointFault where the rows are not of
    the kind that the model takes, and UserFault.
    """
    from tenfold.data.files import make_folder
    from tenfold.train.score.files import write_score
    started = time.monotonic() if started is None else started
    model = model if isinstance(model, Model) else Model.open(model, device)
    check_fit(model, shards)
    network = model.with_tta(tta)
    folder = None if out is None else make_folder(out)       # refused before the work, not after it
    probabilities, labels = predict_test(model, network, shards)
    facts = measure(probabilities, labels, model.classes)
    sizes = class_sizes(model, shards)
    for name, size in sizes.items():
        facts["per_class"][name]["trained_on"] = size
    seen, notes = seen_in_training(model, shards)
    facts |= seen | {"f1_size_r": f1_against_size(facts["per_class"], sizes), "tta": tta,
                     "seconds": round(time.monotonic() - started, 3)}
    versions = pixels_note(f"{model.shown} was trained on", model.content.get("pixels_version"),
                           f"{shards.shown} holds", shards.index.get("pixels_version"),
                           "make both by the same version of Tenfold")
    result = Score(facts, probabilities, labels, shards.lasting(), (*notes, *versions, *_contrast_notes(model, shards)))
    if result.is_guessing:
        guess = guess_rate(np.bincount(labels))
        better = "no" if result.top1 <= guess else "not clearly"
        guessed = (f"note: test top-1 {result.top1:.4f} is {better} better than always guessing the most frequent "
                   f"class ({guess:.4f})")
        result = replace(result, notes=(*result.notes, guessed))
    if folder is not None:
        write_score(folder, result)
    return result


def _contrast_notes(model: Model, shards: ShardSet) -> list[str]:
    """Return a note if the images of a set have far more or less contrast than those that the model was trained on."""
    contrast, trained = shards.index.get("contrast"), model.contrast
    if contrast is None or trained is None or not is_other_contrast(contrast, trained):
        return []
    return [contrast_note("these images", contrast, trained)]


def predict_test(model: Model, network: torch.nn.Module,
                 shards: ShardSet) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return (probabilities (rows, classes), labels (rows,)) of the test split. network: the model's or one of it."""
    batches = open_batches(shards, "test", model.recipe.train, model.recipe.seed, model.device, shuffle=False)
    try:
        with sleep_when_busy(model.device):
            logits, labels = evaluate.evaluate(network, batches, model.normalise, model.recipe.train.precision)
    finally:
        batches.close()
    return model.shares(logits), labels.numpy()


def check_classes(model: Model, classes: Sequence[str], name: object) -> None:
    """Raise CheckpointFault, which says what differs, if the classes of a set are not the model's. name: of the set."""
    names, theirs = ([one_spelling(each) for each in every] for every in (model.classes, classes))
    if names != theirs:
        facts = class_differences(names, theirs)
        raise CheckpointFault(model.shown, f"its classes are not those of {name} ("
                              + ("; ".join(facts) or "their order differs") + ")",
                              "score data with the same class folders")


def check_fit(model: Model, shards: ShardSet, name: str | None = None) -> None:
    """Raise CheckpointFault, which says what differs, if the rows of a set are not what the model takes; ShardFault: it
    has no test rows.

    name: of the set, in the message (default: its folder).
    """
    check_classes(model, shards.classes, name or shards.shown)
    if model.row_shape != shards.row_shape:
        raise CheckpointFault(model.shown, f"takes rows {model.row_shape}, {shards.shown} holds {shards.row_shape}",
                              "score shards made by the model's own recipe")
    if not shards.rows("test"):
        raise ShardFault(shards.shown, "has no test rows", "give --data=folder, or a recipe with split.test")
