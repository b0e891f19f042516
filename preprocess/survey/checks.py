"""Check whether a build can go on after the survey: enough usable images, and the polarity that was declared."""

import numpy as np

from tenfold.data.errors import SourceFault
from tenfold.data.recipe import Recipe
from tenfold.data.sources.class_checks import no_usable_image
from tenfold.data.sources.opening import Source
from tenfold.preprocess.clean.polarity import CLEAR
from tenfold.preprocess.survey.decisions import evidence, other_way
from tenfold.preprocess.survey.facts import Facts
from tenfold.preprocess.survey.ranges import range_notes
from tenfold.preprocess.survey.table import Survey

LOOKS = {"dark": "dark ink on light", "light": "light ink on dark"}
OTHER = {"dark": "light", "light": "dark"}
_ALL = 0.75                  # mean log-odds from which a set as a whole looks the other way


def check_usable(source: Source, survey: Survey, recipe: Recipe) -> None:
    """Raise SourceFault unless enough pictures can be used, and some of each class; it names an example."""
    because = "".join(f"; {line}" for line in range_notes(recipe, survey.facts, survey.decisions.ranges))
    bad = survey.set_aside
    counts = np.bincount(survey.labels, minlength=len(survey.classes))
    empty = []
    for label in np.flatnonzero(counts == 0).tolist():
        row = next((row for row in bad if row.label == label), None)
        empty.append(f"'{survey.classes[label]}'" + (f" ({row.path}: {row.reason})" if row else ""))
    if empty:
        raise no_usable_image(source, empty, "add images to it or remove the class" + because)
    if len(bad) > recipe.source.max_bad * len(survey.facts):
        raise SourceFault(
            source.root, f"{len(bad)} of {len(survey.facts)} images cannot be used, such as "
            f"{bad[0].path} ({bad[0].reason})",
            f"mend them, or raise the share that is allowed, source.max_bad = {recipe.source.max_bad}{because}")


def polarity_fault(recipe: Recipe, source: Source, facts: Facts, rows: np.ndarray) -> SourceFault | None:
    """Return what stops a build where too many pictures clearly look like the other polarity than the recipe declares.

    facts: of all pictures or of a sample; rows (n,): their positions in the listing.
    """
    declared = recipe.clean.polarity
    if declared not in OTHER or recipe.source.max_opposite == 1:
        return None
    against, odds = other_way(declared, facts), facts.columns["dark_ink"]
    toward = evidence(odds) * (1 if declared == "dark" else -1)
    most = toward < -max(CLEAR, _ALL * len(facts))           # the set as a whole looks the other way
    if not most and _within_classes(against, odds, source.labels[rows]) <= recipe.source.max_opposite * len(facts):
        return None
    looks = np.flatnonzero((odds > 0) != (declared == "dark")) if most else against
    example = source.paths[rows[(against if len(against) else looks)[0]]]
    return SourceFault(
        source.root, f"{len(looks)} of {len(facts)} images look like {LOOKS[OTHER[declared]]}, such as "
        f"{example}, and the recipe says clean.polarity = '{declared}'",
        f"--set clean.polarity={OTHER[declared] if most else 'auto'}, or allow it with --set source.max_opposite=1")


def _within_classes(against: np.ndarray, odds: np.ndarray, labels: np.ndarray) -> int:
    """How many of `against` are of a class that has clear votes for the declared polarity too: a class that looks the
    other way as a whole may have a shape that fools the vote."""
    clear = np.abs(odds) > CLEAR
    clear[against] = False
    return int(np.isin(labels[against], labels[clear]).sum())
