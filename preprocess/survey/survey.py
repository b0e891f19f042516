"""Survey a set: decode and clean every source image, and make the decisions that hold for the whole set.

The first pass uses decisions guessed from a sample. If the whole set then decides otherwise, a second pass cleans all
images again. Both passes keep their pictures in the clean cache, so an interrupted build can go on.
"""

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.recipe import Recipe, digest_of
from tenfold.data.schema import COMMON
from tenfold.data.sources.opening import Source
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.decode import may_be_deep
from tenfold.preprocess.pool import Progress, run_tasks
from tenfold.preprocess.survey.clean_cache import block_size, cache_key, recall, remember
from tenfold.preprocess.survey.cleaning import Cleaning, CleanTask, clean_block
from tenfold.preprocess.survey.decisions import SAMPLE, decide
from tenfold.preprocess.survey.facts import Facts, examine_source
from tenfold.preprocess.survey.facts_file import FactsFile
from tenfold.preprocess.survey.table import Survey

_DECIDED = "decided.json"    # in the clean cache: the decisions of the whole set, if they needed a second pass
INK_SAMPLE = 256             # about this many pictures are examined to tell ink from photographs


def survey_sources(recipe: Recipe, source: Source, cache: Path, workers: int) -> Survey:
    """Decode and clean every source image in `workers` processes; blocks that are already in the cache are kept."""
    reader = source.reader(cache)
    key = cache_key(recipe, source)
    labelled = digest_of([key, source.labels])           # the pictures of each class are counted to decide
    kept = recall(cache / _DECIDED, labelled, COMMON)
    if kept:
        decisions = SetDecisions.of(kept)
    else:
        rows, known = sample_sources(recipe, source, reader)
        decisions = decide(recipe, known, source.labels[rows])

    def clean_all() -> Facts:
        cleaning = Cleaning(cache, digest_of([key, asdict(decisions)]), reader, recipe, decisions)
        return _clean_all(cleaning, source, workers)
    facts = clean_all()
    if not kept and (decided := decide(recipe, facts, source.labels)) != decisions:
        decisions = decided
        remember(cache / _DECIDED, labelled, asdict(decisions))
        facts = clean_all()
    return Survey(source, facts, decisions)


def _clean_all(cleaning: Cleaning, source: Source, workers: int) -> Facts:
    """Clean the source images block by block; return the facts of all."""
    paths = source.paths
    size, every = block_size(source), -(-len(paths) // INK_SAMPLE)
    starts = range(0, len(paths), size)
    tasks = (CleanTask(cleaning, block, first, paths[first:first + size], every) for block, first in enumerate(starts))
    counts = [min(size, len(paths) - first) for first in starts]
    with closing(FactsFile(cleaning.cache)) as found:
        run_tasks(clean_block, tasks, workers, Progress("clean", "img", counts),
                  lambda block, facts: found.put(starts[block], facts))
        return found.facts()


def sample_sources(recipe: Recipe, source: Source, reader: Any) -> tuple[np.ndarray, Facts]:
    """Decode an evenly spaced sample; return (positions in the listing, facts that need no cleaning).

    If the recipe does not look for ink, only deep pictures are sampled: their level range is all there is to decide.
    """
    rows = np.unique(np.linspace(0, len(source) - 1, SAMPLE).astype(int)).tolist()
    if recipe.clean.polarity == "keep":
        rows = [row for row in rows if _may_be_deep(reader, row, source.paths[row])]
    facts = Facts.of(examine_source(reader, row, source.paths[row], recipe)[0] for row in rows)
    return np.array(rows, np.int64), facts


def _may_be_deep(reader: Any, listed: int, path: str) -> bool:
    try:
        data = reader.read(listed, path)
    except (OSError, MemoryError):
        return False
    return isinstance(data, bytes) and may_be_deep(data)
