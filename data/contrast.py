"""Compare the contrast of pictures, brightest level less darkest, with that of a model's training images."""

from collections.abc import Mapping, Sequence
from typing import Any

from tenfold.data.recipe import Recipe

_TIMES = 4                   # pictures differ if their contrast is so many times higher or lower than in training
_FULL = 64                   # training images of less contrast, such as 0 and 1, are the ones to be changed


def trained_contrast(facts: Mapping[str, Any], recipe: Recipe) -> list[int] | None:
    """Return the contrast [from, to] of most of a model's training images, out of its checkpoint.

    None: an older file does not say it, or the recipe cuts out ink, whose levels it stretches.
    """
    return None if recipe.clean.threshold or recipe.clean.roi else facts.get("contrast")


def is_other_contrast(contrast: Sequence[int], trained: Sequence[int] | None) -> bool:
    """Return whether pictures of the contrast [from, to] clearly differ from the training images; False if unknown."""
    return trained is not None and (contrast[0] > _TIMES * trained[1] or _TIMES * contrast[1] < trained[0])


def contrast_note(pictures: str, contrast: Sequence[int], trained: Sequence[int]) -> str:
    """Return the note about pictures of the contrast [from, to]. pictures: in words, such as "3 pictures"."""
    cure = "train it on images that are stretched over 0..255" if trained[1] < _FULL else "stretch them over 0..255"
    return (f"note: the levels of {pictures} span {_span(contrast)}, and those of the images that this model was "
            f"trained on {_span(trained)}: what it says of them may mean little; {cure}")


def _span(contrast: Sequence[int]) -> str:
    least, most = contrast
    return f"{least} of 255" if least == most else f"{least} to {most} of 255"
