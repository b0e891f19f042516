"""Measure the ink on a set's pictures: its strokes, position and size, and the angles of its characters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tenfold.automatic.angles import Matches, match_rotations, shape_of
from tenfold.automatic.colours import hidden_in_grey
from tenfold.data.recipe import Recipe
from tenfold.preprocess.clean.ink import Ink
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.clean.steps import clean_page
from tenfold.preprocess.decode import BadPicture

_PART = 0.1                  # a picture counts as hiding ink in grey from this share of its ink
_HIDING = 0.05               # a set needs its colours if more than this share of its pictures hides ink in grey


@dataclass(frozen=True)
class InkFacts:
    """The ink of all pictures of the sample; lengths are shares of the picture's longer side."""
    pen: float               # median width of the strokes, as a share of the longer side of the ink's bounding box
    box: float               # median of the box's longer side
    position_spread: float   # standard deviation of the box's centre
    size_spread: float       # standard deviation of the box's longer side, divided by its mean
    rotations: Matches | None        # None: too few characters
    hidden_share: float = 0.0        # of the pictures, those a part of whose ink is hidden in grey

    @property
    def needs_colour(self) -> bool:
        """Return whether a part of the ink is hidden in grey, as on objects in colours rather than on paper."""
        return self.hidden_share > _HIDING

    @property
    def varies(self) -> bool | None:
        """Return whether the ink varies in position or size, so that it is worth cutting out; None: only a little."""
        if self.position_spread > 0.06 or self.size_spread > 0.15:
            return True
        return False if self.position_spread < 0.03 and self.size_spread < 0.05 else None


@dataclass(frozen=True)
class Mark:
    """The ink of one picture; lengths are shares of the picture's longer side."""
    pen: float               # width of its strokes, as a share of the longer side of the ink's bounding box
    box: float               # longer side of the bounding box
    x: float                 # the box's centre, from the centre of the picture
    y: float
    shape: np.ndarray        # see angles.shape_of
    label: int
    hidden: float = 0.0      # see colours.hidden_in_grey


def find_ink(pixels: np.ndarray, recipe: Recipe, decisions: SetDecisions) -> Ink | None:
    """Return the ink of a picture, uint8 (H, W, C), as the build finds it; None: it has none."""
    try:
        return clean_page(pixels, recipe.clean, decisions)[1]
    except BadPicture:
        return None


def mark_of(pixels: np.ndarray, ink: Ink, label: int) -> Mark:
    """Measure the ink of a picture, uint8 (H, W, 3); label: its class."""
    height, width = ink.mask.shape
    rows, columns = (np.flatnonzero(ink.mask.any(axis)) for axis in (1, 0))
    box, side = max(np.ptp(rows), np.ptp(columns)) + 1, max(height, width)
    return Mark(ink.pen / box, box / side, float(columns[0] + columns[-1]) / 2 / side - width / 2 / side,
                 float(rows[0] + rows[-1]) / 2 / side - height / 2 / side,
                 shape_of(ink.mask), label, hidden_in_grey(pixels, ink.mask))


def ink_facts(marks: Sequence[Mark]) -> InkFacts | None:
    """Sum up the marks of many pictures; None: there are none."""
    if not marks:
        return None
    pen, box, x, y = np.array([(m.pen, m.box, m.x, m.y) for m in marks]).T
    return InkFacts(float(np.median(pen)), float(np.median(box)), float(max(x.std(), y.std())),
                    float(box.std() / box.mean()),
                    match_rotations(np.stack([m.shape for m in marks]), np.array([m.label for m in marks])),
                    float(np.mean([m.hidden > _PART for m in marks])))
