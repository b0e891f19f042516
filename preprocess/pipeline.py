"""The pipeline of a build: survey → assign splits → plan → draw → publish.

Each stage is a function that takes and returns a table or a small value, which can be printed. Finished work is kept: a
build that was killed goes on when it is run again.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import joblib
import numpy as np

from tenfold.data.errors import SourceFault
from tenfold.data.files import lock_folder
from tenfold.data.leftovers import leftovers_removed
from tenfold.data.recipe import Recipe
from tenfold.data.schema import INDEX
from tenfold.data.settings import check_count
from tenfold.data.source_table import SourceTable, read_source_table
from tenfold.data.sources.opening import Source
from tenfold.preprocess.cost import Cost, check_space, estimate_cost, print_cost
from tenfold.preprocess.draw_shards import Workplace, draw_shards
from tenfold.preprocess.job import Job, check_job
from tenfold.preprocess.plan import plan_shards
from tenfold.preprocess.publish import (
    describe_set,
    finished_set,
    publish_set,
    remove_other_shards,
    source_columns,
    update_set,
)
from tenfold.preprocess.report import report_folder, write_report
from tenfold.preprocess.survey.checks import check_usable, polarity_fault
from tenfold.preprocess.survey.clean_cache import block_size
from tenfold.preprocess.survey.facts import UNREADABLE
from tenfold.preprocess.survey.splits import assign_splits
from tenfold.preprocess.survey.survey import survey_sources
from tenfold.preprocess.survey.table import Survey


@dataclass(frozen=True)
class BuildResult:
    """The result of a build: the folder of the set, its rows, shards, digest and speed."""
    folder: Path
    rows: dict[str, int]             # of each split
    shards: int
    skipped: int                     # images set aside
    seconds: float
    images_per_second: float         # rows over seconds
    digest: str                      # over all shards
    index: dict = field(repr=False)  # dataset.json


@dataclass(frozen=True)
class ReportResult:
    """The result of a report on images, without shards: its folder and its facts."""
    folder: Path
    facts: dict = field(repr=False)  # report.json
    index: dict = field(repr=False)  # what dataset.json would say of the sources


def augment(recipe: Recipe, source: Source, out: Path | str, workers: int = 0, plain: bool = False,
            verify: bool = False) -> BuildResult:
    """Build a set in the folder `out`: clean each image once, draw copies of it, write shards and dataset.json.

    workers: processes; 0: one for each core. plain: every image becomes a row of the test split, or if there is an
    official test split, each of its images. A finished set of the same images and recipe is kept, and only its damaged
    files are made again. verify: read all files to find damage, not only those that changed. Raises SourceFault,
    RecipeFault, MachineFault.
    """
    start, workers = time.monotonic(), check_count("--workers", workers, least=0)
    job = check_job(recipe, source, Path(out), plain)
    with _held(job):
        done = finished_set(job, verify)
        if done and _has_become_readable(job, done):
            done = None
        index = update_set(job, done) if done else _build(job.unpacked(), workers or joblib.cpu_count())
    seconds = time.monotonic() - start
    rows = sum(index["rows"].values())
    return BuildResult(job.out, index["rows"], len(index["shards"]), len(index["set_aside"]), seconds, rows / seconds,
                       index["digest"], index)


def build_cost(recipe: Recipe, source: Source, out: Path | str) -> Cost:
    """Estimate what `augment` with the same arguments costs, from a sample of the images. Raises what it raises."""
    job = check_job(recipe, source, Path(out))
    with _held(job):
        return estimate_cost(recipe, job.unpacked().source, job.cache)


def report(recipe: Recipe, source: Source, out: Path | str, workers: int = 0) -> ReportResult:
    """Examine every image and write a report, but no shards, into the folder `out`; a build there goes on from it.

    If `out` holds a finished set of other images or of another recipe, the report goes to a folder beside it.
    """
    job = check_job(recipe, source, Path(out))
    job = replace(job, out=report_folder(job.out, job.stamp))
    with _held(job):
        index = finished_set(job)
        if index:
            sources = read_source_table(job.out)
        else:
            index, sources = _describe_sources(job.unpacked(), workers or joblib.cpu_count())
    return ReportResult(job.out, write_report(index, sources, source, job.out), index)


def _has_become_readable(job: Job, index: dict) -> bool:
    """Return whether a picture set aside as unreadable can be read now; a permission does not change its time."""
    return any(bad["reason"].startswith(UNREADABLE) and os.access(job.source.root / bad["path"], os.R_OK)
               for bad in index["set_aside"])


@contextmanager
def _held(job: Job) -> Iterator[None]:
    """Lock the job's folder, and remove temporary files that a killed build left."""
    with lock_folder(job.out), leftovers_removed(job.out, job.cache):
        yield


def _build(job: Job, workers: int) -> dict:
    """Run every stage; return dataset.json as a dictionary."""
    recipe = job.recipe
    cost = estimate_cost(recipe, job.source, job.cache, job.plain)
    print_cost(cost, workers)
    check_space(job.out, cost)
    survey, fault = _survey(job, workers)
    if fault:
        raise fault
    assignment = assign_splits(job, survey)
    plan = plan_shards(assignment.survey, recipe)
    check_space(job.out, replace(cost, rows=plan.rows))
    remove_other_shards(job, survey.decisions)
    (job.out / INDEX).unlink(missing_ok=True)      # from here on the set is unfinished
    where = Workplace(job.out, job.cache, block_size(job.source), recipe, job.source.reader(job.cache))
    shards = draw_shards(plan, assignment.survey, where, workers)
    return publish_set(job, describe_set(job, assignment, shards), assignment.survey)


def _describe_sources(job: Job, workers: int) -> tuple[dict, SourceTable]:
    """Run the first two stages only; return what dataset.json and sources.h5 would say about the sources."""
    check_space(job.out, replace(estimate_cost(job.recipe, job.source, job.cache), rows=0))
    survey, fault = _survey(job, workers)
    assignment = assign_splits(job, survey)
    index = describe_set(job, assignment)
    index["notes"] += [f"a build would stop: {fault}"] if fault else []
    return index, SourceTable.of(source_columns(assignment.survey))


def _survey(job: Job, workers: int) -> tuple[Survey, SourceFault | None]:
    """Survey all images; return the survey, and the fault that would stop a build, or None."""
    survey = survey_sources(job.recipe, job.source, job.cache, workers)
    check_usable(job.source, survey, job.recipe, job.plain)
    return survey, polarity_fault(job.recipe, job.source, survey.facts, np.arange(len(job.source)))
