"""What a build will take of the disk and of time, from a few images cleaned and drawn before all the others are."""

import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.errors import MachineFault
from data.recipe import Recipe
from data.schema import SCHEMA, shard_name
from data.source import Source
from preprocess.decide import asks_the_set, decide
from preprocess.plan import ShardPlan
from preprocess.scratch import CleanTask, clean_part, examine

RUNS, RUN = 6, 4             # runs of neighbouring images that are tried, images of each
PATIENCE = 1.0               # seconds: no further run begins after it
ROWS, BYTES = 512, 16 << 20  # drawn on trial at the most
MARGIN = 1.1                 # what is estimated may be so much larger
START = 1.0                  # seconds that worker processes take to start


@dataclass(frozen=True)
class Cost:
    """What a build takes, beside what lies in its folder already."""
    rows: int
    row_bytes: float         # of a row in a shard
    scratch_bytes: float     # of all cleaned images
    seconds: float

    @property
    def bytes(self) -> float:
        return self.rows * self.row_bytes


def foresee(recipe: Recipe, source: Source, scratch: Path, draw_shard, plain: bool = False) -> Cost:
    """The cost on one processor, from a sample cleaned and drawn in `scratch`, by `draw_shard` as the build does it."""
    height, width = recipe.draw.canvas
    raw = height * width * recipe.clean.channels + 24        # three int64 columns
    rows = count_rows(recipe, source, plain)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="sample-") as folder:
        good, held, cleaning = _clean_some(recipe, source, source.reader(scratch), Path(folder))
        if not good:
            return Cost(rows, raw, 0, 0)
        packed, drawing = _draw_some(recipe, good, min(ROWS, rows, BYTES // raw), Path(folder), draw_shard)
    packed = raw if recipe.shards.compression == "none" else MARGIN * packed
    return Cost(rows, packed, held * len(source), cleaning * len(source) + drawing * rows)


def _draw_some(recipe: Recipe, good: list[int], rows: int, folder: Path, draw_shard) -> tuple[float, float]:
    """(bytes, seconds) of a row: of about so many rows, in two shards, since the first is slow."""
    copies = max(1, rows // 2 // len(good))
    positions, took = np.repeat(good, copies), []
    for number in range(2):
        plan = ShardPlan(shard_name("train", number), "train", positions,
                         np.tile(np.arange(copies) + number * copies, len(good)),
                         {"schema": SCHEMA, "split": "train", "recipe": "", "plan": ""})
        start = time.perf_counter()
        facts = draw_shard(folder, folder, RUN, plan, positions, np.zeros_like(positions), recipe)
        took.append(time.perf_counter() - start)
    return facts["bytes"] / len(positions), min(took) / len(positions)


def _clean_some(recipe: Recipe, source: Source, reader, folder: Path) -> tuple[list[int], float, float]:
    """(places of usable images in the sample's parts, bytes and seconds that an image takes: half of the runs less)."""
    starts = np.unique(np.linspace(0, max(0, len(source) - RUN), RUNS).astype(int)).tolist()
    looked_at = starts if asks_the_set(recipe) else []
    common = decide(recipe, [examine(reader, at, source.paths[at], recipe)[0] for at in looked_at])
    begun, good, tried, took = time.perf_counter(), [], 0, []
    for number, first in enumerate(starts):
        start, paths = time.perf_counter(), source.paths[first:first + RUN]
        facts = clean_part(CleanTask(folder, number, first, "", paths), reader, recipe, common)
        good += [number * RUN + k for k, row in enumerate(facts) if not row.fault]
        tried += len(paths)
        took.append((time.perf_counter() - start) / len(paths))
        if time.perf_counter() - begun > PATIENCE:
            break
    return good, _size(folder) / tried, float(np.median(took))


def count_rows(recipe: Recipe, source: Source, plain: bool = False) -> int:
    """How many rows there will be, give or take what is set aside or there twice."""
    official, split = source.official, recipe.split
    if plain:
        return official.count("test") or len(source)
    free = [part in ("train", None) for part in official]
    drawn = 0
    for count in np.bincount(source.labels[free], minlength=len(source.classes)).tolist():
        shares = {"val": split.val, "test": 1 / split.folds if split.folds else split.test}
        held = sum(want if isinstance(want, int) else max(1, round(want * count)) if want else 0
                   for part, want in shares.items() if part not in official)
        drawn += max(0, count - held)
    return drawn * recipe.draw.copies + len(source) - drawn


def tell(cost: Cost, workers: int) -> None:
    seconds = cost.seconds / min(workers, os.cpu_count() or 1) + (START if workers > 1 else 0)
    print(f"to make: about {cost.rows:,} rows, {_amount(cost.bytes)} of shards (and {_amount(cost.scratch_bytes)} of "
          f"cleaned images until they are done) in about {_time(seconds)}", flush=True)


def check_room(out: Path, cost: Cost) -> None:
    """MachineFault where the disk cannot hold it; what lies in `out` already is part of it, or gives way to it."""
    need = cost.bytes + cost.scratch_bytes - _size(out)
    free = shutil.disk_usage(out).free
    if need > free:
        raise MachineFault(out, f"no space left on the disk: {_amount(need)} needed, {_amount(free)} free",
                           "free some room, lower draw.copies or draw.canvas, or choose another --out")


def _size(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(os.path.getsize(os.path.join(where, name)) for where, _, names in os.walk(folder) for name in names)


def _amount(size: float) -> str:
    unit, length = next(((u, n) for u, n in (("GB", 1e9), ("MB", 1e6)) if size >= n), ("kB", 1e3))
    return f"{size / length:.{1 if size < 10 * length and unit != 'kB' else 0}f} {unit}"


def _time(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{max(1, round(seconds))} s"
