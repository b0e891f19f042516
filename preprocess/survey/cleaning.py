"""Clean the source images of one block in a worker process, and keep them in the clean cache."""

from collections.abc import Sequence
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
from tenfold.preprocess.draw.together import are_blank, drawn_from_source, pictures_together
from tenfold.preprocess.survey.clean_cache import read_facts, write_block
from tenfold.preprocess.survey.facts import UNREADABLE, Facts, SourceFacts, examine_source, examine_together


@dataclass(frozen=True)
class Cleaning:
    """What all blocks of a set share: how source images are read and cleaned, and the folder of the cache."""
    cache: Path              # folder of the clean cache
    key: str                 # digest of all that the cleaned pictures depend on
    reader: Any              # reads the pictures: data.sources.FolderReader, Arrays, …
    recipe: Recipe
    decisions: SetDecisions


@dataclass(frozen=True)
class CleanTask:
    """All that a worker process needs to clean one block of source images."""
    cleaning: Cleaning
    block: int               # number of the block
    first: int               # position of its first source in the listing
    paths: Sequence[str]
    every: int = 1           # every so many pictures, one is examined: is it ink or a photograph?


def clean_block(task: CleanTask) -> Facts:
    """Decode and clean the sources of a block, and return their facts; a block in the cache is not cleaned again."""
    cleaning = task.cleaning
    known = read_facts(cleaning.cache, task.block, cleaning.key)
    if known and not any(fault.startswith(UNREADABLE) for fault in known.faults.values()):
        return known                             # an unreadable file may be readable now though its time is the same
    facts, pictures = _examine_together(task) or _clean_each(task)
    write_block(cleaning.cache, task.block, cleaning.key, facts, pictures)
    return facts


def _clean_each(task: CleanTask) -> tuple[Facts, list[Picture | None]]:
    """Clean the sources one by one, so that only one decoded picture is in memory at a time."""
    rows, pictures = [], []
    for listed, path in enumerate(task.paths, task.first):
        row, picture = _clean_source(task.cleaning, listed, path, judge_ink=listed % task.every == 0)
        rows.append(row)
        pictures.append(picture)
    return Facts.of(rows), pictures


def _examine_together(task: CleanTask) -> tuple[Facts, None] | None:
    """Return the facts of a block's sources if copies are drawn straight from the source, else None."""
    recipe, reader = task.cleaning.recipe, task.cleaning.reader
    if not drawn_from_source(recipe, reader):
        return None
    try:
        pixels = reader.read_rows(np.arange(task.first, task.first + len(task.paths)))
        pictures_together(pixels[:1], recipe.draw)
    except (OSError, MemoryError, BadPicture):       # cleaning them one by one will show which picture it is
        return None
    facts = examine_together(pixels)
    for place in range(-task.first % task.every, len(pixels), task.every):
        facts.columns["two_tone"][place] = two_tone(pixels[place])
    for place in np.flatnonzero(are_blank(pixels)).tolist():
        row, _ = _clean_pixels(SourceFacts(), pixels[place], recipe, task.cleaning.decisions)
        facts.columns[place] = Facts.of([row]).columns[0]
        facts.faults[place] = row.fault
    return facts, None


def _clean_source(cleaning: Cleaning, listed: int, path: str, judge_ink: bool) -> tuple[SourceFacts, Picture | None]:
    """Return the facts of one source, and what its copies are drawn from. judge_ink: tell ink from photographs, too."""
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
        return SourceFacts(fault=str(bad), levels=row.levels, contrast=row.contrast, dark_ink=row.dark_ink,
                           tones=row.tones), None
    return replace(row, **cleaned.ink.facts()) if cleaned.ink else row, picture
