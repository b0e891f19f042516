"""Report on the images of a set before training: report.json for scripts, classes.png for people."""

import contextlib
import json
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.digests import read_json, write_json
from tenfold.data.errors import ShardFault
from tenfold.data.fields import COUNT, Number, misfit
from tenfold.data.figures import new_figure, publish_figure
from tenfold.data.files import make_folder, publish_together
from tenfold.data.fonts import drawable
from tenfold.data.schema import DUPLICATES, SET_ASIDE, SPLITS
from tenfold.data.shardset import read_index
from tenfold.data.source_table import SourceTable
from tenfold.data.sources.opening import Source
from tenfold.data.wording import counted, readable, some
from tenfold.preprocess.survey.suspects import DRAWN, SHEET, draw_suspects, suspects

REPORT, PICTURE = "report.json", "classes.png"
# of report.json, in the form that `fields.misfit` takes
FIELDS = {"stamp": str, "images": COUNT, "classes": {str: dict.fromkeys(SPLITS, COUNT)}, "imbalance": float,
          "sizes": {side: {"least": COUNT, "median": Number(0), "most": COUNT} for side in ("width", "height")},
          "set_aside": SET_ASIDE, "duplicates": DUPLICATES, "near_duplicates": DUPLICATES,
          "suspects": [{"path": str, "why": str}]}
_APART = ("two_labels", "under two labels"), ("two_splits", "in two splits")
_TOGETHER = 4096             # paths that are read at once
_NAMED = 140                 # classes whose names fit under their bars
_COLOURS = {"train": "#4c72b0", "val": "#dd8452", "test": "#55a868"}


def report_folder(out: Path, stamp: str) -> Path:
    """Return the folder for a report: `out`, or one beside it if `out` holds a finished set with another stamp.

    So a report on other images never replaces the report of a finished set.
    """
    try:
        other = read_index(out).get("stamp") != stamp
    except ShardFault:
        other = False
    if not other:
        return out
    out = out.resolve()                          # because "." has no name
    return make_folder(out.with_name(f"{out.name}-report"))


def write_report(index: dict, sources: SourceTable, source: Source, out: Path | str) -> dict:
    """Write report.json, classes.png and, if ink is in doubt, suspects.png of a set, unless they exist and say this.

    index and sources: dataset.json and sources.h5 of the set, which may only be surveyed. out: the folder to write to.
    Returns the content of report.json. No shard and no digest depends on these files.
    """
    out = Path(out)
    facts = report_facts(index, sources)
    with contextlib.suppress(OSError, ValueError, RecursionError):
        kept = read_json(out / REPORT)
        if not misfit(kept, FIELDS) and kept.items() >= json.loads(json.dumps(facts)).items() \
                and (out / PICTURE).exists():
            return facts
    with publish_together(out, (SHEET, PICTURE, REPORT)) as place:
        draw_classes(index, facts, sources, place / PICTURE)
        draw_suspects(index, facts["suspects"], source, place / SHEET)
        write_json(place / REPORT, facts)
    return facts


def report_facts(index: dict, sources: SourceTable) -> dict:
    """Return the counts, sizes, duplicates and suspects of a set, as plain values; arguments as in `write_report`."""
    classes = index["classes"]
    counts = {name: {split: index["class_counts"][split][i] for split in SPLITS} for i, name in enumerate(classes)}
    totals = {name: sum(of.values()) for name, of in counts.items()}
    return {
        "stamp": index["stamp"], "images": len(sources), "classes": counts,
        "imbalance": round(max(totals.values()) / max(1, min(totals.values())), 3),
        "sizes": {side: _spread(sources.column("size")[:, axis]) for axis, side in enumerate(("height", "width"))},
        "set_aside": index["set_aside"], "duplicates": index["duplicates"],
        "near_duplicates": index.get("near_duplicates", {"same": [], "two_labels": [], "two_splits": []}),
        "suspects": suspects(sources, classes, index.get("common", {}).get("polarity", "keep"))}


