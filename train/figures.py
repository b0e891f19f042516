"""Make matplotlib figures in memory and write them as PNG files, atomically; shared by all plots."""

from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.data.figures import save_figure
from tenfold.data.files import publish

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty matplotlib figure of this size in inches, drawn in memory. matplotlib is only imported here.

    pyplot is not used, because its backend is a setting of the process, such as a notebook's.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def publish_figure(path: str | Path, figure: "Figure") -> None:
    """Write a figure as a PNG file, whole or not at all."""
    with publish(path) as temporary:
        save_figure(figure, temporary)
