"""Choose the level range of deep pictures (more than 8 bits) for the whole set: the recipe's, or one that is found."""

from dataclasses import replace
from typing import Any

import numpy as np

from tenfold.data.recipe import Recipe
from tenfold.data.wording import counted
from tenfold.preprocess.decode import Levels, exceeds, usual_range
from tenfold.preprocess.survey.facts import Facts

_KEYS = {"unsigned": "levels", "signed": "levels_signed", "float": "levels_float"}       # of [source]
_FAINT = 64                  # a set is nearly black, or nearly even, if the levels of no picture span more, of 255
_MOST_FILES, _DARK = 0.9, 0.25       # a note is due if 90% of the pictures use less than a quarter of the range


def common_ranges(recipe: Recipe, facts: Facts) -> tuple:
    """Return (kind, lowest, highest) for each kind of number in deep pictures; the recipe's range comes first."""
    by_kind = _by_kind(facts)
    ranges = declared_ranges(recipe)
    return tuple((kind, *(ranges.get(kind) or usual_range(by_kind[kind]))) for kind in _KEYS if kind in by_kind)


def declared_ranges(recipe: Recipe) -> dict[str, tuple]:
    """Return {kind: (lowest, highest)} that the recipe's [source] names."""
    source = recipe.source
    ranges = {"unsigned": (0, source.levels), "signed": source.levels_signed, "float": source.levels_float}
    return {kind: (low, high) for kind, (low, high) in ranges.items() if low < high}


def with_ranges(recipe: Recipe, ranges: tuple) -> Recipe:
    """Return the recipe with these ranges written into it, so that later pictures are read in the same way."""
    carried: dict[str, Any] = {_KEYS[kind]: int(high) if kind == "unsigned" else (low, high)
                               for kind, low, high in ranges}
    return replace(recipe, source=replace(recipe.source, **carried))


def _by_kind(facts: Facts) -> dict[str, list[Levels]]:
    by_kind: dict[str, list[Levels]] = {}
    for levels in facts.levels.values():
        by_kind.setdefault(levels[0], []).append(Levels(*levels))
    return by_kind


def range_notes(recipe: Recipe, facts: Facts, ranges: tuple) -> list[str]:
    """Return a note for each kind of number that deep pictures hold."""
    found, declared = _by_kind(facts), declared_ranges(recipe)
    return [_range_note(kind, (low, high), found.get(kind, []), kind in declared)
            for kind, low, high in ranges]


def faintness(facts: Facts) -> tuple[str, str] | None:
    """Return (the fact, the cure) if all pictures are nearly even, such as masks of 0 and 1; else None."""
    most = int(facts.columns["contrast"].max(initial=0))
    if not 0 < most < _FAINT:
        return None
    return (f"all pictures are nearly even: the levels of none span more than {most} of 255",
            "if they hold few levels, such as 0 and 1, or 0 to 15, stretch these over 0..255")


def _range_note(kind: str, span: tuple, levels: list[Levels], declared: bool) -> str:
    """"deep pictures: 16 files of 16 bits hold levels from 3 to 251; taken as 8 bits (0..255) for the whole set"."""
    low, high = span
    depths = sorted({f.bits for f in levels})
    least, most = min(f.low for f in levels), max(f.high for f in levels)
    what = f"{'' if kind == 'unsigned' else f'{kind} '}{' and '.join(map(str, depths))} bits"
    depth = next((f"{b} bits ({low}..{high})" for b in range(1, 65) if kind != "float" and high - low == 2**b - 1),
                 f"{low:g}..{high:g}")
    line = f"deep pictures: {counted(len(levels), 'file')} of {what} hold levels from {least:g} to " \
           f"{most:g}; taken as {depth} for the whole set"
    beyond = sum(exceeds(f, low, high) for f in levels)
    line += f", as source.{_KEYS[kind]} says" if declared else ""
    line += f"; {beyond} of them hold{'s' if beyond == 1 else ''} more, which is cut off" if beyond else ""
    return line + ("" if declared else _dark_words(kind, high, [f.high for f in levels]))


def _dark_words(kind: str, high: float, highest: list[float]) -> str:
    """Warn if a few bright pictures set a range of which the others use little. highest: the level of each picture."""
    usual = float(np.quantile(highest, _MOST_FILES, method="lower"))
    if not 0 < usual < high * _DARK or usual >= max(highest):
        return ""
    few = sum(level > usual for level in highest)
    return (f"; but {len(highest) - few} of them hold no more than {usual:g} and come out dark: if the rest hold "
            f"faults, set source.{_KEYS[kind]}")
