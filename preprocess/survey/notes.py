"""Write notes on a survey for people: what was decided for the whole set, and what does not fit the recipe."""

from tenfold.data.recipe import Recipe
from tenfold.data.wording import counted, several_frames
from tenfold.preprocess.clean.ground import TWO_TONE
from tenfold.preprocess.survey.checks import IN_WORDS, OPPOSITE
from tenfold.preprocess.survey.decisions import rows_of_opposite_polarity, votes
from tenfold.preprocess.survey.facts import Facts
from tenfold.preprocess.survey.ranges import faintness, range_notes
from tenfold.preprocess.survey.table import Survey

HINTS = "recipes/photos.toml is for photographs", "recipes/letters.toml is for ink on paper"      # ends of notes
MOST = 0.5                   # a fact that holds for more than this share of the pictures is a fact of the set


def survey_notes(recipe: Recipe, survey: Survey, plain: bool) -> list[str]:
    """Return the notes, one per line. plain: the images are prepared for scoring, so hints on recipes are left out."""
    facts = survey.facts
    lines = several_frames(int(facts.columns["several"].sum()))
    lines += range_notes(recipe, facts, survey.decisions.ranges)
    lines += ["; ".join(faint)] if (faint := faintness(facts)) else []
    lines += _polarity_notes(recipe, survey, facts) + _cropped_notes(facts)
    return lines if plain else lines + _recipe_hints(recipe, facts)


def _polarity_notes(recipe: Recipe, survey: Survey, facts: Facts) -> list[str]:
    decided, declared = survey.decisions.polarity, recipe.clean.polarity
    if declared == "keep":
        return []
    dark, light = votes(facts)
    if decided == "each":
        return [f"polarity: {dark:,} images look like dark ink on light, {light:,} like light ink on dark; "
                "each is taken as it looks"]
    lines = []
    if declared == "auto":
        lines.append(f"polarity: {IN_WORDS[decided]}, as {dark if decided == 'dark' else light:,} of {dark + light:,} "
                     "images look; decided for the whole set")
    opposite = rows_of_opposite_polarity(decided, facts)
    if len(opposite):
        named = " (`tenfold report` names them)" if len(opposite) <= MOST * len(facts) else ""
        lines.append(f"{counted(len(opposite), 'image')} clearly look{'s' if len(opposite) == 1 else ''} like "
                     f"{IN_WORDS[OPPOSITE[decided]]}, such as {survey.source.paths[opposite[0]]}{named}")
    return lines


def _cropped_notes(facts: Facts) -> list[str]:
    cropped = int((facts.columns["edges"] >= 3).sum())
    return [f"{cropped:,} of {len(facts):,} images are cropped so tightly that the ink touches three or four edges"] \
        if cropped > MOST * len(facts) else []


def _recipe_hints(recipe: Recipe, facts: Facts) -> list[str]:
    """Name another recipe if this one's steps do not suit the pictures: ink cut out of photographs, or the reverse."""
    lines = []
    shares = facts.columns["two_tone"][(facts.columns["two_tone"] >= 0) & ~facts.columns["bad"]]
    inked = int((shares > TWO_TONE).sum())
    if (recipe.clean.roi or recipe.clean.threshold) and len(shares) - inked > MOST * len(shares):
        lines.append(f"{len(shares) - inked} of {len(shares)} images looked at are no ink on a plain ground, and "
                     f"this recipe cuts out ink; {HINTS[0]}")
    harm = [words for words, on in (("crops", recipe.draw.fit == "cover"),
                                    ("mirrors", recipe.draw.flip or recipe.augment.flip)) if on]
    if harm and inked > 0.8 * len(shares):
        lines.append(f"{inked} of {len(shares)} images looked at are ink on a plain ground, and this recipe "
                     f"{' and '.join(harm)} them; {HINTS[1]}")
    return lines
