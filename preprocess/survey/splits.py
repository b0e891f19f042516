"""Assign each usable source image to a split, before any copy is made; find near-duplicates, which stay together."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tenfold.data.errors import SourceFault
from tenfold.data.schema import SPLITS
from tenfold.data.splits.assign import Images, duplicates, split_sources
from tenfold.data.splits.near import different, near_to_hold
from tenfold.data.splits.notes import split_notes
from tenfold.data.splits.series import Named, Series, find_series
from tenfold.data.wording import counted
from tenfold.preprocess.job import Job
from tenfold.preprocess.survey.fingerprint import find_near
from tenfold.preprocess.survey.sorting import THUMBNAIL
from tenfold.preprocess.survey.table import Survey


@dataclass(frozen=True)
class Assignment:
    """A survey with the split of each image, and the near-duplicates and notes that splitting found."""
    survey: Survey
    near_duplicates: dict                # pictures that look the same, in the form of data.splits.assign.duplicates
    notes: list[str] = field(default_factory=list)       # lines for people

    def __str__(self) -> str:
        counts = [f"{(self.survey.splits == split).sum()} {split or 'in no split'}" for split in (*SPLITS, "")]
        return "\n".join([", ".join(counts), *self.notes, str(self.survey)])


def assign_splits(job: Job, survey: Survey) -> Assignment:
    """Divide the usable images into train, val and test; in a plain build all are test images."""
    recipe = job.recipe
    if job.plain:
        return Assignment(survey.with_splits(_all_test(survey.official)), duplicates([], [], [], []))
    images = Images(survey.labels, survey.pixels, survey.official,
                    [job.groups[row] for row in survey.listed.tolist()] if job.groups else None,
                    contents=survey.contents)
    prints, notes = survey.column("fingerprint"), list(job.notes)
    near, links = find_near(prints)
    if recipe.split.near_duplicates == "together":
        # groups that were named are what belongs together, and official splits stay as they are
        series = None if images.groups or {"val", "test"} <= {*images.official} \
            else _series(survey, links, prints[:, THUMBNAIL])
        held, lines = near_to_hold(replace(images, near=near), survey.classes, recipe.split, series)
        images = replace(images, near=held)
        notes += lines
    if blank := int((near < 0).sum()):
        notes.append(f"near-duplicates: {counted(blank, 'image')} {'is' if blank == 1 else 'are'} nearly blank, "
                     "and not compared")
    splits = _split(job, images)
    notes += split_notes(images, splits, survey.classes, recipe.split)
    return Assignment(survey.with_splits(splits), _look_alikes(images, near, splits, survey.paths),
                      notes)


def _series(survey: Survey, links: np.ndarray, looks: np.ndarray) -> Series | None:
    """Return the series of files, such as frames of videos. links, looks: see find_series."""
    homes = survey.source.homes
    if homes is None:                            # an arrays file
        return None
    pictures = survey.pixels
    return find_series(Named(survey.paths, [homes[row] for row in survey.listed.tolist()], survey.labels),
                       links[pictures[links[:, 0]] != pictures[links[:, 1]]], looks)


def _split(job: Job, images: Images) -> np.ndarray:
    """Call split_sources; if source.per_class left images out, a fault about too few images names that setting."""
    recipe = job.recipe
    try:
        return split_sources(images, job.source.classes, recipe.split, recipe.seed)
    except SourceFault as fault:
        if len(job.source) == len(job.whole):
            raise
        cure = f"raise source.per_class, which is {recipe.source.per_class}, or {fault.cure}"
        raise SourceFault(fault.where, fault.fact, cure) from None


def _all_test(official: Sequence[str | None]) -> np.ndarray:
    """Return "test" for every image, or for those of the official test split if there is one."""
    kept = {"test"} if "test" in official else {"train", "val", "test", None}
    return np.array(["test" if split in kept else "" for split in official], "<U5")


def _look_alikes(images: Images, near: np.ndarray, splits: np.ndarray, paths: Sequence[str]) -> dict:
    """Return data.splits.assign.duplicates of pictures that look the same although their pixels differ."""
    alone = -1 - len(near) - np.arange(len(near))
    keys = np.where(different(near, images.digests) > 1, near, alone)
    return duplicates(images.labels, keys, splits, paths)
