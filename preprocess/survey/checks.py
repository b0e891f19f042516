"""Check after the survey whether a build can go on: enough usable images, and the polarity that the recipe declares."""

import numpy as np

from tenfold.data.errors import SourceFault
from tenfold.data.recipe import Recipe
from tenfold.data.sources.class_checks import no_usable_image
from tenfold.data.sources.opening import Source
from tenfold.data.wording import counted
from tenfold.preprocess.clean.polarity import CLEAR
from tenfold.preprocess.survey.decisions import rows_of_opposite_polarity, set_log_odds
from tenfold.preprocess.survey.facts import Facts
from tenfold.preprocess.survey.ranges import faintness, range_notes
from tenfold.preprocess.survey.table import Survey

IN_WORDS = {"dark": "dark ink on light", "light": "light ink on dark"}
OPPOSITE = {"dark": "light", "light": "dark"}
_WHOLE_SET = 0.75            # mean log-odds from which the set as a whole has the opposite polarity


def check_usable(source: Source, survey: Survey, recipe: Recipe, plain: bool) -> None:
    """Raise SourceFault if too few pictures can be used, or none of a class; the message names an example.

    plain: the pictures are to be scored, and a class may have none if another has.
    """
    because = "".join(f"; {line}" for line in range_notes(recipe, survey.facts, survey.decisions.ranges))
    bad = survey.set_aside
    counts = np.bincount(survey.labels, minlength=len(survey.classes))
    empty = []
    for label in np.flatnonzero(counts == 0).tolist():
        row = next((row for row in bad if row.label == label), None)
        empty.append(f"'{survey.classes[label]}'" + (f" ({row.path}: {row.reason})" if row else ""))
    if empty and not because and (faint := faintness(survey.facts)):
        raise SourceFault(source.root, f"{counted(len(bad), 'image')} cannot be used, such as {bad[0].path} "
                          f"({bad[0].reason}): {faint[0]}", faint[1])
    if empty and not (plain and counts.any()):
        raise no_usable_image(source, empty, "add images to it or remove the class" + because)
    if len(bad) > recipe.source.max_bad * len(survey.facts):
        raise SourceFault(
            source.root, f"{len(bad)} of {len(survey.facts)} images cannot be used, such as "
            f"{bad[0].path} ({bad[0].reason})",
            f"mend them, or raise the share that is allowed, source.max_bad = {recipe.source.max_bad}{because}")


def polarity_fault(recipe: Recipe, source: Source, facts: Facts, rows: np.ndarray) -> SourceFault | None:
    """Return the fault if too many pictures clearly have the opposite of the recipe's polarity; None: they have not.

    facts: of all pictures or of a sample. rows (n,): the positions of these pictures in the listing.
    """
    declared = recipe.clean.polarity
    if declared not in OPPOSITE or recipe.source.max_opposite == 1:
        return None
    opposite, odds = rows_of_opposite_polarity(declared, facts), facts.columns["dark_ink"]
    support = set_log_odds(odds) * (1 if declared == "dark" else -1)
    whole_set = support < -max(CLEAR, _WHOLE_SET * len(facts))
    allowed = recipe.source.max_opposite * len(facts)
    if not whole_set and _count_in_mixed_classes(opposite, odds, source.labels[rows]) <= allowed:
        return None
    found = np.flatnonzero((odds > 0) != (declared == "dark")) if whole_set else opposite
    example = source.paths[rows[(opposite if len(opposite) else found)[0]]]
    return SourceFault(
        source.root, f"{len(found)} of {len(facts)} images look like {IN_WORDS[OPPOSITE[declared]]}, such as "
        f"{example}, and the recipe says clean.polarity = '{declared}'",
        f"--set clean.polarity={OPPOSITE[declared] if whole_set else 'auto'}, or allow it with "
        "--set source.max_opposite=1")


def _count_in_mixed_classes(opposite: np.ndarray, odds: np.ndarray, labels: np.ndarray) -> int:
    """Count those rows of `opposite` whose class also has clear votes for the declared polarity.

    A class in which all pictures vote for the opposite may just have a shape that misleads the vote.
    """
    clear = np.abs(odds) > CLEAR
    clear[opposite] = False
    return int(np.isin(labels[opposite], labels[clear]).sum())
