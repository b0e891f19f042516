"""Write matplotlib figures as PNG, with names of classes and files drawn literally, whatever they hold."""

import os
import warnings
from typing import Any, BinaryIO

from tenfold.data.fonts import fonts_for


def save_figure(figure: Any, file: str | os.PathLike[str] | BinaryIO, dpi: int = 110) -> None:
    """Write a matplotlib Figure as PNG. No text is read as a formula; letters that its font lacks are of another font.

    By default, matplotlib reads text between two $ as TeX, and raises ValueError if it is not.
    """
    texts = figure.findobj(lambda artist: hasattr(artist, "set_parse_math"))
    families = sorted({font.family for font in fonts_for(text.get_text() for text in texts).values() if font})
    for text in texts:
        text.set_parse_math(False)
        if families:
            text.set_fontfamily([*text.get_fontfamily(), *families])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)     # a letter that the font lacks; a name too long for its margin
        figure.savefig(file, format="png", dpi=dpi, bbox_inches="tight")      # else long class names push labels out
