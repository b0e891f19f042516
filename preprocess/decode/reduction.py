"""Decide how much smaller than stored a photograph may be decoded.

A JPEG decoder gives a half, a quarter or an eighth of a picture's size for a part of the work, since it leaves out the
fine coefficients that would be averaged away. A recipe that cleans a page looks at its single pixels and gets them all.
"""

from collections.abc import Callable

from tenfold.data.recipe import Recipe
from tenfold.preprocess.draw.geometry import largest_scale

FINER = 1.5                  # the decoded picture is so many times finer than its largest copy, at least. Levels of
                             # grey that copies of sharp lines on noise then differ by from those of the full
                             # picture, mean and most: 1.4 times 0.6 and 8, 1.7 times 0.5 and 16, 2.8 times 0.5 and 6;
                             # 0.9 times would be 0.9 and 27
Reduction = Callable[[int, int], int]


def reduction_of(recipe: Recipe) -> Reduction | None:
    """Return a function of a picture's height and width: 1, 2, 4 or 8, how many times smaller its copies allow it to
    be decoded. None: the recipe cleans, so never."""
    if recipe.clean.has_steps:
        return None
    return lambda height, width: next(times for times in (8, 4, 2, 1) if times == 1 or (
        times * FINER * largest_scale((height, width), recipe.draw) <= 1))
