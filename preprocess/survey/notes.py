"""Notes on a survey for people, one per line: what was decided over the set, and what does not fit the recipe."""

from tenfold.data.recipe import Recipe
from tenfold.data.wording import several_frames
from tenfold.preprocess.clean.ground import TWO_TONE
from tenfold.preprocess.survey.checks import LOOKS, OTHER
from tenfold.preprocess.survey.decisions import other_way, votes
from tenfold.preprocess.survey.facts import Facts
from tenfold.preprocess.survey.ranges import range_notes
from tenfold.preprocess.survey.table import Survey

MOST = 0.5                   # share of the pictures from which a fact is the set's, not a picture's


def survey_notes(recipe: Recipe, survey: Survey, plain: bool = False) -> list[str]:
    """Return what was decided over the set, guessed or left out; plain: for scoring, so without hints on recipes."""
    facts = survey.facts
    lines = several_frames(int(facts.columns["several"].sum()))
    lines += range_notes(recipe, facts, survey.decisions.ranges)
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
        lines.append(f"polarity: {LOOKS[decided]}, as {dark if decided == 'dark' else light:,} of {dark + light:,} "
                     "images look; decided for the whole set")
    against = other_way(decided, facts)
    if len(against):
        lines.append(f"{len(against)} image{'s' * (len(against) > 1)} clearly look{'s' * (len(against) == 1)} like "
                     f"{LOOKS[OTHER[decided]]}, such as {survey.source.paths[against[0]]}"
                     + " (named among the suspects)" * (len(against) <= MOST * len(facts)))
    return lines


def _cropped_notes(facts: Facts) -> list[str]:
    cropped = int((facts.columns["edges"] >= 3).sum())
    return [f"{cropped:,} of {len(facts):,} images are cropped so tightly that the ink touches three or four edges"] \
        if cropped > MOST * len(facts) else []


def _recipe_hints(recipe: Recipe, facts: Facts) -> list[str]:
    """Whether the recipe's steps are meant for other pictures than these."""
    lines = []
    shares = facts.columns["two_tone"][(facts.columns["two_tone"] >= 0) & ~facts.columns["bad"]]
    inked = int((shares > TWO_TONE).sum())
    if (recipe.clean.roi or recipe.clean.threshold) and len(shares) - inked > MOST * len(shares):
        lines.append(f"{len(shares) - inked} of {len(shares)} images looked at are no ink on a plain ground, and "
                     "this recipe cuts out ink; recipes/photos.toml is for photographs")
    harm = [words for words, on in (("crops", recipe.draw.fit == "cover"),
                                    ("mirrors", recipe.draw.flip or recipe.augment.flip)) if on]
    if harm and inked > 0.8 * len(shares):
        lines.append(f"{inked} of {len(shares)} images looked at are ink on a plain ground, and this recipe "
                     f"{' and '.join(harm)} them; recipes/letters.toml is for ink on paper")
    return lines
