"""Decide for a whole set: the polarity of its ink, the tone of its paper, the level ranges of its deep pictures."""

import numpy as np

from tenfold.data.recipe import Recipe
from tenfold.preprocess.clean.polarity import CLEAR
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.survey.facts import Facts
from tenfold.preprocess.survey.ranges import common_ranges

SAMPLE = 64                  # pictures that are decoded before the first pass, to guess the decisions
MIXED = 0.1                  # a set has both polarities if the smaller side has more than this share of the clear votes
_SURE = 6.0                  # log-odds at which the vote of a single picture is capped


def decide(recipe: Recipe, facts: Facts, labels: np.ndarray) -> SetDecisions:
    """Decide for a set from the facts of n of its images, bad ones included: a sample or all of them.

    labels (n,): their classes.
    """
    polarity, paper = recipe.clean.polarity, -1
    decoded = facts.columns[facts.columns["tones"][:, 0] >= 0]           # only of recipes that look for ink
    if polarity == "auto":
        polarity = _polarity(facts.columns["dark_ink"], np.asarray(labels))
    if (decoded["tones"][:, 0] == decoded["tones"][:, 1]).any() and _are_cut_tight(decoded):
        voted = decoded[decoded["dark_ink"] != 0]
        light = voted["dark_ink"] > 0 if polarity == "each" else np.full(len(voted), polarity == "dark")
        paper_tones = np.where(light, voted["tones"][:, 1], voted["tones"][:, 0])
        paper = int(np.median(paper_tones)) if len(paper_tones) else -1
    return SetDecisions(polarity, paper, common_ranges(recipe, facts))


def _are_cut_tight(decoded: np.ndarray) -> bool:
    """Return whether most pictures, rows of facts.COLUMNS, are cropped to the bounding box of their ink.

    Only cleaned pictures have this fact.
    """
    return bool(2 * (decoded["edges"] >= 3).sum() > len(decoded))


def _polarity(odds: np.ndarray, labels: np.ndarray) -> str:
    """Return the set's polarity from the log-odds (n,) of its pictures; "each" if it has many of both polarities.

    The smaller side is counted within each class. In a set of mixed polarity, pictures differ within every class. A
    class in which all pictures vote against the other classes just has a shape that misleads the vote, such as "="
    cropped to its ink.
    """
    clear = np.sign(odds) * (np.abs(odds) > CLEAR)
    classes = [clear[labels == label] for label in np.unique(labels)]
    smaller_side = sum(min((votes > 0).sum(), (votes < 0).sum()) for votes in classes)
    if smaller_side > MIXED * np.abs(clear).sum():
        return "each"
    return "light" if set_log_odds(odds) < 0 else "dark"


def set_log_odds(odds: np.ndarray) -> float:
    """Return the log-odds that a set's ink is dark, from those of its pictures (n,), each capped at `_SURE`."""
    return float(np.clip(odds, -_SURE, _SURE).sum())


def votes(facts: Facts) -> tuple[int, int]:
    """Count the pictures that look like dark ink on light, and those that look like light ink on dark."""
    return int((facts.columns["dark_ink"] > 0).sum()), int((facts.columns["dark_ink"] < 0).sum())


def rows_of_opposite_polarity(polarity: str, facts: Facts) -> np.ndarray:
    """Return the rows, int64 (n,), of the pictures that clearly have the opposite of the set's `polarity`."""
    sign = {"dark": -1, "light": 1}.get(polarity, 0)
    return np.flatnonzero(sign * facts.columns["dark_ink"] > CLEAR)
