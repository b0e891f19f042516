"""What a survey has to say to people, a line each: what was decided over the set, and what does not fit the recipe."""

from tenfold.data.errors import SourceFault
from tenfold.data.recipe import Recipe
from tenfold.data.sources.opening import Source
from tenfold.preprocess.clean.cache import Facts
from tenfold.preprocess.clean.ground import TWO_TONE
from tenfold.preprocess.clean.polarity import CLEAR
from tenfold.preprocess.survey.decisions import evidence, other_way, votes
from tenfold.preprocess.survey.ranges import range_notes
from tenfold.preprocess.survey.survey import Survey

MOST = 0.5                   # share of the pictures from which a fact is the set's, not a picture's
_ALL = 0.75                  # mean log-odds from which a set as a whole looks the other way
_LOOKS = {"dark": "dark ink on light", "light": "light ink on dark"}
_OTHER = {"dark": "light", "light": "dark"}


def notes(recipe: Recipe, source: Source, seen: Survey) -> list[str]:
    """What was decided over the set, guessed or left out."""
    several = sum(row.several for row in seen.facts)
    lines = [f"{several} file{'s' * (several != 1)} hold{'s' * (several == 1)} several pages or frames; "
             "the first that is not empty is used"] if several else []
    lines += range_notes(recipe, seen.facts, seen.common.ranges)
    return lines + _polarity_notes(recipe, source, seen) + _fit_notes(recipe, seen)


def polarity_fault(recipe: Recipe, source: Source, facts: dict[int, Facts]) -> SourceFault | None:
    """What stops a build: too many pictures clearly look like the other polarity than the recipe declares.
    facts: by position in the source, of all pictures or of a sample."""
    declared = recipe.clean.polarity
    if declared not in _OTHER or recipe.source.max_opposite == 1:
        return None
    against = [row for row, known in facts.items() if other_way(declared, [known])]
    toward = evidence([known.dark_ink for known in facts.values()]) * (1 if declared == "dark" else -1)
    most = toward < -max(CLEAR, _ALL * len(facts))           # the set as a whole looks the other way
    if not most and len(_within_classes(against, facts, source)) <= recipe.source.max_opposite * len(facts):
        return None
    looks = [row for row, known in facts.items() if (known.dark_ink > 0) != (declared == "dark")] if most else against
    return SourceFault(
        source.root, f"{len(looks)} of {len(facts)} images look like {_LOOKS[_OTHER[declared]]}, such as "
        f"{source.paths[(against or looks)[0]]}, and the recipe says clean.polarity = '{declared}'",
        f"--set clean.polarity={_OTHER[declared] if most else 'auto'}, or allow it with --set source.max_opposite=1")


def _within_classes(against: list[int], facts, source: Source) -> list[int]:
    """Those of `against` whose class has clear votes for the declared polarity too: a class that looks the other way
    as a whole may have a shape that fools the vote."""
    opposite = set(against)
    torn = {source.labels[row] for row, known in facts.items() if abs(known.dark_ink) > CLEAR and row not in opposite}
    return [row for row in against if source.labels[row] in torn]


def _polarity_notes(recipe: Recipe, source: Source, seen: Survey) -> list[str]:
    decided, asked = seen.common.polarity, recipe.clean.polarity
    if asked == "keep":
        return []
    dark, light = votes(seen.facts)
    if decided == "each":
        return [f"polarity: {dark:,} images look like dark ink on light, {light:,} like light ink on dark; "
                "each is taken as it looks"]
    lines = []
    if asked == "auto":
        lines.append(f"polarity: {_LOOKS[decided]}, as {dark if decided == 'dark' else light:,} of {dark + light:,} "
                     "images look; decided for the whole set")
    against = other_way(decided, seen.facts)
    if against:
        lines.append(f"{len(against)} image{'s' * (len(against) > 1)} clearly look{'s' * (len(against) == 1)} like "
                     f"{_LOOKS[_OTHER[decided]]}, such as {source.paths[against[0]]}"
                     + " (named among the suspects)" * (len(against) <= MOST * len(seen.facts)))
    return lines


def _fit_notes(recipe: Recipe, seen: Survey) -> list[str]:
    """Whether the recipe's steps are meant for other pictures than these."""
    cut = sum(row.edges >= 3 for row in seen.facts)
    lines = [f"{cut:,} of {len(seen.facts):,} images are cropped so tightly that the ink touches three or four edges"] \
        if cut > MOST * len(seen.facts) else []
    looked_at = [row.two_tone for row in seen.facts if row.two_tone >= 0 and not row.fault]
    inked = sum(share > TWO_TONE for share in looked_at)
    if (recipe.clean.roi or recipe.clean.threshold) and len(looked_at) - inked > MOST * len(looked_at):
        lines.append(f"{len(looked_at) - inked} of {len(looked_at)} images looked at are no ink on a plain ground, and "
                     "this recipe cuts out ink; recipes/photos.toml is for photographs")
    harm = [words for words, on in (("crops", recipe.draw.fit == "cover"),
                                    ("mirrors", recipe.draw.flip or recipe.augment.flip)) if on]
    if harm and inked > 0.8 * len(looked_at):
        lines.append(f"{inked} of {len(looked_at)} images looked at are ink on a plain ground, and this recipe "
                     f"{' and '.join(harm)} them; recipes/letters.toml is for ink on paper")
    return lines
