"""Compute the metrics of a score: pure functions of probabilities and labels, with scikit-learn where it has them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.memory import SCIPY, check_limit

_BINS = 15                   # of confidence, as in the paper


def measure(probabilities: NDArray[Any], labels: NDArray[Any], classes: Sequence[str]) -> dict[str, Any]:
    """Compute the facts of score.json from probabilities float (n, k) and labels int (n,); shares are 0..1.

    Averages over classes leave out those without an image. top5 is there for more than five classes.
    """
    check_limit(SCIPY)
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, top_k_accuracy_score
    every = range(len(classes))
    predicted = probabilities.argmax(1)
    columns = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    support = columns[3]
    present = support > 0                        # a class without images has no F1 to average
    macro, weighted = ({name: float(np.average(column[present], weights=weights)) for name, column in zip(
        ("precision", "recall", "f1"), columns[:3], strict=True)} for weights in (None, support[present]))
    top5 = {"top5": float(top_k_accuracy_score(labels, probabilities, k=5, labels=every))} if len(classes) > 5 else {}
    return {
        "top1": float((predicted == labels).mean()), **top5, "macro_f1": macro["f1"], "images": len(labels),
        "balanced_accuracy": macro["recall"], "macro": macro, "weighted": weighted,
        "calibration_error": calibration_error(probabilities.max(1), predicted == labels),
        "per_class": {name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
                      for name, p, r, f, s in zip(classes, *columns, strict=True)},
        "confusion": confusion_matrix(labels, predicted, labels=every).tolist(), "classes": list(classes)}


def calibration_error(confidence: NDArray[Any], right: NDArray[Any]) -> float:
    """Return the expected calibration error of confidence float (n,) and right answers bool (n,).

    The mean over images in bins of equal width (Guo et al., "On Calibration of Modern Neural Networks", 2017).
    """
    which = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(which, weights=confidence - right, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(right))


def f1_against_size(per_class: dict[str, Any], sizes: dict[str, int]) -> float | None:
    """Pearson's r between the classes' F1 and how many source images each was trained on; None where
    it has no meaning: fewer than three classes with test images, or either the same for all."""
    rows = [(sizes[name], row["f1"]) for name, row in per_class.items() if row["support"] and name in sizes]
    if len(rows) < 3 or any(len(set(column)) < 2 for column in zip(*rows, strict=True)):
        return None
    return float(np.corrcoef(np.array(rows, float).T)[0, 1])


def worst_confusions(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> list[tuple[int, str, str]]:
    """List the confusions as (images, true class, predicted class), most first."""
    wrong = [(n, classes[i], classes[j]) for i, row in enumerate(confusion) for j, n in enumerate(row) if n and i != j]
    return sorted(wrong, key=lambda w: (-w[0], w[1:]))


def worst_classes(per_class: dict[str, Any], probabilities: NDArray[Any], labels: NDArray[Any], most: int,
                  images: int) -> list[tuple[str, list[int]]]:
    """List [(class, rows of wrongly classified images), …]: the lowest F1 first, at most `most` classes with at most
    `images` rows each; images of the class first, then those taken for it, the surest mistakes first."""
    predicted, sure = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")]
    classes_with_rows = []
    for label, (name, row) in sorted(enumerate(per_class.items()), key=lambda item: (item[1][1]["f1"], item[0])):
        rows = [*wrong[labels[wrong] == label], *wrong[predicted[wrong] == label]][:images]
        if rows and row["support"]:
            classes_with_rows.append((name, [int(r) for r in rows]))
    return classes_with_rows[:most]
