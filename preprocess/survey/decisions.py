"""Make the SetDecisions: the polarity of a set's ink, the tone of its paper, the level ranges of deep pictures."""

from collections.abc import Iterable, Sequence

import numpy as np

from tenfold.data.recipe import Recipe
from tenfold.preprocess.clean.polarity import CLEAR
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.survey.facts import SourceFacts
from tenfold.preprocess.survey.ranges import common_ranges

SAMPLE = 64                  # pictures that are decoded before the first pass, to guess what the set will decide
MIXED = 0.1                  # share of the clear votes on the smaller side from which a set has both polarities
_SURE = 6.0                  # log-odds beyond which a vote weighs no more


def decide(recipe: Recipe, facts: Iterable[SourceFacts], labels: np.ndarray) -> SetDecisions:
    """Decide for a set by the facts of its n images, bad ones included: of a sample or of all of them.

    labels (n,): their classes.
    """
    polarity, paper = recipe.clean.polarity, -1
    facts = list(facts)
    decoded = [row for row in facts if row.tones]            # only of recipes that look for ink
    if polarity == "auto":
        polarity = _polarity(np.array([row.dark_ink for row in facts]), np.asarray(labels))
    if any(row.tones[0] == row.tones[1] for row in decoded) and _are_cut_tight(decoded):
        grounds = [row.tones[(row.dark_ink > 0) if polarity == "each" else (polarity == "dark")]
                   for row in decoded if row.dark_ink]
        paper = int(np.median(grounds)) if grounds else -1
    return SetDecisions(polarity, paper, common_ranges(recipe, facts))


def _are_cut_tight(decoded: list[SourceFacts]) -> bool:
    """Whether most pictures are cut to the bounding box of their ink; known once they are cleaned."""
    return 2 * sum(row.edges >= 3 for row in decoded) > len(decoded)


def looks_for_ink(recipe: Recipe) -> bool:
    """Whether the recipe takes its pictures for ink, so that polarity and paper are to be decided."""
    return recipe.clean.polarity != "keep"


def _polarity(odds: np.ndarray, labels: np.ndarray) -> str:
    """The set's polarity by the log-odds (n,) of its pictures; "each" where both are there in numbers.

    That is judged within classes: a whole class that votes the other way than the others has a shape that fools
    the vote (=, cut to its ink), while pictures that are taken as they come differ in every class.
    """
    clear = np.sign(odds) * (np.abs(odds) > CLEAR)
    classes = [clear[labels == label] for label in np.unique(labels)]
    both = sum(min((votes > 0).sum(), (votes < 0).sum()) for votes in classes)
    if both > MIXED * np.abs(clear).sum():
        return "each"
    return "light" if evidence(odds) < 0 else "dark"


def evidence(odds: np.ndarray | list[float]) -> float:
    """Return the log-odds that a set's ink is dark; no picture counts for more than `_SURE`."""
    return float(np.clip(odds, -_SURE, _SURE).sum())


def votes(facts: Sequence[SourceFacts]) -> tuple[int, int]:
    """Count how many pictures look like dark ink on light, and like light ink on dark, clearly or not."""
    return sum(row.dark_ink > 0 for row in facts), sum(row.dark_ink < 0 for row in facts)


def other_way(polarity: str, facts: Sequence[SourceFacts]) -> list[int]:
    """Return the positions of the pictures that clearly look like the other polarity than the set's."""
    sign = {"dark": -1, "light": 1}.get(polarity, 0)
    return [i for i, row in enumerate(facts) if sign * row.dark_ink > CLEAR]
