"""Draw a contact sheet: pictures as the model takes them, each with its label and probability."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from tenfold.data.files import publish
from tenfold.data.fonts import fonts_for
from tenfold.data.wording import counted
from tenfold.preprocess.fonts import picture_font, write_name

if TYPE_CHECKING:
    from tenfold.predict.files import Row

_COLUMNS, _GAP, _LINE = 12, 6, 14


def write_sheet(path: Path, cells: Sequence[tuple[Row, NDArray[np.uint8]]], count: int) -> None:
    """Draw pictures uint8 (H, W, C), sorted by label and then by falling probability. count: of how many pictures."""
    cells = sorted(cells, key=lambda cell: (cell[0].label, -cell[0].probability))
    columns = min(_COLUMNS, max(3, len(cells)))
    side = max(72, min(112, max(cells[0][1].shape[:2])))
    width, height = side + _GAP, side + 2 * _LINE + _GAP
    lines = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * width + _GAP, lines * height + 2 * _LINE), "white")
    pen, font = ImageDraw.Draw(sheet), picture_font(10)
    fonts_for(row.label for row, _ in cells)
    shown = f"{len(cells)} of {count} pictures" if count > len(cells) else counted(count, "picture")
    pen.text((_GAP, 3), f"{shown}, as the model takes them", "black", font)
    for i, (row, pixels) in enumerate(cells):
        x, y = _GAP + i % columns * width, 2 * _LINE + i // columns * height
        cell = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        cell = ImageOps.contain(cell, (side, side), Image.Resampling.LANCZOS)
        sheet.paste(cell, (x + (side - cell.width) // 2, y + (side - cell.height) // 2))
        pen.rectangle((x - 1, y - 1, x + side, y + side), outline="#999999")
        write_name(pen, (x, y + side), row.label, 10, side)
        pen.text((x, y + side + _LINE), f"{row.probability:.1%}", "black", font)
    with publish(path) as temporary:
        sheet.save(temporary, format="PNG")
