"""Make matplotlib figures without a display, and save them as PNG; no text is read as a formula."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tenfold.data.files import publish
from tenfold.data.fonts import fonts_for

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


def save_figure(figure: "Figure", file: str | os.PathLike[str] | BinaryIO, dpi: int = 110) -> None:
    """Write a matplotlib Figure as PNG. No text is read as a formula; letters that its font lacks are of another font.

    By default, matplotlib reads text between two $ as TeX, and raises ValueError if it is not.
    """
    texts: list[Any] = figure.findobj(lambda artist: hasattr(artist, "set_parse_math"))
    families = sorted({font.family for font in fonts_for(text.get_text() for text in texts).values() if font})
    for text in texts:
        text.set_parse_math(False)
        if families:
            text.set_fontfamily([*text.get_fontfamily(), *families])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)     # a letter that the font lacks; a name too long for its margin
        figure.savefig(file, format="png", dpi=dpi, bbox_inches="tight")      # else long class names push labels out


def publish_figure(path: str | Path, figure: "Figure", dpi: int = 110) -> None:
    """Write a figure as a PNG file, whole or not at all."""
    with publish(path) as temporary:
        save_figure(figure, temporary, dpi)
