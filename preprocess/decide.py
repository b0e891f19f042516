"""What only the whole set can decide, and every picture of it then follows: the polarity of the ink."""

from dataclasses import dataclass

from data.recipe import Recipe

SAMPLE = 64                  # pictures looked at before the first pass, to foresee what the set will decide


@dataclass(frozen=True)
class Common:
    """Decisions that hold for every picture of a set."""
    polarity: str            # "keep", "dark" or "light"; "each": by each picture's own vote


def decide(recipe: Recipe, facts) -> Common:
    """facts: rows of preprocess.scratch.Facts, bad pictures among them, of a sample or of the whole set."""
    polarity = recipe.clean.polarity
    return Common(polarity="each" if polarity == "auto" else polarity)


def asks_the_set(recipe: Recipe) -> bool:
    """Whether anything is left to be decided by the pictures."""
    return recipe.clean.polarity == "auto"
