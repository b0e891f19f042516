"""A contact sheet: what a recipe does to one picture of each class, before the build is started."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from tenfold.data.errors import MachineFault, SourceFault
from tenfold.data.files import make_folder
from tenfold.data.fonts import fonts_for
from tenfold.data.leftovers import publish_unlocked
from tenfold.data.recipe import Recipe
from tenfold.data.sources.class_checks import NO_IMAGE
from tenfold.data.sources.formats import DECODED
from tenfold.data.sources.opening import Source
from tenfold.data.wording import readable
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.clean.steps import clean_page, cut_out
from tenfold.preprocess.decode import BadPicture
from tenfold.preprocess.draw.pyramid import build_pyramid
from tenfold.preprocess.draw.random_views import PLAIN, draw_view
from tenfold.preprocess.fonts import picture_font, write_name
from tenfold.preprocess.survey.checks import polarity_fault
from tenfold.preprocess.survey.decisions import decide
from tenfold.preprocess.survey.facts import load_source
from tenfold.preprocess.survey.ranges import range_notes
from tenfold.preprocess.survey.survey import sample_sources

COPIES = 8                   # in a row
CLASSES = 12                 # rows, at most
_TRIED = 50                  # of a class, so many pictures are tried
_KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_GAP, _HEAD, _NAME = 6, 22, 110


def contact_sheet(recipe: Recipe, source: Source, path: Path | str) -> int:
    """Write a picture that shows what a recipe does to one image of each class; PNG or JPEG, by the suffix of `path`.

    It has a row for each of the first classes: the source, the cleaned page, its region of interest, the plain view and
    copies. Returns the number of rows.
    """
    kind = _KINDS.get(Path(path).suffix.lower())
    if not kind:
        raise MachineFault(path, "is not a name for the preview", f"let it end in {', '.join(_KINDS)}")
    make_folder(Path(path).parent)
    with tempfile.TemporaryDirectory() as scratch:
        reader = source.reader(Path(scratch))
        sampled, facts = sample_sources(recipe, source, reader)
        decisions = decide(recipe, facts, source.labels[sampled])
        for line in range_notes(recipe, facts, decisions.ranges):
            print(line)
        if fault := polarity_fault(recipe, source, facts, sampled):
            print(f"a build would stop: {fault}")
        rows = []
        for label, name in list(enumerate(source.classes))[:CLASSES]:
            cells = _first_good(source, reader, label, recipe, decisions)
            if cells:
                rows.append((name, cells))
            else:
                print(f"not shown: {readable(name)}, of whose first {_TRIED} pictures none can be used")
    if not rows:
        raise SourceFault(source.root, f"has {NO_IMAGE}", "give " + ", ".join(DECODED))
    sheet = _sheet(rows, max(84, min(128, max(recipe.draw.canvas))))
    with publish_unlocked(path) as temporary:
        sheet.save(temporary, format=kind, quality=95)
    return len(rows)


def _first_good(source: Source, reader: Any, label: int, recipe: Recipe,
                decisions: SetDecisions) -> list[tuple[str, np.ndarray]] | None:
    """Return [(heading, pixels), …] of the first picture of a class that can be cleaned, or None."""
    for row in np.flatnonzero(source.labels == label)[:_TRIED]:
        try:
            pixels = load_source(reader, int(row), source.paths[row], recipe, decisions.ranges).pixels
            page, ink = clean_page(pixels, recipe.clean, decisions)
            cleaned = cut_out(page, ink.mask if ink else None, recipe.clean, recipe.draw)
            picture = build_pyramid(cleaned, recipe.draw)
        except BadPicture:
            continue
        views = [draw_view(recipe.seed, int(row), copy, recipe.draw) for copy in range(COPIES)]
        copies = [("copies" if i == 0 else "", picture.draw(view, recipe.draw)) for i, view in enumerate(views)]
        return [("source", pixels), ("cleaned", page), ("region", cleaned.pixels),
                ("plain view", picture.draw(PLAIN, recipe.draw)), *copies]
    return None


def _sheet(rows: list[tuple[str, list[tuple[str, np.ndarray]]]], side: int) -> Image.Image:
    """Draw the sheet: cells of side × side pixels, headings above, class names at the left."""
    columns = len(rows[0][1])
    sheet = Image.new("RGB", (_NAME + columns * (side + _GAP) + _GAP, _HEAD + len(rows) * (side + _GAP)), "white")
    pen, font = ImageDraw.Draw(sheet), picture_font(12)
    fonts_for(name for name, _ in rows)
    for y, (name, cells) in enumerate(rows):
        top = _HEAD + y * (side + _GAP)
        write_name(pen, (_GAP, top + side // 2 - 8), name, 12, _NAME - 2 * _GAP)
        for x, (heading, pixels) in enumerate(cells):
            left = _NAME + x * (side + _GAP)
            if y == 0:
                pen.text((left, 3), heading, "black", font)
            cell = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
            cell = ImageOps.contain(cell, (side, side), Image.Resampling.LANCZOS)
            pen.rectangle((left - 1, top - 1, left + side, top + side), fill="#dddddd", outline="#999999")
            sheet.paste(cell, (left + (side - cell.width) // 2, top + (side - cell.height) // 2))
    return sheet
