"""Check whether a build can go on after the survey: enough usable images, and the polarity that was declared."""

from collections.abc import Mapping

import numpy as np

from tenfold.data.errors import SourceFault
from tenfold.data.recipe import Recipe
from tenfold.data.sources.class_checks import no_usable_image
from tenfold.data.sources.opening import Source
from tenfold.preprocess.clean.polarity import CLEAR
from tenfold.preprocess.survey.decisions import evidence, other_way
from tenfold.preprocess.survey.facts import SourceFacts
from tenfold.preprocess.survey.ranges import range_notes
from tenfold.preprocess.survey.table import Survey

LOOKS = {"dark": "dark ink on light", "light": "light ink on dark"}
OTHER = {"dark": "light", "light": "dark"}
_ALL = 0.75                  # mean log-odds from which a set as a whole looks the other way


def check_usable(source: Source, survey: Survey, recipe: Recipe) -> None:
    """Raise SourceFault unless enough pictures can be used, and some of each class; it names an example."""
    because = "".join(f"; {line}" for line in range_notes(recipe, survey.facts, survey.decisions.ranges))
    bad = survey.set_aside
    counts = np.bincount([row.label for row in survey.sources], minlength=len(survey.classes))
    empty = []
    for label in np.flatnonzero(counts == 0).tolist():
        row = next((row for row in bad if row.label == label), None)
        empty.append(f"'{survey.classes[label]}'" + (f" ({row.path}: {row.reason})" if row else ""))
    if empty:
        raise no_usable_image(source, empty, "add images to it or remove the class" + because)
    if len(bad) > recipe.source.max_bad * len(survey.rows):
        raise SourceFault(
            source.root, f"{len(bad)} of {len(survey.rows)} images cannot be used, such as "
            f"{bad[0].path} ({bad[0].reason})",
            f"mend them, or allow more than a share of {recipe.source.max_bad} with --set source.max_bad=…{because}")


def polarity_fault(recipe: Recipe, source: Source, facts: Mapping[int, SourceFacts]) -> SourceFault | None:
    """Return what stops a build where too many pictures clearly look like the other polarity than the recipe declares.

    facts: by position in the listing, of all pictures or of a sample.
    """
    declared = recipe.clean.polarity
    if declared not in OTHER or recipe.source.max_opposite == 1:
        return None
    against = [row for row, known in facts.items() if other_way(declared, [known])]
    toward = evidence([known.dark_ink for known in facts.values()]) * (1 if declared == "dark" else -1)
    most = toward < -max(CLEAR, _ALL * len(facts))           # the set as a whole looks the other way
    if not most and len(_within_classes(against, facts, source)) <= recipe.source.max_opposite * len(facts):
        return None
    looks = [row for row, known in facts.items() if (known.dark_ink > 0) != (declared == "dark")] if most else against
    return SourceFault(
        source.root, f"{len(looks)} of {len(facts)} images look like {LOOKS[OTHER[declared]]}, such as "
        f"{source.paths[(against or looks)[0]]}, and the recipe says clean.polarity = '{declared}'",
        f"--set clean.polarity={OTHER[declared] if most else 'auto'}, or allow it with --set source.max_opposite=1")


def _within_classes(against: list[int], facts: Mapping[int, SourceFacts], source: Source) -> list[int]:
    """Those of `against` whose class has clear votes for the declared polarity too: a class that looks the other way
    as a whole may have a shape that fools the vote."""
    opposite = set(against)
    mixed = {source.labels[row] for row, known in facts.items() if abs(known.dark_ink) > CLEAR and row not in opposite}
    return [row for row in against if source.labels[row] in mixed]
