"""What a survey has to say to people, a line each: what was decided over the set, and what does not fit the recipe."""

from data.errors import SourceFault
from data.recipe import Recipe
from data.source import Source
from preprocess.decide import other_way, votes
from preprocess.ground import TWO_TONE
from preprocess.ranges import range_notes
from preprocess.scratch import Facts
from preprocess.survey import Survey

MOST = 0.5                   # share of the pictures from which a fact is the set's, not a picture's
_LOOKS = {"dark": "dark ink on light", "light": "light ink on dark"}
_OTHER = {"dark": "light", "light": "dark"}


def notes(recipe: Recipe, source: Source, seen: Survey) -> list[str]:
    """What was decided over the set, guessed or left out."""
    several = sum(row.several for row in seen.facts)
    lines = [f"{several} file{'s' * (several != 1)} hold{'s' * (several == 1)} several pages or frames; "
             "the first that is not empty is used"] if several else []
    lines += range_notes(recipe, seen.facts, seen.common.ranges)
    return lines + _polarity_notes(recipe, source, seen) + _fit_notes(recipe, seen)


def check_polarity(recipe: Recipe, source: Source, facts: dict[int, Facts]) -> None:
    """SourceFault where too many pictures clearly look like the other polarity than the recipe declares.
    facts: by position in the source, of all pictures or of a sample."""
    declared = recipe.clean.polarity
    against = [row for row, known in facts.items() if other_way(declared, [known])]
    if len(against) < 3 or len(against) <= recipe.source.max_opposite * len(facts):
        return
    raise SourceFault(
        source.root, f"{len(against)} of {len(facts)} images look like {_LOOKS[_OTHER[declared]]}, such as "
        f"{source.paths[against[0]]}, and the recipe says clean.polarity = '{declared}'",
        f"--set clean.polarity={_OTHER[declared] if len(against) > MOST * len(facts) else 'auto'}, or allow it "
        "with --set source.max_opposite=1")


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
                     f"{_LOOKS[_OTHER[decided]]}, such as {source.paths[against[0]]} (named among the suspects)")
    return lines


def _fit_notes(recipe: Recipe, seen: Survey) -> list[str]:
    """Whether the recipe's steps are meant for other pictures than these."""
    looked_at = [row.two_tone for row in seen.facts if row.two_tone >= 0 and not row.fault]
    if not looked_at:
        return []
    inked = sum(share > TWO_TONE for share in looked_at)
    lines = []
    if (recipe.clean.roi or recipe.clean.threshold) and len(looked_at) - inked > MOST * len(looked_at):
        lines.append(f"{len(looked_at) - inked} of {len(looked_at)} images looked at are no ink on a plain ground, and "
                     "this recipe cuts out ink; recipes/photos.toml is for photographs")
    harm = [words for words, on in (("crops", recipe.draw.fit == "cover"),
                                    ("mirrors", recipe.draw.flip or recipe.augment.flip)) if on]
    if harm and inked > 0.8 * len(looked_at):
        lines.append(f"{inked} of {len(looked_at)} images looked at are ink on a plain ground, and this recipe "
                     f"{' and '.join(harm)} them; recipes/letters.toml is for ink on paper")
    cut = [row for row in seen.facts if row.edges >= 3]
    if len(cut) > MOST * len(looked_at):
        lines.append(f"the ink of {len(cut):,} images reaches three or four edges: they are cut to it")
    return lines
