"""The pictures of a score: confusion matrix, worst classes, F1 against class size."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tenfold.data.figures import new_figure, publish_figure
from tenfold.data.fonts import drawable
from tenfold.data.wording import readable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUMBERED = 30                # classes up to which a confusion matrix shows its numbers
_WORST = 12                  # at most this many classes are named in f1-size.png, the worst first
_NAMED = 140                 # classes up to which it shows their names; a thousand take eight seconds to draw


def draw_confusion(path: str | Path, confusion: np.ndarray, classes: list[str]) -> None:
    """Write confusion.png; see `confusion_figure`."""
    publish_figure(path, confusion_figure(confusion, classes))


def confusion_figure(confusion: np.ndarray, classes: list[str]) -> "Figure":
    """Draw a confusion matrix: rows are the true classes, columns the predicted, each row as shares of its images.

    The colours follow the root of the share, so that one image of a hundred can be seen.
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.ticker import PercentFormatter
    shares = confusion / confusion.sum(1, keepdims=True).clip(1)
    many = len(classes) > NUMBERED
    side = min(30.0, 3.0 + (0.17 if many else 0.36) * len(classes))
    figure = new_figure(side + 1.5, side)
    axis = figure.subplots()
    drawn = axis.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
    figure.colorbar(drawn, shrink=0.6, aspect=40 if many else 20, label="share of the true class",
                    format=PercentFormatter(1.0), ticks=[0, 0.01, 0.05, 0.1, 0.25, 0.5, 1] if many else None)
    axis.set(xlabel="predicted", ylabel="true")
    if len(classes) > _NAMED:
        axis.set(xlabel="number of the predicted class, as in score.json", ylabel="number of the true class")
        return figure
    axis.set(xticks=range(len(classes)), yticks=range(len(classes)))
    names = drawable(classes, 20)
    small = 7 if many else 10
    axis.set_xticklabels(names, rotation=90 if max(map(len, names)) > 2 else 0, parse_math=False, fontsize=small)
    axis.set_yticklabels(names, parse_math=False, fontsize=small)
    if many:                                     # lines to follow a cell to its names
        axis.set_xticks([x - 0.5 for x in range(len(classes))], minor=True)
        axis.set_yticks([y - 0.5 for y in range(len(classes))], minor=True)
        axis.grid(which="minor", color="0.9", linewidth=0.5)
        axis.tick_params(which="minor", length=0)
    else:
        for i, j in zip(*confusion.nonzero(), strict=True):
            axis.text(j, i, confusion[i, j], ha="center", va="center", fontsize=8,
                      color="white" if shares[i, j] > 0.3 else "black")
    return figure


def draw_worst(path: str | Path, classes: list) -> None:
    """Draw worst.png: a row for each (class, F1, [(image uint8 (H, W, C), true, predicted, probability), …])."""
    columns = max((len(pictures) for _, _, pictures in classes), default=1)
    figure = new_figure(max(4.5, 1.7 * columns + 1.6), 2.15 * max(1, len(classes)) + 0.5)
    figure.suptitle("the worst classes: true → predicted, its probability\n(grey: other classes' images taken for it)"
                    if classes else "no test image is misclassified", fontsize=10)
    names = sorted({name for _, _, pictures in classes for _, *two, _ in pictures for name in two} |
                   {name for name, _, _ in classes})
    shown = dict(zip(names, drawable(names, 16), strict=True))
    axes = figure.subplots(max(1, len(classes)), columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for line, (name, f1, pictures) in zip(axes, classes, strict=False):
        for axis, (image, true, predicted, probability) in zip(line, pictures, strict=False):
            axis.imshow(image[:, :, 0] if image.shape[2] == 1 else image, cmap="gray", vmin=0, vmax=255)
            axis.set_title(f"{shown[true]}\n→ {readable(shown[predicted], 14)} {probability:.0%}", fontsize=8,
                           color="black" if true == name else "0.45")
        line[0].text(-0.12, 0.5, f"{shown[name]}\nF1 {f1:.2f}", transform=line[0].transAxes, ha="right",
                     va="center", fontsize=10)
    publish_figure(path, figure)


def draw_f1_size(path: str | Path, per_class: dict, r: float | None) -> None:
    """Draw f1-size.png: a point for each class with test images, its F1 over the source images it was trained on."""
    figure = new_figure(7, 4.5)
    axis = figure.subplots()
    points = [(row["trained_on"], row["f1"], name) for name, row in per_class.items()
              if row["support"] and "trained_on" in row]
    if points:
        x, y, _ = zip(*points, strict=True)
        axis.plot(x, y, "o", alpha=0.6)
        if r is not None:
            slope, level = np.polyfit(x, y, 1)
            ends = np.array([min(x), max(x)])
            axis.plot(ends, slope * ends + level, color="0.4", linewidth=1)
        placed: list[tuple[float, float]] = []
        worst = sorted(points, key=lambda p: p[1])[:_WORST]
        for (at, f1, _), name in zip(worst, drawable([name for *_, name in worst], 20), strict=True):
            right = at > (min(x) + max(x)) / 2                  # towards the middle, within the edges
            if any(abs(f1 - y) < 0.05 and abs(at - x0) <= 0.3 * (max(x) - min(x)) for x0, y in placed):
                continue                         # it would lie over another name
            placed.append((at, f1))
            axis.annotate(name, (at, f1), (-4 if right else 4, 4), ha="right" if right else "left",
                          textcoords="offset points", fontsize=8)
    title = "sizes of the training classes are not known" if not points else \
        "fewer than three classes: no correlation" if len(points) < 3 else \
        f"no correlation: all classes have the same {'F1' if len({p[1] for p in points}) == 1 else 'size'}" \
        if r is None else \
        f"Pearson's r = {r:.2f} over {len(points)} classes"
    axis.set(xlabel="source images trained on", ylabel="F1 on the test images", ylim=(-0.03, 1.08), title=title)
    left, right = axis.get_xlim()
    axis.set_xlim(min(left, (left + right) / 2 - 1), max(right, (left + right) / 2 + 1))      # images come whole
    axis.locator_params("x", integer=True)
    axis.grid(alpha=0.3)
    publish_figure(path, figure)
