"""The build as Python calls it: stages whose values can be printed, one numbering of sources, a process left alone."""

import dataclasses
import json
import logging
import os
import signal
import warnings

import cv2
import numpy as np
from PIL import Image

from tenfold.data.recipe import make_recipe
from tenfold.data.shardset import open_set
from tenfold.data.sources.opening import open_source
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.job import check_job
from tenfold.preprocess.pipeline import augment, report
from tenfold.preprocess.plan import plan_shards
from tenfold.preprocess.pool import Progress, run_tasks
from tenfold.preprocess.survey.splits import assign_splits
from tenfold.preprocess.survey.survey import survey_sources


def process_state() -> tuple:
    """What a library must leave as the caller has it."""
    return (cv2.getNumThreads(), Image.MAX_IMAGE_PIXELS, list(warnings.filters), logging.getLogger("PIL").handlers[:],
            signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def test_the_stages_of_a_build_can_be_printed(folder, tables, tmp_path):
    images = folder(a=6, b=6)
    (images / "a" / "bad.png").write_bytes(b"no picture")
    recipe = make_recipe(tables())
    job = check_job(recipe, open_source(images), tmp_path / "shards").unpacked()
    assert "a set in" in str(job)
    survey = survey_sources(recipe, job.source, job.cache, workers=1)
    assert "13 images in 2 classes, 1 set aside" in str(survey)
    assert "a/bad.png (not a picture: text)" in str(survey)
    assignment = assign_splits(job, survey)
    assert "8 train, 2 val, 2 test, 0 in no split" in str(assignment)
    plan = plan_shards(assignment.survey, recipe)
    assert str(plan).splitlines() == [
        "28 rows in 3 shards", "train-00000.h5  24 rows of 8 sources", "val-00000.h5  2 rows of 2 sources",
        "test-00000.h5  2 rows of 2 sources"]


def test_what_a_stopped_build_decided_by_other_labels_is_decided_again(folder, tables, tmp_path, monkeypatch):
    recipe = make_recipe(tables())
    job = check_job(recipe, open_source(folder(a=6, b=6)), tmp_path / "shards").unpacked()
    asked = []

    def by_labels(recipe, facts, labels):
        asked.append(labels)
        return SetDecisions("light" if len(asked) > 1 and labels[0] == 0 else "dark")
    monkeypatch.setattr("tenfold.preprocess.survey.survey.decide", by_labels)

    def decided(source) -> str:
        asked.clear()
        return survey_sources(recipe, source, job.cache, workers=1).decisions.polarity
    corrected = dataclasses.replace(job.source, labels=1 - job.source.labels)
    assert (decided(job.source), decided(corrected)) == ("light", "dark")
    decided(job.source)
    assert not asked                             # kept for the same labels


def test_sources_have_one_number_everywhere(folder, tables, tmp_path):
    images = folder(a=6, b=6)
    (images / "a" / "000a.png").write_bytes(b"no picture")           # all behind it are numbered one less than listed
    recipe = make_recipe(tables(source={"max_bad": 0.5}))
    source = open_source(images)
    job = check_job(recipe, source, tmp_path / "survey").unpacked()
    survey = survey_sources(recipe, source, job.cache, workers=1)
    assert len(survey) == 12
    assert [source.paths[row] for row in survey.listed] == survey.paths
    augment(recipe, source, tmp_path / "shards", workers=1)
    shards = open_set(tmp_path / "shards")
    assert survey.paths == shards.sources.paths()
    for split in ("train", "val", "test"):
        for shard in shards.shards(split):
            assert (shard.labels == survey.labels[shard.sources]).all()


def test_a_build_and_a_report_leave_the_process_as_it_was(folder, tables, tmp_path):
    images, recipe = folder(a=6, b=6), make_recipe(tables())
    (images / "a" / "bad.png").write_bytes(b"no picture")
    before = process_state()
    cv2.setNumThreads(3)
    try:
        changed = process_state()
        result = augment(recipe, open_source(images), tmp_path / "shards", workers=1)
        report(recipe, open_source(images), tmp_path / "seen", workers=1)
        assert process_state() == changed
    finally:
        cv2.setNumThreads(before[0])
    assert (result.rows, result.shards, result.skipped) == ({"train": 24, "val": 2, "test": 2}, 3, 1)
    assert result.folder == tmp_path / "shards"
    assert result.digest == json.loads((result.folder / "dataset.json").read_text())["digest"]
    assert result.images_per_second == 28 / result.seconds
    assert np.isfinite(result.seconds)


def test_workers_stand_in_the_folder_of_who_asks(tmp_path, monkeypatch):
    for name in ("one", "two"):                  # in a notebook, the workers of the first build live on
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert run_tasks(os.path.abspath, ["x", "y"], 2, Progress("stand", "task", [1, 1])) == [
            os.path.abspath("x"), os.path.abspath("y")]
