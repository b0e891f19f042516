"""Draw sweep.png: the curves of all trials."""

import math
from collections.abc import Iterable
from pathlib import Path

from tenfold.data.figures import new_figure, publish_figure
from tenfold.data.wording import readable

_EARLIER = 0.6               # weight of the earlier values in a smoothed curve


def draw_sweep(path: str | Path, runs: list[tuple[str, list[dict]]], named: int = 10) -> None:
    """Draw sweep.png: training accuracy, training loss and validation accuracy over the epochs.

    Each run's raw curve is grey, the smoothed one coloured. runs: (label, rows of metrics.csv), best first; the first
    `named` are in the legend.
    """
    import matplotlib
    columns = 1 if max(len(run) for run, _ in runs) > 70 else 2
    figure = new_figure(15, 4.0 + 0.18 * -(-min(named, len(runs)) // columns))
    axes = figure.subplots(1, 3)
    colours = matplotlib.colormaps["turbo"]
    for axis, name, label in zip(axes, ("train_top1", "train_loss", "val_top1"), (
            "training top-1", "training loss (nats)", "validation top-1"), strict=True):
        for rank, (run, history) in reversed(list(enumerate(runs))):     # the best on top
            epochs, values = ([row[key] for row in history] for key in ("epoch", name))
            axis.plot(epochs, values, color="0.75", linewidth=1, zorder=1)
            axis.plot(epochs, smoothed(values), color=colours(0.05 + 0.9 * rank / max(1, len(runs) - 1)), zorder=2,
                      marker="." if len(history) == 1 else "", label=readable(run))
        axis.set(xlabel="epoch", ylabel=label)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles[::-1][:named], labels[::-1][:named], loc="outside lower center", fontsize=8,
                  ncols=columns)
    publish_figure(path, figure)


def smoothed(values: Iterable[float]) -> list[float]:
    """Return the exponential moving average, corrected for its bias at the start."""
    found, mean, total = [], 0.0, 0.0
    for value in values:
        if math.isnan(value):                    # the budget ended before the first step of the epoch
            found.append(value)
            continue
        mean, total = _EARLIER * mean + (1 - _EARLIER) * value, _EARLIER * total + (1 - _EARLIER)
        found.append(mean / total)
    return found
