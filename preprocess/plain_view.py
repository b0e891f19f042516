"""Decode and clean one picture, and render its plain view: the same pixels as its test row in a set."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from tenfold.data.errors import SourceFault
from tenfold.data.files import read_file
from tenfold.data.recipe import Recipe
from tenfold.data.wording import reason
from tenfold.preprocess.clean.polarity import other_polarity
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.clean.steps import clean
from tenfold.preprocess.decode import BadPicture, Levels, decode_any, exceeds
from tenfold.preprocess.draw.pyramid import build_pyramid
from tenfold.preprocess.draw.random_views import PLAIN
from tenfold.preprocess.survey.ranges import declared_ranges


@dataclass(frozen=True)
class View:
    """The plain view of one picture, with what was noticed while it was made."""
    pixels: np.ndarray               # uint8 (H, W, C)
    several: bool                    # its file holds more pages or frames, which are not used
    other_polarity: str              # of its ink, if it clearly is not that of the set; else ""
    contrast: int                    # its brightest level less its darkest, as decoded
    cut: bool                        # it is deep, and holds levels beyond the range of the set, which are cut off


def read_view(image: str | os.PathLike | bytes | np.ndarray | Image.Image, recipe: Recipe,
              index_facts: Mapping | None = None) -> View:
    """Return the plain view of one picture, and what was noticed.

    The plain view is the row that a build writes for a test image. image: a path, the bytes of a picture file, a uint8
    array (H, W) or (H, W, 1, 3 or 4), or a PIL image. index_facts: dataset.json, or a checkpoint that carries its
    "common": the decisions for the whole set (polarity, tone of the paper, level ranges). Without it, these are decided
    by the picture itself and by the recipe. SourceFault: the picture cannot be read or used, and why. MachineFault:
    there is not enough memory. No state is kept, so any process may call this.
    """
    name = str(image) if isinstance(image, (str, os.PathLike)) else _describe(image)
    decisions = _decisions(recipe, index_facts)
    try:
        decoded = decode_any(_data(image), name, recipe, decisions.ranges)
        cleaned = clean(decoded.pixels, recipe.clean, recipe.draw, decisions)
        config = replace(recipe.draw, broaden=0.0)          # the plain view never has broader strokes
        return View(build_pyramid(cleaned, config).draw(PLAIN, config), decoded.several,
                    other_polarity(decoded.pixels, decisions.polarity), decoded.contrast,
                    _is_cut(decoded.levels, decisions.ranges))
    except BadPicture as bad:
        raise SourceFault(name, str(bad)) from None


def _decisions(recipe: Recipe, index_facts: Mapping | None) -> SetDecisions:
    """Return the decisions of the set or, if they are not known, those in the recipe."""
    if index_facts and index_facts.get("common"):
        return SetDecisions.of(index_facts["common"])
    polarity = "each" if recipe.clean.polarity == "auto" else recipe.clean.polarity
    return SetDecisions(polarity, ranges=tuple((kind, *span) for kind, span in declared_ranges(recipe).items()))


def _is_cut(levels: Levels | None, ranges: tuple) -> bool:
    """Return whether a deep picture holds levels beyond the range of its kind, which are cut off."""
    return any(exceeds(levels, low, high) for kind, low, high in ranges if levels and levels.kind == kind)


def _data(image: Any) -> bytes | np.ndarray | Image.Image:
    """Return the picture in a form that `decode_any` takes."""
    if isinstance(image, (str, os.PathLike)):
        try:
            return read_file(image)
        except IsADirectoryError:
            raise BadPicture("is a folder: give the pictures in it") from None
        except (OSError, ValueError) as error:       # ValueError: a NUL in the name
            raise BadPicture(f"unreadable: {reason(error)}") from None
        except MemoryError:
            raise BadPicture("enormous: its file does not fit in memory") from None
    if isinstance(image, (bytes, bytearray, memoryview)):
        return bytes(image)
    if isinstance(image, Image.Image):
        return image
    if not isinstance(image, np.ndarray):
        raise BadPicture("not a picture: give a path, an array or a PIL image")
    pixels = image[:, :, None] if image.ndim == 2 else image
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not pixels.size:
        raise BadPicture("not a picture: give uint8 (H, W) or (H, W, C), 0..255, C 1 (grey), 3 (RGB) or 4 (RGBA)")
    return pixels


def _describe(image: Any) -> str:
    """Describe a picture that has no path, for messages."""
    if isinstance(image, np.ndarray):
        return f"array {image.dtype} {image.shape}"
    if isinstance(image, Image.Image):
        return getattr(image, "filename", "") or f"image {image.mode} {image.width}×{image.height}"
    return "picture" if isinstance(image, (bytes, bytearray, memoryview)) else type(image).__name__
