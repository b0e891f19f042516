"""What a run and a score leave for people: tables and pictures."""

import csv
import math
import warnings

import numpy as np

from tenfold.data.command import readable
from tenfold.data.files import publish

NUMBERED = 30                # classes up to which a confusion has numbers


def write_csv(path, rows: list[dict]) -> None:
    """A header and a line for each dictionary; file names need not be valid UTF-8."""
    with publish(path) as temporary, open(temporary, "w", newline="", encoding="utf-8",
                                          errors="surrogateescape") as f:
        writer = csv.DictWriter(f, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def write_metrics(path, history: list[dict]) -> None:
    """metrics.csv: a line an epoch."""
    write_csv(path, [{k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in history])


def _pyplot():
    import matplotlib
    matplotlib.use("Agg")                        # no window, no display
    from matplotlib import pyplot
    return pyplot


def _publish_figure(path, figure) -> None:
    with publish(path) as temporary, warnings.catch_warnings():
        # a letter that the font lacks is drawn as a box; a name too long for its margin is cut
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(temporary, format="png", dpi=110)


def draw_curves(path, history: list[dict]) -> None:
    """curves.png: loss and top-1 of training and validation over the epochs, the best epoch marked."""
    plt = _pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axis, name, label in ((axes[0], "loss", "cross-entropy (nats)"), (axes[1], "top1", "top-1 accuracy")):
        for part in ("train", "val"):
            values = [row[f"{part}_{name}"] for row in history]
            if not all(map(math.isnan, values)):
                axis.plot(epochs, values, marker=".", label=part)
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
    _publish_figure(path, figure)
    plt.close(figure)


def _short(name: str, most: int = 20) -> str:
    name = readable(name)
    return name if len(name) <= most else name[:most - 1] + "…"


def draw_confusion(path, confusion, classes) -> None:
    """confusion.png: rows are the true classes, columns the predicted, each row as shares of its images.

    The colours follow the root of the share, so that one image of a hundred can be seen.
    """
    plt = _pyplot()
    from matplotlib.colors import PowerNorm
    from matplotlib.ticker import PercentFormatter
    shares = confusion / confusion.sum(1, keepdims=True).clip(1)
    many = len(classes) > NUMBERED
    side = min(30.0, 3.0 + (0.17 if many else 0.36) * len(classes))
    figure, axis = plt.subplots(figsize=(side + 1.5, side), layout="constrained")
    drawn = axis.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
    figure.colorbar(drawn, shrink=0.6, aspect=40 if many else 20, label="share of the true class",
                    format=PercentFormatter(1.0), ticks=[0, 0.01, 0.05, 0.1, 0.25, 0.5, 1] if many else None)
    axis.set(xlabel="predicted", ylabel="true", xticks=range(len(classes)), yticks=range(len(classes)))
    names = [_short(name) for name in classes]
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
    _publish_figure(path, figure)
    plt.close(figure)


def draw_worst(path, classes: list) -> None:
    """worst.png: a row for each (class, F1, [(image uint8 (H, W, C), true, predicted, probability), …])."""
    plt = _pyplot()
    columns = max((len(pictures) for _, _, pictures in classes), default=1)
    figure = plt.figure(figsize=(max(4.5, 1.7 * columns + 1.6), 2.15 * max(1, len(classes)) + 0.5),
                        layout="constrained")
    figure.suptitle("the worst classes: true → predicted, its probability\n(grey: other classes' images taken for it)"
                    if classes else "no test image is misclassified", fontsize=10)
    axes = figure.subplots(max(1, len(classes)), columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for line, (name, f1, pictures) in zip(axes, classes, strict=False):
        for axis, (image, true, predicted, probability) in zip(line, pictures, strict=False):
            axis.imshow(image[:, :, 0] if image.shape[2] == 1 else image, cmap="gray", vmin=0, vmax=255)
            axis.set_title(f"{_short(true, 16)}\n→ {_short(predicted, 14)} {probability:.0%}", fontsize=8,
                           parse_math=False, color="black" if true == name else "0.45")
        line[0].text(-0.12, 0.5, f"{_short(name, 16)}\nF1 {f1:.2f}", transform=line[0].transAxes, ha="right",
                     va="center", fontsize=10, parse_math=False)
    _publish_figure(path, figure)
    plt.close(figure)


def draw_f1_size(path, per_class: dict, r: float | None) -> None:
    """f1-size.png: a point a class with test images: its F1 over the source images it was trained on."""
    plt = _pyplot()
    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    points = [(row["trained_on"], row["f1"], name) for name, row in per_class.items()
              if row["support"] and "trained_on" in row]
    if points:
        x, y, _ = zip(*points, strict=True)
        axis.plot(x, y, "o", alpha=0.6)
        if r is not None:
            slope, level = np.polyfit(x, y, 1)
            ends = np.array([min(x), max(x)])
            axis.plot(ends, slope * ends + level, color="0.4", linewidth=1)
        named = points if len(points) <= 12 else sorted(points, key=lambda p: p[1])[:6]
        for at, f1, name in named:               # towards the middle: none runs over the edge
            right = at > (min(x) + max(x)) / 2
            axis.annotate(_short(name), (at, f1), (-4 if right else 4, 4), ha="right" if right else "left",
                          textcoords="offset points", fontsize=8, parse_math=False)
    title = "sizes of the training classes are not known" if not points else \
        "no correlation: all sizes, or all F1, are alike" if r is None else \
        f"Pearson's r = {r:.2f} over {len(points)} classes"
    axis.set(xlabel="source images trained on", ylabel="F1 on the test images", ylim=(-0.03, 1.08), title=title)
    axis.grid(alpha=0.3)
    _publish_figure(path, figure)
    plt.close(figure)


def draw_bench(path, rows: list[dict], memcpy: float) -> None:
    """bench.png: images/s of each loader setting, and of a plain copy in memory as a line."""
    plt = _pyplot()
    figure, axis = plt.subplots(figsize=(9, 1.5 + 0.26 * len(rows)), layout="constrained")
    colours = {"memory": "C2", "threads": "C0", "dataloader": "C1"}
    names = [r["engine"] + (f" {r['workers']}" if r["engine"] != "memory" else "")
             + (" pinned" if r["pin_memory"] else "") + f", batch {r['batch_size']}" for r in rows]
    rates = [r["images_per_second"] for r in rows]
    bars = axis.barh(range(len(rows)), rates, color=[colours[r["engine"]] for r in rows])
    axis.bar_label(bars, [f"{rate:,.0f}" for rate in rates], padding=3, fontsize=8)
    axis.axvline(memcpy, color="black", linestyle="--", label="plain copy in memory, one core")
    axis.set(yticks=range(len(rows)), yticklabels=names, xlabel="images/s")
    axis.invert_yaxis()
    axis.margins(x=0.12)
    figure.legend(loc="outside upper right")
    _publish_figure(path, figure)
    plt.close(figure)


def smoothed(values, weight: float = 0.6) -> list[float]:
    """Running mean with the given weight on what came before; the first values are not drawn towards nought."""
    found, mean, total = [], 0.0, 0.0
    for value in values:
        if math.isnan(value):                    # an epoch that the budget ended before its first step
            found.append(value)
            continue
        mean, total = weight * mean + (1 - weight) * value, weight * total + (1 - weight)
        found.append(mean / total)
    return found


def draw_sweep(path, runs: list[tuple[str, list[dict]]], named: int = 10) -> None:
    """sweep.png: training accuracy, training loss and validation accuracy over the epochs, each run's raw curve
    in grey and a smoothed one in colour. runs: (label, rows of metrics.csv), best first; the first are named."""
    plt = _pyplot()
    columns = 1 if max(len(run) for run, _ in runs) > 70 else 2
    figure, axes = plt.subplots(1, 3, figsize=(15, 4.0 + 0.18 * -(-min(named, len(runs)) // columns)),
                                layout="constrained")
    colours = plt.get_cmap("turbo")
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
    _publish_figure(path, figure)
    plt.close(figure)
