"""python -m benchmarks.plots: docs/*.png out of benchmarks/results.tsv.

The newest row of each setting counts. Bars are on a logarithmic axis where rates lie far apart.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rows import TABLE
from tenfold.data.command import make_parser, run

DOCS = Path(__file__).parent.parent / "docs"
PICTURES = {"loading.png": "loading ", "peers.png": "peers ", "augmenting.png": "augmenting, copies/s on a core"}


def newest(prefix: str) -> dict[str, dict[str, dict[str, str]]]:
    """{question: {setting: row}} of the questions that begin so; of each setting the last row."""
    rows_of: dict[str, dict[str, dict[str, str]]] = {}
    with open(TABLE, encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f, delimiter="\t"):
            if row["question"].startswith(prefix):
                rows_of.setdefault(row["question"], {}).pop(row["setting"], None)
                rows_of[row["question"]][row["setting"]] = row
    return rows_of


def draw(path: Path, panels: dict[str, dict[str, dict[str, str]]]) -> None:
    """A panel a question, a bar a setting, ours in colour; whiskers from the least to the greatest repeat."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    counts = [len(rows) for rows in panels.values()]
    figure, axes = plt.subplots(len(panels), squeeze=False, figsize=(9, 0.6 * len(panels) + 0.27 * sum(counts)),
                                height_ratios=counts, layout="constrained")
    for axis, (question, rows) in zip(axes[:, 0], panels.items(), strict=True):
        ordered = sorted(rows, key=lambda name: float(rows[name]["median"]))
        medians = [float(rows[name]["median"]) for name in ordered]
        spread = [[float(end) for end in rows[name]["spread"].split("..")] for name in ordered]
        colours = ["tab:orange" if name.startswith("ours") else "tab:gray" for name in ordered]
        axis.barh(ordered, medians, color=colours)
        axis.hlines(ordered, *zip(*spread, strict=True), color="black", lw=1)
        for name, median, (_, most) in zip(ordered, medians, spread, strict=True):
            axis.annotate(f"{median:,.0f}", (most, name), va="center", fontsize=8, xytext=(4, 0),
                          textcoords="offset points")
        log = max(medians) > 30 * min(medians)
        axis.set_xscale("log" if log else "linear")
        axis.set_xlim(right=max(most for _, most in spread) * (4 if log else 1.2))
        axis.set_title(f"{question}  ({next(iter(rows.values()))['device']})", fontsize=9, loc="left")
        axis.tick_params(labelsize=8)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def plot(args: argparse.Namespace) -> dict:
    """Draw all PICTURES whose rows there are."""
    drawn = []
    for name, prefix in PICTURES.items():
        if panels := newest(prefix):
            draw(DOCS / name, panels)
            drawn.append(str(DOCS / name))
    print(*drawn, sep="\n")
    return {"pictures": drawn}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    return run(plot, make_parser("python -m benchmarks.plots", "Draw docs/*.png from results.tsv.").parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
