"""Check that the keys of a recipe fit each other; each check raises RecipeFault."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

from tenfold.data.errors import RecipeFault

if TYPE_CHECKING:
    from tenfold.data.recipe import Recipe
    from tenfold.data.tables import Augment, Model, Source, Split, Train

_BOUNDS = (("draw", "scale"), ("draw", "contrast"), ("augment", "scale"), ("augment", "blur_sigma"),
           ("augment", "erase_area"))            # keys that are [lower, upper]
_LEAST_SPECKS = 0.05


def check_recipe(recipe: Recipe, where: str) -> None:
    """Check a whole recipe. where: its file, as messages shall name it."""
    _check_name_and_seed(recipe, where)
    for table, key in _BOUNDS:
        low, high = getattr(getattr(recipe, table), key)
        if low > high:
            raise RecipeFault(f"{where} [{table}] {key}", f"is [{low}, {high}]", "the lower bound comes first")
    _check_source(recipe.source, f"{where} [source]")
    _check_split(recipe.split, f"{where} [split]")
    _check_ink(recipe, f"{where} [clean]")
    _check_schedule(recipe.train, f"{where} [train]")
    _check_mixing(recipe.augment, f"{where} [augment]")
    _check_arguments(recipe.model, f"{where} [model]")


def is_name(name: str) -> bool:
    """Return whether a recipe, and so its folders of shards and runs, can have this name."""
    return bool(re.fullmatch(r"[^/\\\0]{1,200}", name)) and not name.startswith(".")


def _check_name_and_seed(recipe: Recipe, where: str) -> None:
    if type(recipe.seed) is not int or not 0 <= recipe.seed < 2**63:
        raise RecipeFault(f"{where} seed", f"is {recipe.seed!r}", "give a whole number from 0")
    if not isinstance(recipe.name, str) or not is_name(recipe.name):
        raise RecipeFault(f"{where} name", f"is {recipe.name!r}", "give a name fit for a folder")


def _check_source(source: Source, where: str) -> None:
    if source.labels:
        from tenfold.data.sources.labelled import check_labels  # imports numpy, which --help does not need
        check_labels(source.labels, f"{where} labels")
    for key in ("levels_signed", "levels_float"):
        low, high = getattr(source, key)
        if low >= high and (low, high) != (0, 0):
            raise RecipeFault(f"{where} {key}", f"is [{low}, {high}]", "the lowest level comes first")


def _check_split(split: Split, where: str) -> None:
    for key in ("val", "test"):
        value = getattr(split, key)
        if isinstance(value, float) and value >= 1:
            raise RecipeFault(f"{where} {key}", f"is {value}",
                              "give a fraction below 1, or a whole number of images a class")
    if split.folds == 1 or (split.fold and split.fold >= split.folds):
        raise RecipeFault(f"{where} folds", f"is {split.folds} with fold {split.fold}",
                          "give folds of 2 or more, and a fold from 0 to folds - 1")
    from tenfold.data.splits.groups import check_groups  # imports numpy, which --help does not need
    check_groups(split.groups, f"{where} groups")


def _check_ink(recipe: Recipe, where: str) -> None:
    for key, used in (("roi", recipe.clean.roi), ("threshold", recipe.clean.threshold),
                      ("broaden", recipe.draw.broaden)):
        if used and recipe.clean.polarity == "keep":
            raise RecipeFault(f"{where} polarity", f"is 'keep', but {key} must know what is ink",
                              "give 'auto', 'dark' (ink on light paper) or 'light'")
    if 0 < recipe.clean.specks < _LEAST_SPECKS:
        raise RecipeFault(f"{where} specks", f"is {recipe.clean.specks}, once a share of the picture",
                          "it is a share of the pen's width now: give 0.5, or 0 to keep every spot")


def _check_schedule(train: Train, where: str) -> None:
    shares = [share for share, _ in train.steps]
    if shares != sorted(shares) or not all(0 <= share <= 1 and 0 <= factor < math.inf for share, factor in train.steps):
        raise RecipeFault(f"{where} steps", f"is {[list(pair) for pair in train.steps]}",
                          "give [share of the run, factor] pairs in order, such as [[0.5, 0.1], [0.75, 0.1]]")
    if train.patience and train.keep == "last":
        raise RecipeFault(f"{where} keep", 'is "last", and patience ends the run after the best epoch',
                          'give keep = "best" or patience = 0')


def _check_mixing(augment: Augment, where: str) -> None:
    if augment.cutmix + augment.mixup > 1:
        raise RecipeFault(f"{where} cutmix", f"and mixup have probabilities of {augment.cutmix} and {augment.mixup}, "
                          "and an image takes one of them", "let their sum be 1 at most")


def _check_arguments(model: Model, where: str) -> None:
    try:
        json.dumps(model.args, allow_nan=False)
    except (ValueError, TypeError) as error:
        raise RecipeFault(where, f"holds a value that no network takes ({error})",
                          "give finite numbers, strings, true or false, or lists of them") from None
