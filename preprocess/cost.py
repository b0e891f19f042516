"""Estimate the disk space and time of a build from a few images that are cleaned and drawn first."""

import contextlib
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.errors import MachineFault
from tenfold.data.fields import Number
from tenfold.data.recipe import Recipe, digest_of
from tenfold.data.schema import SCHEMA, shard_name
from tenfold.data.sources.opening import Source
from tenfold.data.splits.assign import count_wanted
from tenfold.preprocess.draw.together import drawn_from_source
from tenfold.preprocess.draw_shards import DrawTask, Workplace, draw_shard
from tenfold.preprocess.plan import ShardPlan
from tenfold.preprocess.survey.clean_cache import block_size, cache_key, count_blocks, recall, remember
from tenfold.preprocess.survey.cleaning import Cleaning, CleanTask, clean_block
from tenfold.preprocess.survey.decisions import decide
from tenfold.preprocess.survey.facts import Facts, SourceFacts, examine_source
from tenfold.preprocess.survey.survey import INK_SAMPLE
from tenfold.preprocess.worker import one_opencv_thread

RUNS, RUN = 6, 4             # groups of neighbouring images that are tried, images in each
SMALL_RUN = 128              # images in each if they are small arrays, which take little time
TRIAL_SECONDS = 1.0          # after so many seconds no further group is begun
ROWS, BYTES = 512, 16 << 20  # drawn on trial, at most
MARGIN = 1.1                 # factor on the estimated bytes of a row, to be safe
START = 1.0                  # seconds that worker processes take to start
_SAMPLE = "sample.json"      # in the clean cache: the sample of a build that ended early


@dataclass(frozen=True)
class Sample:
    """The bytes and seconds that one image and one row take, measured on some of them."""
    cleaned_bytes: float     # of a cleaned image
    clean_seconds: float     # of an image
    row_bytes: float         # of a row in a shard
    draw_seconds: float      # of a row


_FIELDS = {field.name: Number(0) for field in fields(Sample)}


@dataclass(frozen=True)
class Cost:
    """The disk space that a build takes in all, and the time for what is not done yet."""
    rows: int
    row_bytes: float         # of a row in a shard
    cache_bytes: float       # of all cleaned images
    clean_seconds: float     # of cleaning what is left, on one processor
    draw_seconds: float      # of drawing what is left

    @property
    def bytes(self) -> float:
        """Bytes of all shards."""
        return self.rows * self.row_bytes


