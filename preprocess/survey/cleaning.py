"""Clean the source images of one block in a worker process, into the clean cache."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.recipe import Recipe
from tenfold.preprocess.clean.ground import two_tone
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.clean.steps import clean
from tenfold.preprocess.decode import BadPicture
from tenfold.preprocess.draw.pyramid import Picture, build_pyramid
from tenfold.preprocess.survey.clean_cache import read_facts, write_block
from tenfold.preprocess.survey.facts import Facts, SourceFacts, examine_source


@dataclass(frozen=True)
class Cleaning:
    """The settings by which all source images of a set are read and cleaned, and the folder of the cache."""
    cache: Path              # folder of the clean cache
    key: str                 # digest of what the cleaned pictures depend on
    reader: Any              # reads the pictures: data.sources.FolderReader, Arrays or Members
    recipe: Recipe
    decisions: SetDecisions


@dataclass(frozen=True)
class CleanTask:
    """A run of source images whose cleaned pictures make one block: all that a worker process needs."""
    cleaning: Cleaning
    block: int
    first: int               # position of its first source in the listing
    paths: list[str]
    every: int = 1           # one in so many pictures is asked whether it is ink or a photograph


def clean_block(task: CleanTask) -> Facts:
    """Decode and clean the sources of a block; read their facts from disk if that was done under the same key."""
    cleaning = task.cleaning
    known = read_facts(cleaning.cache, task.block, cleaning.key)
    if known:
        return known
    rows, pictures = [], []
    for listed, path in enumerate(task.paths, task.first):
        row, picture = _clean_source(cleaning, listed, path, judge_ink=listed % task.every == 0)
        rows.append(row)
        pictures.append(picture)
    facts = Facts.of(rows)
    write_block(cleaning.cache, task.block, cleaning.key, facts, pictures)
    return facts


def _clean_source(cleaning: Cleaning, listed: int, path: str, judge_ink: bool) -> tuple[SourceFacts, Picture | None]:
    """Return the facts of one source, and what its copies are drawn from. judge_ink: is it ink or a photograph?"""
    recipe = cleaning.recipe
    row, pixels = examine_source(cleaning.reader, listed, path, recipe, cleaning.decisions.ranges)
    if pixels is None:
        return row, None
    if judge_ink:
        row = replace(row, two_tone=two_tone(pixels))
    return _clean_pixels(row, pixels, recipe, cleaning.decisions)


def _clean_pixels(row: SourceFacts, pixels: np.ndarray, recipe: Recipe,
                  decisions: SetDecisions) -> tuple[SourceFacts, Picture | None]:
    try:
        cleaned = clean(pixels, recipe.clean, recipe.draw, decisions)
        picture = build_pyramid(cleaned, recipe.draw)
    except BadPicture as bad:
        return SourceFacts(fault=str(bad), levels=row.levels, dark_ink=row.dark_ink, tones=row.tones), None
    return replace(row, **cleaned.ink.facts()) if cleaned.ink else row, picture
