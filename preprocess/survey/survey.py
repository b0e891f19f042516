"""Clean every source image, and find out on the way what only the whole set can tell.

The first pass follows what a sample of the set foretells; where the whole set decides otherwise, a second
pass follows that. Both leave their pictures in parts on disk (`scratch`), so that a build that was stopped goes on.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tenfold.data.files import publish
from tenfold.data.recipe import Recipe, digest_of
from tenfold.data.sources.opening import Source
from tenfold.preprocess.clean.cache import CleanTask, Facts, clean_part, examine, part_key, part_size
from tenfold.preprocess.decode import may_be_deep
from tenfold.preprocess.pool import run_all
from tenfold.preprocess.survey.decisions import SAMPLE, Common, asks_the_set, decide

_DECIDED = "decided.json"
_LOOKED_AT = 256             # pictures that are asked whether they are ink or photographs


@dataclass(frozen=True)
class Survey:
    """What is known of a set's images before any copy is drawn."""
    facts: list[Facts]       # a row for each source image, those that cannot be used among them
    common: Common           # what was decided over all of them

    @property
    def good(self) -> np.ndarray:
        """int64 (n,): which of the source images can be used."""
        return np.array([i for i, row in enumerate(self.facts) if not row.fault], np.int64)


def survey(recipe: Recipe, source: Source, scratch: Path, workers: int) -> Survey:
    """Decode and clean every source image over `workers` processes; what is in `scratch` already is kept."""
    reader = source.reader(scratch)
    key = part_key(recipe, source)
    common = _decided_before(scratch, key)
    if common:
        return Survey(_clean_all(recipe, source, scratch, workers, (reader, common)), common)
    seen = sample(recipe, source, reader)
    common = decide(recipe, seen.values(), source.labels[list(seen)])
    facts = _clean_all(recipe, source, scratch, workers, (reader, common))
    decided = decide(recipe, facts, source.labels)
    if decided != common:
        with publish(scratch / _DECIDED) as temporary:
            temporary.write_text(json.dumps({"key": key, "common": asdict(decided)}))
        facts = _clean_all(recipe, source, scratch, workers, (reader, decided))
    return Survey(facts, decided)


def sample(recipe: Recipe, source: Source, reader) -> dict[int, Facts]:
    """{position: what is known without cleaning} of an even sample of the set; where only levels are open, its shallow
    pictures are not decoded."""
    rows = np.unique(np.linspace(0, len(source) - 1, SAMPLE).astype(int)).tolist()
    if not asks_the_set(recipe):
        rows = [row for row in rows if _may_be_deep(reader, row, source.paths[row])]
    return {row: examine(reader, row, source.paths[row], recipe)[0] for row in rows}


def _may_be_deep(reader, row: int, path: str) -> bool:
    try:
        data = reader.read(row, path)
    except (OSError, MemoryError):
        return False
    return isinstance(data, bytes) and may_be_deep(data)


def _decided_before(scratch: Path, key: str) -> Common | None:
    """What the whole set decided in a build that was stopped in its second pass."""
    try:
        held = json.loads((scratch / _DECIDED).read_bytes())
        return Common.of(held["common"]) if held["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _clean_all(recipe: Recipe, source: Source, scratch: Path, workers: int, how) -> list[Facts]:
    """A row for each source image. how: (what reads the pictures, what was decided)."""
    reader, common = how
    key = digest_of([part_key(recipe, source), asdict(common)])
    size = part_size(len(source))
    tasks = [CleanTask(scratch, number, first, key, source.paths[first:first + size], -(-len(source) // _LOOKED_AT))
             for number, first in enumerate(range(0, len(source), size))]
    calls = ((clean_part, (task, reader, recipe, common)) for task in tasks)
    parts = run_all(calls, workers, [len(task.paths) for task in tasks], "clean", "img")
    return [row for part in parts for row in part]
