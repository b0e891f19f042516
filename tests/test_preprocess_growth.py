"""The memory of a build's own process grows by few bytes for each source image, whatever the set holds."""

import tracemalloc

import numpy as np

from tenfold.data.recipe import make_recipe
from tenfold.data.source_columns import write_source_table
from tenfold.data.source_table import read_source_table
from tenfold.data.sources.opening import open_source
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.job import check_job
from tenfold.preprocess.plan import plan_shards
from tenfold.preprocess.publish import describe_set, source_columns
from tenfold.preprocess.report import report_facts
from tenfold.preprocess.survey.facts import Facts, no_facts
from tenfold.preprocess.survey.facts_file import FactsFile
from tenfold.preprocess.survey.splits import assign_splits
from tenfold.preprocess.survey.table import Survey

BYTES = 250                  # of memory for each source image, at most
BLOCK = 128


def facts_of(folder, count: int) -> Facts:
    """Made up, as workers send them; one picture in twenty is there twice."""
    held, rng = FactsFile(folder), np.random.default_rng(count)
    for first in range(0, count, BLOCK):
        columns = no_facts(min(BLOCK, count - first))
        columns["digest"] = columns["content"] = rng.integers(0, 256, columns["digest"].shape)
        columns["fingerprint"] = rng.integers(0, 256, columns["fingerprint"].shape)
        columns["size"], columns["spread"] = 20, 50.0
        columns[:len(columns) // 20] = columns[-(len(columns) // 20):]
        held.put(first, Facts(columns))
    return held.facts()


def prepare(folder, count: int) -> None:
    """All that a build does in its own process but for the pixels."""
    recipe = make_recipe({"draw": {"copies": 4, "canvas": [8, 8]}, "clean": {"channels": 1},
                          "model": {"name": "light"}})
    source = open_source(folder / f"{count}.npz")
    job = check_job(recipe, source, folder / "set")
    assignment = assign_splits(job, Survey(source, facts_of(folder, count), SetDecisions("keep")))
    plan = plan_shards(assignment.survey, recipe)
    assert sum(map(len, plan.shards)) == plan.rows > 3 * count
    index = describe_set(job, assignment)
    write_source_table(folder, source_columns(assignment.survey))
    report_facts(index, read_source_table(folder))


def test_a_source_image_takes_few_bytes_of_memory(tmp_path, monkeypatch):
    for name in ("preprocess.survey.neighbours._ALL", "preprocess.survey.neighbours._TOGETHER",
                 "preprocess.survey.neighbours._FEW", "preprocess.survey.neighbours._SAMPLE", "data.recipe._PIECE",
                 "data.source_columns._TOGETHER"):
        monkeypatch.setattr(f"tenfold.{name}", BLOCK // 2)   # what is held at once is as small beside these sets
    peaks = {}
    for count in (300, 800, 2000):                      # the first brings in what is imported late
        np.savez(tmp_path / f"{count}.npz", x=np.zeros((count, 2, 2), np.uint8), y=np.arange(count) % 3)
        tracemalloc.start()
        prepare(tmp_path, count)
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (peaks[2000] - peaks[800]) / 1200 < BYTES
