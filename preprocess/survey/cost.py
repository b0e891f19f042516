"""What a build will take of the disk and of time, from a few images cleaned and drawn before all the others are."""

import json
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from tenfold.data.errors import MachineFault
from tenfold.data.files import publish
from tenfold.data.recipe import Recipe, digest_of
from tenfold.data.schema import SCHEMA, shard_name
from tenfold.data.sources.opening import Source
from tenfold.preprocess.clean.cache import CleanTask, clean_part, examine, part_key, part_size
from tenfold.preprocess.plan import ShardPlan
from tenfold.preprocess.survey.decisions import decide

RUNS, RUN = 6, 4             # runs of neighbouring images that are tried, images of each
PATIENCE = 1.0               # seconds: no further run begins after it
ROWS, BYTES = 512, 16 << 20  # drawn on trial at the most
MARGIN = 1.1                 # what is estimated may be so much larger
_KEPT = "sample.json"
START = 1.0                  # seconds that worker processes take to start


@dataclass(frozen=True)
class Sample:
    """What an image and a row of the set take, by some of them."""
    held: float              # bytes of a cleaned image
    cleaning: float          # seconds of an image
    packed: float            # bytes of a row in a shard
    drawing: float           # seconds of a row


@dataclass(frozen=True)
class Cost:
    """What a build takes, with what lies in its folder already."""
    rows: int
    row_bytes: float         # of a row in a shard
    scratch_bytes: float     # of all cleaned images
    seconds: float           # of what is left to do, on one processor

    @property
    def bytes(self) -> float:
        return self.rows * self.row_bytes


def foresee(recipe: Recipe, source: Source, scratch: Path, draw_shard, plain: bool = False) -> Cost:
    """The cost by a sample, cleaned and drawn in `scratch`, by `draw_shard` as the build does it; or by that which a
    build or report that ended early has left there."""
    height, width = recipe.draw.canvas
    raw = height * width * recipe.clean.channels + 24        # three int64 columns
    rows = count_rows(recipe, source, plain)
    key = digest_of([part_key(recipe, source), asdict(recipe.shards)])
    sample, clean, drawn = _known(scratch, key), 0.0, 0.0
    if sample:
        clean = len(list(scratch.glob("clean-*.npz"))) / -(-len(source) // part_size(len(source)))
        drawn = sum(shard.stat().st_size for shard in scratch.parent.glob("*.h5")) / (sample.packed * rows or 1)
    else:
        sample = _try(recipe, source, scratch, draw_shard, min(ROWS, rows, BYTES // raw)) or Sample(0, 0, raw, 0)
        if recipe.shards.compression == "none":
            sample = replace(sample, packed=raw)
        with publish(scratch / _KEPT) as temporary:
            temporary.write_text(json.dumps({"key": key, "sample": asdict(sample)}))
    left = [max(0.0, 1 - share) for share in (clean, drawn)]
    return Cost(rows, sample.packed, sample.held * len(source),
                sample.cleaning * len(source) * left[0] + sample.drawing * rows * left[1])


def _known(scratch: Path, key: str) -> Sample | None:
    """The sample of a build that ended early."""
    try:
        kept = json.loads((scratch / _KEPT).read_bytes())
        return Sample(**kept["sample"]) if kept["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _try(recipe: Recipe, source: Source, scratch: Path, draw_shard, rows: int) -> Sample | None:
    """A sample of about so many rows; None: none of its images can be used."""
    with tempfile.TemporaryDirectory(dir=scratch, prefix="sample-") as folder:
        good, held, cleaning = _clean_some(recipe, source, source.reader(scratch), Path(folder))
        if not good:
            return None
        copies = max(1, rows // 2 // len(good))
        positions, took = np.repeat(good, copies), []
        for number in range(2):                  # the first is slow
            plan = ShardPlan(shard_name("train", number), "train", positions,
                             np.tile(np.arange(copies) + number * copies, len(good)),
                             {"schema": SCHEMA, "split": "train", "recipe": "", "plan": ""})
            start = time.perf_counter()
            facts = draw_shard(Path(folder), Path(folder), RUN, plan, positions, np.zeros_like(positions), recipe)
            took.append(time.perf_counter() - start)
    return Sample(held, cleaning, MARGIN * facts["bytes"] / len(positions), min(took) / len(positions))


def _clean_some(recipe: Recipe, source: Source, reader, folder: Path) -> tuple[list[int], float, float]:
    """(places of usable images in the sample's parts, bytes and seconds that an image takes: half the runs less)."""
    starts = np.unique(np.linspace(0, max(0, len(source) - RUN), RUNS).astype(int)).tolist()
    seen = [examine(reader, at, source.paths[at], recipe)[0] for at in starts]
    common = decide(recipe, seen, source.labels[starts])
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
