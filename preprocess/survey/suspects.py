"""List suspects: pictures to check by eye before training, each with the reason; draw those whose ink is in doubt."""

import tempfile
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from tenfold.data.files import publish
from tenfold.data.fonts import fonts_for
from tenfold.data.recipe import Recipe, make_recipe, renewed
from tenfold.data.source_table import SourceTable
from tenfold.data.sources.opening import Source
from tenfold.data.wording import counted
from tenfold.preprocess.clean.polarity import CLEAR
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.clean.steps import clean_page
from tenfold.preprocess.decode import BadPicture
from tenfold.preprocess.fonts import picture_font, write_name
from tenfold.preprocess.survey.facts import load_source
from tenfold.preprocess.survey.notes import MOST

SHEET = "suspects.png"
BLANK = 4.0                  # grey levels of deviation: a page of 350×350 with the thinnest letter has 14
TINY = 4                     # times smaller than the set's median picture
ODD = 3                      # times wider, or higher, than the set's median picture
LOST = 0.05                  # a picture is a suspect if more than this share of its ink was removed as dust
DRAWN = 40                   # pictures on the sheet, at most
_SIDE, _GAP, _TEXT, _HEAD = 180, 8, 52, 26


def suspects(sources: SourceTable, classes: list[str], polarity: str) -> list[dict]:
    """Return source images that a person should look at: [{"path", "class", "why"}, …]. They are used like all others.

    A property that most pictures of the set share (cropped to their ink, mostly ink) makes none of them a suspect.
    """
    size, spread, label = (sources.column(name) for name in ("size", "spread", "label"))
    tiny, odd = _tiny_and_odd(size)
    doubts = _ink_doubts(sources, polarity)
    usual = {kind for kind in ("edges", "mostly", "polarity") if doubts[kind].sum() > MOST * len(sources)}
    doubted = (spread < BLANK) | tiny | odd
    for kind in set(doubts) - usual:
        doubted |= doubts[kind]
    rows = []
    for row in np.flatnonzero(doubted).tolist():
        height, width = size[row].tolist()
        why = []
        if spread[row] < BLANK:
            why.append(f"nearly blank (its grey levels deviate by {spread[row].item()} of 255)")
        if tiny[row]:
            why.append(f"tiny ({width}×{height})")
        if odd[row]:
            why.append(f"of an odd shape ({width}×{height})")
        kinds = [kind for kind, found in doubts.items() if found[row] and kind not in usual]
        unusual = _ink_reasons(kinds, sources.row(row)["ink"], polarity) if kinds else []
        rows.append({"path": sources.path(row), "class": classes[label[row]], "why": ", ".join(why + unusual)}
                    | ({"ink": True} if unusual else {}))
    return rows


