"""Draw small pictures of one size straight from their source, where the recipe takes them as they come.

They are not cleaned, so nothing is cached for drawing, and the facts of many are computed at once. The copies are the
same as those that are drawn from the clean cache.
"""

from typing import Any

import numpy as np

from tenfold.data.recipe import Recipe
from tenfold.data.tables import Draw
from tenfold.preprocess.clean.steps import Cleaned, corners, resize
from tenfold.preprocess.draw.pyramid import Levels, Picture, build_pyramid

_SMALL = 4096                # bytes of a picture whose levels are quicker made again for each copy than found on disk
BYTES = 1 << 20              # of pictures that are held at once, at most


def drawn_from_source(recipe: Recipe, reader: Any) -> bool:
    """Return whether a set's pictures are drawn from its source: arrays of one size, and no step that cleans them.

    Large ones only if each has a single copy.
    """
    shape = reader.shape_of_each
    if shape is None or shape[2] != recipe.clean.channels or recipe.clean.has_steps or recipe.draw.broaden:
        return False
    return recipe.draw.copies == 1 or int(np.prod(shape)) <= _SMALL


def are_blank(pixels: np.ndarray) -> np.ndarray:
    """Return which of n pictures, uint8 (n, H, W, C), have one tone only, bool (n,)."""
    return (pixels == pixels[:, :1, :1]).all((1, 2, 3))


def pictures_together(pixels: np.ndarray, draw: Draw) -> list[Picture]:
    """Return what copies of n pictures, uint8 (n, H, W, C), are drawn from. BadPicture: they cannot be drawn."""
    if draw.fit == "stretch":
        pixels = np.stack([resize(page, *draw.canvas) for page in pixels])
    hull, bare = corners(pixels[0], 0.5), draw.fit == "inside"           # from here on as clean.steps.cut_out
    edges = np.concatenate([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], axis=1)
    backgrounds = np.median(edges, axis=1).astype(int).tolist()          # (n, C)
    means = pixels.reshape(len(pixels), -1).sum(1) / pixels[0].size      # of whole sums, so exact
    like = build_pyramid(Cleaned(pixels[0], hull, tuple(backgrounds[0]), 0.0, bare), draw)
    pen, shapes = like.levels.pen, like.levels.shapes                    # those of all: they depend on sizes alone
    return [Picture(Levels(page, pen, tuple(background), shapes), like.size, like.hull, tuple(background), pivot, bare)
            for page, background, pivot in zip(pixels, backgrounds, means.tolist(), strict=True)]
