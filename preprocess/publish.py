"""Publish a set: write sources.h5 and dataset.json after all shards; they are all that the trainer knows of it."""

import functools
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version

import numpy as np

from tenfold.data.digests import CHECKSUM
from tenfold.data.errors import ShardFault
from tenfold.data.fields import misfit
from tenfold.data.image_set import image_set
from tenfold.data.recipe import PIXELS_VERSION, digest_of, recipe_tables
from tenfold.data.schema import COMMON, DESCRIBED, INDEX, SET_SCHEMA, SPLITS
from tenfold.data.shard import shard_names
from tenfold.data.shardset import check_set, read_index, write_index
from tenfold.data.source_columns import write_source_table
from tenfold.data.splits.assign import duplicates
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.draw_shards import DrawnShard
from tenfold.preprocess.job import Job
from tenfold.preprocess.survey.clean_cache import recall, remember
from tenfold.preprocess.survey.notes import survey_notes
from tenfold.preprocess.survey.ranges import with_ranges
from tenfold.preprocess.survey.sorting import HASH
from tenfold.preprocess.survey.splits import Assignment
from tenfold.preprocess.survey.table import Survey

_PACKAGES = ("numpy", "h5py", "pillow", "joblib", "opencv-python-headless")
_DRAWN_BY = "drawn_by.json"  # in the clean cache: the decisions by which the shards of an unfinished set are drawn
_NAMED = 20                  # damaged files that are named


def publish_set(job: Job, index: dict, survey: Survey) -> dict:
    """Write sources.h5 and dataset.json, the last files of a set; return dataset.json as a dictionary.

    Shards that are no longer planned, and the clean cache, are removed.
    """
    for stale in set(shard_names(job.out)) - {shard["name"] for shard in index["shards"]}:
        (job.out / stale).unlink()
    index = index | {"sources": write_source_table(job.out, source_columns(survey))}
    write_index(job.out, index)
    shutil.rmtree(job.cache)
    return index


def remove_other_shards(job: Job, decisions: SetDecisions) -> None:
    """Remove the shards in the job's folder that were drawn under other decisions, which the shards do not record.

    An official test split can be the same although the other images, and with them the decisions, have changed.
    """
    now = json.loads(json.dumps(asdict(decisions)))
    try:
        drawn_by = read_index(job.out).get("common")
    except ShardFault:                           # not finished
        drawn_by = recall(job.cache / _DRAWN_BY, "", COMMON)
    if drawn_by not in (None, now):
        for name in shard_names(job.out):
            (job.out / name).unlink()
    remember(job.cache / _DRAWN_BY, "", now)


def finished_set(job: Job, verify: bool = False) -> dict | None:
    """Return dataset.json if the job's folder holds a finished set of the same images and recipe, else None.

    If a file is damaged, a line says so, and None is returned. verify: read all files, also those that have not changed
    since they were last checked.
    """
    try:
        if read_index(job.out).get("stamp") != job.stamp:
            return None
        index, faults = check_set(job.out, verify)
        if misfit(index, DESCRIBED):
            return None
    except ShardFault as unreadable:
        index, faults = {}, [unreadable]
    if (job.out / INDEX).exists():               # else it is not finished
        for fault in faults[:_NAMED]:
            print(f"{fault.where}: {fault.fact}; `tenfold augment` makes it again")
    return None if faults else index


def update_set(job: Job, index: dict) -> dict:
    """Update dataset.json of a finished set with settings that do not change pixels.

    The clean cache is removed, which is left if a build is killed after it has written dataset.json.
    """
    shutil.rmtree(job.cache, ignore_errors=True)
    recipe = job.recipe
    kept = {key: value for key, value in asdict(recipe.source).items() if not key.startswith("levels")}
    wanted = index | {
        "name": recipe.name, "recipe": recipe_tables(recipe) | {"source": index["recipe"]["source"] | kept},
        "layout": job.source.facts(), "images": image_set(job.whole), "pixels_version": PIXELS_VERSION}
    if wanted != index or CHECKSUM not in index:
        write_index(job.out, wanted)
    return wanted


def describe_set(job: Job, assignment: Assignment, shards: Sequence[DrawnShard] = ()) -> dict:
    """Return dataset.json as a dictionary, except what it says about sources.h5. shards: none for a report."""
    survey = assignment.survey
    recipe, decisions = job.recipe, survey.decisions
    mean, std = _mean_std([shard for shard in shards if shard.split == "train"])
    return {
        "schema": SET_SCHEMA, "name": recipe.name, "classes": list(survey.classes),
        "rows": {split: sum(shard.rows for shard in shards if shard.split == split) for split in SPLITS},
        "class_counts": _class_counts(survey),
        "canvas": list(recipe.draw.canvas), "channels": recipe.clean.channels, "mean": mean, "std": std,
        "digest": digest_of([shard.content for shard in shards]),
        "shards": [{key: getattr(shard, key) for key in ("split", "name", "rows", "bytes", "sha256")}
                   for shard in shards],
        "common": asdict(decisions), "contrast": _contrast(survey),
        "recipe": recipe_tables(with_ranges(recipe, decisions.ranges)),
        "stamp": job.stamp, "pixels_version": PIXELS_VERSION, "images": image_set(job.whole),
        "versions": _versions(),
        "layout": job.source.facts(),
        "set_aside": [{"path": bad.path, "reason": bad.reason} for bad in survey.set_aside],
        "notes": [*survey_notes(recipe, survey, job.plain), *assignment.notes],
        "duplicates": duplicates(survey.labels, survey.pixels, survey.splits, survey.paths),
        "near_duplicates": assignment.near_duplicates,
    }


def _contrast(survey: Survey) -> list[int] | None:
    """Return the contrast [from, to] of the training images, without the twentieth that has least and that has most.

    Of a set without training images: of all. None: there are none.
    """
    contrast = survey.column("contrast")
    train = survey.splits == "train"
    contrast = contrast[train] if train.any() else contrast
    return np.quantile(contrast, (0.05, 0.95), method="nearest").tolist() if len(contrast) else None


@functools.cache
def _versions() -> dict[str, str]:
    """Return the versions of the packages that affect pixels, from their metadata."""
    return {name: version(name) for name in _PACKAGES}


def source_columns(survey: Survey) -> dict:
    """Return the columns of sources.h5: a row for each usable image, by its number."""
    names = {name: name for name in ("digest", "size", "spread", "pen", "lost_components", "lost_share", "edges",
                                     "dark_ink")} | {"ink_share": "ink"}
    return {"path": survey.paths, "label": survey.labels, "split": survey.splits,
            "fingerprint": survey.column("fingerprint")[:, HASH]} | {
        name: survey.column(kept) for name, kept in names.items()}


def _class_counts(survey: Survey) -> dict[str, list[int]]:
    """Return how many sources of each class are in each split."""
    return {split: np.bincount(survey.labels[survey.splits == split], minlength=len(survey.classes)).tolist()
            for split in SPLITS}


def _mean_std(shards: Sequence[DrawnShard]) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel over all training pixels, as shares of 255.

    They are computed from whole-number sums, so they are exact.
    """
    n = sum(shard.pixels for shard in shards)
    if not n:
        return [], []
    first = np.sum([shard.sum for shard in shards], axis=0)
    second = np.sum([shard.sum_of_squares for shard in shards], axis=0)
    mean = first / n
    std = np.sqrt(np.maximum(second / n - mean**2, 0))
    return (mean / 255).tolist(), (std / 255).tolist()
