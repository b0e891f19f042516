"""Make the SetDecisions: the polarity of a set's ink, the tone of its paper, the level ranges of deep pictures."""


import numpy as np

from tenfold.data.recipe import Recipe
from tenfold.preprocess.clean.polarity import CLEAR
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.survey.facts import Facts
from tenfold.preprocess.survey.ranges import common_ranges

SAMPLE = 64                  # pictures that are decoded before the first pass, to guess what the set will decide
MIXED = 0.1                  # share of the clear votes on the smaller side from which a set has both polarities
_SURE = 6.0                  # log-odds beyond which a vote weighs no more


def decide(recipe: Recipe, facts: Facts, labels: np.ndarray) -> SetDecisions:
    """Decide for a set by the facts of its n images, bad ones included: of a sample or of all of them.

    labels (n,): their classes.
    """
    polarity, paper = recipe.clean.polarity, -1
    decoded = facts.columns[facts.columns["tones"][:, 0] >= 0]           # only of recipes that look for ink
    if polarity == "auto":
        polarity = _polarity(facts.columns["dark_ink"], np.asarray(labels))
    if (decoded["tones"][:, 0] == decoded["tones"][:, 1]).any() and _are_cut_tight(decoded):
        voted = decoded[decoded["dark_ink"] != 0]
        light = voted["dark_ink"] > 0 if polarity == "each" else np.full(len(voted), polarity == "dark")
        grounds = np.where(light, voted["tones"][:, 1], voted["tones"][:, 0])
        paper = int(np.median(grounds)) if len(grounds) else -1
    return SetDecisions(polarity, paper, common_ranges(recipe, facts))


def _are_cut_tight(decoded: np.ndarray) -> bool:
    """Whether most pictures, rows of facts.COLUMNS, are cut to the bounding box of their ink; known once they are
    cleaned."""
    return bool(2 * (decoded["edges"] >= 3).sum() > len(decoded))


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


def evidence(odds: np.ndarray) -> float:
    """Return the log-odds that a set's ink is dark; no picture counts for more than `_SURE`."""
    return float(np.clip(odds, -_SURE, _SURE).sum())


def votes(facts: Facts) -> tuple[int, int]:
    """Count how many pictures look like dark ink on light, and like light ink on dark, clearly or not."""
    return int((facts.columns["dark_ink"] > 0).sum()), int((facts.columns["dark_ink"] < 0).sum())


def other_way(polarity: str, facts: Facts) -> np.ndarray:
    """Return the positions, int64 (n,), of the pictures that clearly look like the other polarity than the set's."""
    sign = {"dark": -1, "light": 1}.get(polarity, 0)
    return np.flatnonzero(sign * facts.columns["dark_ink"] > CLEAR)
