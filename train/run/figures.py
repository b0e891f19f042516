"""Draw curves.png: loss and top-1 of one training run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.train.figures import new_figure, publish_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_curves(path: str | Path, history: list[dict[str, Any]]) -> None:
    """Write curves.png: `curves` of the history; nothing where it is empty."""
    if history:
        publish_figure(path, curves(history))


def curves(history: list[dict[str, Any]]) -> Figure:
    """Return a Figure: loss and top-1 of training and validation over the epochs, the best epoch marked."""
    figure = new_figure(10, 4)
    axes = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    for axis, name, label in ((axes[0], "loss", "cross-entropy (nats)"), (axes[1], "top1", "top-1 accuracy")):
        for split in ("train", "val"):
            values = [row[f"{split}_{name}"] for row in history]
            if not all(map(math.isnan, values)):
                axis.plot(epochs, values, marker=".", label=split)
        axis.set(xlabel="epoch", ylabel=label)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    best = max((row for row in history if not math.isnan(row["val_top1"])), default=None,
               key=lambda row: (row["val_top1"], -row["val_loss"]))          # the one that was kept
    if best:
        axes[1].plot(best["epoch"], best["val_top1"], "o", mfc="none", ms=11, color="black",
                     label=f"best: {best['val_top1']:.2%}")
    axes[0].legend()
    axes[1].legend(loc="lower right")
    return figure
