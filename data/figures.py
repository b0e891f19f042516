"""Write matplotlib figures as PNG, with names of classes and files drawn literally, whatever they hold."""

import os
import warnings
from typing import Any, BinaryIO


def save_figure(figure: Any, file: str | os.PathLike[str] | BinaryIO, dpi: int = 110) -> None:
    """Write a matplotlib Figure as PNG. No text is read as a formula; a letter that the font lacks is drawn as a box.

    By default, matplotlib reads text between two $ as TeX, and raises ValueError if it is not.
    """
    for text in figure.findobj(lambda artist: hasattr(artist, "set_parse_math")):
        text.set_parse_math(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)     # a letter that the font lacks; a name too long for its margin
        figure.savefig(file, format="png", dpi=dpi)
