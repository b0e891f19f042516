"""Write matplotlib figures as PNG: names of classes and files are drawn as they stand, whatever they hold."""

import os
import warnings
from typing import Any, BinaryIO


def save_figure(figure: Any, file: str | os.PathLike[str] | BinaryIO, dpi: int = 110) -> None:
    """Write a matplotlib Figure as PNG: no text is taken for a formula, a letter that the font lacks is drawn as a box.

    matplotlib would set what stands between two $ as TeX, and raise ValueError where it is none.
    """
    for text in figure.findobj(lambda artist: hasattr(artist, "set_parse_math")):
        text.set_parse_math(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)     # a letter that the font lacks; a name too long for its margin
        figure.savefig(file, format="png", dpi=dpi)