def _tiny_and_odd(size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return bool (n,) twice: which pictures are far smaller than the others, and which have a very different shape."""
    shapes = size[:, 1] / size[:, 0]
    usual_side, usual_shape = np.median(size.min(1)), np.median(shapes)
    return (size.min(1) < max(8, usual_side / TINY),
            ~((usual_shape / ODD <= shapes) & (shapes <= usual_shape * ODD)))


def _ink_doubts(sources: SourceTable, polarity: str) -> dict[str, np.ndarray]:
    """Return {kind of doubt: bool (n,), the pictures whose ink is doubtful in this way}.

    Pictures in which no ink was looked for are never doubtful.
    """
    column = sources.column
    has_ink = column("pen") != 0
    sign = {"dark": -1, "light": 1}.get(polarity, 0)
    return {"lost": has_ink & ((column("lost_components") != 0) | (column("lost_share") > LOST)),
            "edges": has_ink & (column("edges") >= 3), "mostly": has_ink & (column("ink_share") > MOST),
            "polarity": has_ink & (sign * column("dark_ink") > CLEAR)}


def _ink_reasons(kinds: list[str], ink: dict, polarity: str) -> list[str]:
    """Say in words what is doubtful about a picture's ink. kinds: those of `_ink_doubts` that apply."""
    components = ink["lost_components"]
    words = {"lost": f"without {_percent(ink['lost_share'])} of its ink, taken for dust or ground" + (
                 f" ({counted(components, 'component')} broader than half the pen)" if components else ""),
             "edges": "cropped so tightly that the ink touches all four edges" if ink["edges"] == 4
                 else "cropped so that the ink touches three edges",
             "mostly": f"mostly ink ({ink['share']:.0%} of it)",
             "polarity": f"probably {'light' if polarity == 'dark' else 'dark'} ink, unlike the set's"}
    return [words[kind] for kind in kinds]


def draw_suspects(index: dict, suspected: list[dict], source: Source, path: Path) -> None:
    """Draw a sheet of suspects whose ink is in doubt: each page, beside it its ink in white and removed dust in red."""
    every = [s for s in suspected if s.get("ink")]
    doubted = of_all_classes(every)
    path.unlink(missing_ok=True)
    if not doubted:
        return
    recipe, decisions = make_recipe(renewed(index["recipe"])), SetDecisions.of(index["common"])
    rows = {name: row for row, name in enumerate(source.paths)}
    columns = min(4, len(doubted))
    cell_width, cell_height = 2 * _SIDE + 3 * _GAP, _SIDE + _TEXT + _GAP
    lines = -(-len(doubted) // columns)
    sheet = Image.new("RGB", (columns * cell_width, _HEAD + lines * cell_height), "white")
    pen, font = ImageDraw.Draw(sheet), picture_font(11)
    fonts_for(suspect["path"] for suspect in doubted)
    part = f"{len(doubted)} of {len(every)}; " if len(every) > len(doubted) else ""
    pen.text((_GAP, 6), f"{part}left: the picture; right: white is ink, red was removed as dust", "black", font)
    with tempfile.TemporaryDirectory() as scratch:
        reader = source.reader(Path(scratch))
        for cell, suspect in enumerate(doubted):
            left = cell % columns * cell_width + _GAP
            top = _HEAD + cell // columns * cell_height
            write_name(pen, (left, top + 4), suspect["path"], 11, cell_width - 2 * _GAP)
            pen.text((left, top + 20), "\n".join(textwrap.wrap(suspect["why"], 58)[:2]), "#a00000", font, spacing=2)
            for x, image in enumerate(_views(reader, rows[suspect["path"]], suspect["path"], recipe, decisions)):
                corner = left + x * (_SIDE + _GAP), top + _TEXT
                sheet.paste(Image.fromarray(image), corner)
                pen.rectangle((corner[0] - 1, corner[1] - 1, corner[0] + image.shape[1], corner[1] + image.shape[0]),
                              outline="#999999")
    with publish(path) as temporary:
        sheet.save(temporary, format="PNG")


def of_all_classes(doubted: list[dict]) -> list[dict]:
    """Return DRAWN suspects at most, in their order: the first of each class, then the second of each, …"""
    many: Counter[str] = Counter()
    turns = []
    for suspect in doubted:
        turns.append(many[suspect["class"]])
        many[suspect["class"]] += 1
    return [doubted[i] for i in sorted(sorted(range(len(doubted)), key=turns.__getitem__)[:DRAWN])]


def _views(reader: Any, row: int, path: str, recipe: Recipe, decisions: SetDecisions) -> list[np.ndarray]:
    """Return [the page, its ink], uint8 (h, w, 3) each, _SIDE high or wide; [] if the file has disappeared."""
    try:
        image = load_source(reader, row, path, recipe, decisions.ranges).pixels
        _, ink = clean_page(image, recipe.clean, decisions)
    except BadPicture:
        return []
    if ink is None:
        return []
    page = image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
    kept, dropped = ink.mask, ink.dropped
    height, width = page.shape[:2]
    scale = _SIDE / max(height, width)
    if scale < 1:
        height, width = max(1, round(scale * height)), max(1, round(scale * width))
        page = cv2.resize(page, (width, height), interpolation=cv2.INTER_AREA)
        kept, dropped = shrunk(kept, height, width), shrunk(dropped, height, width)
    view = np.repeat(kept[:, :, None], 3, axis=2)
    view[dropped > 0] = (230, 0, 0)
    grow = max(1, int(scale))
    return [cv2.resize(v, None, fx=grow, fy=grow, interpolation=cv2.INTER_NEAREST) for v in (page, view)]


def shrunk(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Shrink a mask, uint8 (H, W), to height × width by its maximum: the finest dot of a large page stays visible."""
    rows, columns = (np.arange(new) * old // new for new, old in zip((height, width), mask.shape, strict=True))
    return np.maximum.reduceat(np.maximum.reduceat(mask, rows, axis=0), columns, axis=1)


def _percent(share: float) -> str:
    """Write a share as a percentage; a tiny one is "less than 0.1%", never "0.0%"."""
    return f"{share:.1%}" if share >= 0.001 else "less than 0.1%"
