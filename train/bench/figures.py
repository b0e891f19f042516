"""Draw bench.png: the speed of each loader setting."""

from pathlib import Path

from tenfold.data.figures import new_figure, publish_figure


def draw_bench(path: str | Path, rows: list[dict], memcpy: float) -> None:
    """Draw bench.png: images/s of each loader setting, and of a plain copy in memory as a line."""
    figure = new_figure(9, 1.5 + 0.26 * len(rows))
    axis = figure.subplots()
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
    publish_figure(path, figure)