def _spread(lengths: np.ndarray) -> dict:
    """Return the least, the median and the greatest of n lengths, int32 (n,)."""
    ordered = np.sort(lengths)
    middle = ordered[(len(ordered) - 1) // 2:len(ordered) // 2 + 1]
    return {"least": int(ordered[0]), "median": statistics.median(middle.tolist()), "most": int(ordered[-1])}


def print_report(facts: dict, out: Path | str) -> None:
    """Print a report for people, one line per finding. out: the folder of the report."""
    counts = {name: sum(of.values()) for name, of in facts["classes"].items()}
    few, many = min(counts, key=lambda name: counts[name]), max(counts, key=lambda name: counts[name])
    each = f"{counts[few]}" if counts[few] == counts[many] else \
        f"from {counts[few]} ({readable(few)}) to {counts[many]} ({readable(many)})"
    print(f"{facts['images']} images in {len(counts)} classes, {each} in a class; "
          f"{_sizes(facts['sizes'])}")
    near = facts["near_duplicates"]
    for kind, words in _APART:
        for paths in near[kind][:3]:
            print(f"nearly the same picture {words}: {some(paths, 4)}")
    apart = [f"{len(near[kind])} {words}" for kind, words in _APART if near[kind]]
    if apart:                                    # the notes say how many are kept together
        print(f"{counted(len(near['same']), 'group')} of near-duplicates: {', '.join(apart)}")
    for suspect in facts["suspects"][:10]:
        print(f"suspect: {suspect['path']} is {suspect['why']}")
    if len(facts["suspects"]) > 10:
        print(f"{len(facts['suspects'])} suspects in all")
    doubted = sum(bool(s.get("ink")) for s in facts["suspects"])
    drawn = f", {Path(out, SHEET)}" if doubted else ""
    drawn += f" ({DRAWN} of {doubted})" if doubted > DRAWN else ""
    print(f"see {Path(out, PICTURE)}{drawn} and {Path(out, REPORT)}")


def _sizes(sizes: dict) -> str:
    """"28×28 pixels", or "80 to 256 pixels wide, 75 to 256 high": the two sides need not be of one picture."""
    wide, high = ((sizes[side]["least"], sizes[side]["most"]) for side in ("width", "height"))
    if wide[0] == wide[1] and high[0] == high[1]:
        return f"{wide[0]}×{high[0]} pixels"
    across, down = (str(least) if least == most else f"{least} to {most}" for least, most in (wide, high))
    return f"{across} pixels wide, {down} high"


def draw_classes(index: dict, facts: dict, sources: SourceTable, path: Path) -> None:
    """Draw a bar for each class, largest first, a colour for each split; beside it the sizes of the images."""
    from matplotlib.ticker import MaxNLocator  # takes 0.4 s to import
    order = sorted(facts["classes"], key=lambda name: (-sum(facts["classes"][name].values()), name))
    wide = min(26.0, 3.5 + 0.17 * len(order)) if len(order) > 12 else 5.5
    figure = new_figure(wide + 4.5, 4.8)
    bars, sizes = figure.subplots(1, 2, width_ratios=[wide, 4.5])
    bottom = [0] * len(order)
    for split, colour in _COLOURS.items():
        heights = [facts["classes"][name][split] for name in order]
        bars.bar(range(len(order)), heights, 0.8, bottom, color=colour, label=f"{split} ({sum(heights):,})")
        bottom = [b + h for b, h in zip(bottom, heights, strict=True)]
    if len(order) <= 30:
        for x, total in enumerate(bottom):
            bars.text(x, total, f"{total:,}", ha="center", va="bottom", fontsize=8)
    bars.set(ylabel="source images", xlim=(-0.6, len(order) - 0.4),
             title=f"{facts['images']:,} images in {len(order)} classes; largest / smallest {facts['imbalance']:.1f}")
    if len(order) <= _NAMED:
        names = drawable(order, 20)
        bars.set_xticks(range(len(order)), names, rotation=90 if len(order) > 12 or max(map(len, names)) > 7 else 0,
                        fontsize=8 if len(order) > 30 else 10)
    else:
        bars.set_xlabel("classes, largest first")
    bars.yaxis.set_major_locator(MaxNLocator(integer=True))
    bars.grid(axis="y", alpha=0.3)
    bars.set_axisbelow(True)
    bars.set_ylim(0, 1.2 * max(bottom))          # the legend stands above the bars
    bars.legend(loc="upper center", ncols=3)
    _draw_sizes(sizes, index["canvas"], facts, sources)
    publish_figure(path, figure, dpi=100)


def _draw_sizes(axis: Any, canvas: list[int], facts: dict, sources: SourceTable) -> None:
    """A circle for each size that occurs, its area the number of images; on it, in red, the suspects of that size;
    the canvas a cross."""
    doubted = {s["path"] for s in facts["suspects"]}
    size = sources.column("size")
    pairs, number = np.unique(size[:, ::-1].astype(np.int64) @ (1 << 31, 1), return_counts=True)
    counts = {divmod(pair, 1 << 31): count for pair, count in zip(pairs.tolist(), number.tolist(), strict=True)}
    odd: Counter[tuple[int, ...]] = Counter()
    for first in range(0, len(sources) if doubted else 0, _TOGETHER):
        rows = range(first, min(len(sources), first + _TOGETHER))
        odd.update(tuple(size[row, ::-1].tolist()) for row, path in zip(rows, sources.paths(rows), strict=True)
                   if path in doubted)
    most = max(20, *counts.values())             # a picture whose size is unique is a dot
    for found, colour, alpha, label in ((counts, "#4c72b0", 0.5, "images"), (odd, "#c44e52", 0.9, "suspects")):
        if found:
            axis.scatter(*zip(*found, strict=True), [12 + 250 * count / most for count in found.values()], alpha=alpha,
                         color=colour, label=f"{label} ({sum(found.values()):,})", linewidths=0)
    height, width = canvas
    axis.plot(width, height, "kx", ms=9, label=f"canvas {width}×{height}")
    end = 1.08 * max(width, height, *map(max, counts))
    only = next(iter(counts))
    axis.set(xlabel="width (pixels)", ylabel="height (pixels)", xlim=(0, end), ylim=(0, 1.2 * end),
             title=f"all are {only[0]}×{only[1]}" if len(counts) == 1 else f"{len(counts):,} different sizes")
    axis.grid(alpha=0.3)                         # the legend stands above the circles
    legend = axis.legend(loc="upper center", ncols=3, fontsize=8, columnspacing=1, handletextpad=0.4, markerscale=0.6)
    for circle in legend.legend_handles[:-1]:
        circle.set_sizes([36])