def estimate_cost(recipe: Recipe, source: Source, cache: Path, plain: bool = False) -> Cost:
    """Estimate what a build costs, from a sample that is cleaned and drawn in `cache` like in the build.

    If an earlier build or report that was interrupted has left its sample there, it is used again.
    """
    height, width = recipe.draw.canvas
    raw = height * width * recipe.clean.channels + 24        # three int64 columns
    rows = count_rows(recipe, source, plain)
    key = digest_of([cache_key(recipe, source), asdict(recipe.shards)])
    kept, cleaned, drawn = recall(cache / _SAMPLE, key, _FIELDS), 0.0, 0.0
    if kept:
        sample = Sample(**{name: kept[name] for name in _FIELDS})
        cleaned = count_blocks(cache) / -(-len(source) // block_size(source))
        drawn = sum(shard.stat().st_size for shard in cache.parent.glob("*.h5")) / (sample.row_bytes * rows or 1)
    else:
        with one_opencv_thread():
            sample = _measure(recipe, source, cache, min(ROWS, rows, BYTES // raw)) or Sample(0, 0, raw, 0)
        if recipe.shards.compression == "none":
            sample = replace(sample, row_bytes=raw)
        remember(cache / _SAMPLE, key, asdict(sample))
    left = [max(0.0, 1 - share) for share in (cleaned, drawn)]
    return Cost(rows, sample.row_bytes, sample.cleaned_bytes * len(source),
                sample.clean_seconds * len(source) * left[0], sample.draw_seconds * rows * left[1])


def _measure(recipe: Recipe, source: Source, cache: Path, rows: int) -> Sample | None:
    """Clean and draw a sample of about `rows` rows; None: none of its images can be used."""
    with tempfile.TemporaryDirectory(dir=cache, prefix="sample-") as name:
        folder, reader = Path(name), source.reader(cache)
        good, cleaned_bytes, clean_seconds = _clean_some(recipe, source, reader, folder)
        if not good:
            return None
        copies = max(1, rows // 2 // len(good))
        listed, seconds = np.repeat(good, copies), []
        for number in range(2):                  # the first is slow
            plan = ShardPlan(shard_name("train", number), "train", listed,
                             np.tile(np.arange(copies) + number * copies, len(good)),
                             {"schema": SCHEMA, "split": "train", "recipe": "", "plan": ""})
            start = time.perf_counter()
            where = Workplace(folder, folder, RUN, recipe, reader)
            shard = draw_shard(DrawTask(where, plan, listed, np.zeros_like(listed)))
            seconds.append(time.perf_counter() - start)
    return Sample(cleaned_bytes, clean_seconds, MARGIN * shard.bytes / len(listed), min(seconds) / len(listed))


def _clean_some(recipe: Recipe, source: Source, reader: Any, folder: Path) -> tuple[list[int], float, float]:
    """Clean some images; return (positions of usable ones in the sample's blocks, bytes of an image, its seconds).

    The seconds are the median over the groups of images.
    """
    small = drawn_from_source(recipe, reader)
    run = min(SMALL_RUN, block_size(source)) if small else RUN
    starts = np.unique(np.linspace(0, max(0, len(source) - run), RUNS).astype(int)).tolist()
    begun, known = time.perf_counter(), list[SourceFacts]()
    for listed in starts:
        known.append(examine_source(reader, listed, source.paths[listed], recipe)[0])
        if (taken := time.perf_counter() - begun) > TRIAL_SECONDS:
            break
    starts = starts[:len(known)]
    if taken / len(known) * run > TRIAL_SECONDS:             # enormous pictures: one of each group is enough
        run = 1
    cleaning = Cleaning(folder, "", reader, recipe, decide(recipe, Facts.of(known), source.labels[starts]))
    begun, good, tried, seconds = time.perf_counter(), [], 0, []
    for block, first in enumerate(starts):
        start, paths = time.perf_counter(), source.paths[first:first + run]
        facts = clean_block(CleanTask(cleaning, block, first, paths, every=-(-len(source) // INK_SAMPLE)))
        good += [(first if small else block * RUN) + k for k in range(len(paths)) if k not in facts.faults]
        tried += len(paths)
        seconds.append((time.perf_counter() - start) / len(paths))
        if time.perf_counter() - begun > TRIAL_SECONDS:
            break
    return sorted(set(good)), _size(folder) / tried, float(np.median(seconds))


def count_rows(recipe: Recipe, source: Source, plain: bool = False) -> int:
    """Estimate how many rows there will be, at most: images that are set aside and duplicates reduce the number."""
    official, split = source.official, recipe.split
    if plain:
        return official.count("test") or len(source)
    free = np.fromiter((split in ("train", None) for split in official), bool, len(source))
    given, drawn = set(official), 0
    for count in np.bincount(source.labels[free], minlength=len(source.classes)).tolist():
        shares = {"val": split.val, "test": 1 / split.folds if split.folds else split.test}
        held = sum(count_wanted(want, count) for name, want in shares.items() if name not in given)
        drawn += count if held >= count else count - held    # a class that is too small is trained on only
    return drawn * recipe.draw.copies + len(source) - drawn


def print_cost(cost: Cost, workers: int) -> None:
    """Print a line on what will be made."""
    workers = min(workers, os.cpu_count() or 1)
    seconds = (cost.clean_seconds + cost.draw_seconds) / workers + (START if workers > 1 else 0)
    print(f"to make: about {cost.rows:,} rows, {_amount(cost.bytes)} of shards (and {_amount(cost.cache_bytes)} of "
          f"cleaned images until they are done) in about {_time(seconds)}", flush=True)


def check_space(out: Path, cost: Cost) -> None:
    """Raise MachineFault if the disk is too small for a build; files that are in `out` already count as part of it."""
    need = cost.bytes + cost.cache_bytes - _size(out)
    free = shutil.disk_usage(out).free
    if need > free:
        raise MachineFault(out, f"no space left on the disk: {_amount(need)} needed, {_amount(free)} free",
                           "free some space, lower draw.copies or draw.canvas, or write to another disk")


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder, whatever happens to some of them meanwhile."""
    size = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(where, name)).st_size
    return size


def _amount(size: float) -> str:
    unit, length = next(((u, n) for u, n in (("GB", 1e9), ("MB", 1e6)) if size >= n), ("kB", 1e3))
    return f"{size / length:.{1 if size < 10 * length and unit != 'kB' else 0}f} {unit}"


def _time(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{max(1, round(seconds))} s"
