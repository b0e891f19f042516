"""Assign each usable source image to a split, before any copy is made, and find near-duplicates on the way."""

from dataclasses import dataclass, field, replace

import numpy as np

from tenfold.data.splits.assign import Images, duplicates, split_sources
from tenfold.data.splits.groups import near_to_hold
from tenfold.data.splits.notes import split_notes
from tenfold.preprocess.job import Job
from tenfold.preprocess.survey.fingerprint import near_groups
from tenfold.preprocess.survey.table import Survey


@dataclass(frozen=True)
class Assignment:
    """A survey with the split of each image, and the duplicates and notes that splitting found."""
    survey: Survey
    near_duplicates: dict                # as data.splits.assign.duplicates: of pictures that look the same
    notes: list[str] = field(default_factory=list)       # lines for people

    def __str__(self) -> str:
        splits = [row.split for row in self.survey.sources]
        counts = ", ".join(f"{splits.count(split)} {split}" for split in ("train", "val", "test"))
        return "\n".join([f"{counts}, {splits.count('')} in no split", *self.notes, str(self.survey)])


def assign_splits(job: Job, survey: Survey) -> Assignment:
    """Cut the usable images into train, val and test; a plain build takes all of them as test."""
    sources, recipe = survey.sources, job.recipe
    labels = np.array([row.label for row in sources], np.int64)
    images = Images(labels, [row.facts.digest for row in sources], [row.official for row in sources],
                    [job.groups[row.listed] for row in sources] if job.groups else None)
    if job.plain:
        return Assignment(survey.with_splits(_all_test(images.official)), duplicates([], [], [], []))
    near, notes = near_groups([row.facts.fingerprint for row in sources]), list(job.group_notes)
    if recipe.split.near_duplicates == "together":
        held, lines = near_to_hold(replace(images, near=[*near]), survey.classes, recipe.split)
        images = replace(images, near=held)
        notes += lines
    splits = split_sources(images, survey.classes, recipe.split, recipe.seed)
    notes += split_notes(images, splits, survey.classes, recipe.split)
    return Assignment(survey.with_splits(splits), _look_alikes(images, near, splits, [row.path for row in sources]),
                      notes)


def _all_test(official: list[str | None]) -> list[str]:
    """Everything is held out, or what is official test where anything is."""
    kept = {"test"} if "test" in official else {"train", "val", "test", None}
    return ["test" if split in kept else "" for split in official]


def _look_alikes(images: Images, near: list[int], splits: np.ndarray, paths: list[str]) -> dict:
    """As data.splits.assign.duplicates, of pictures that look the same though their pixels differ."""
    digests: dict[int, set[str]] = {}
    for number, digest in zip(near, images.digests, strict=True):
        digests.setdefault(number, set()).add(digest)
    keys = [number if len(digests[number]) > 1 else f"alone {i}" for i, number in enumerate(near)]
    return duplicates(images.labels.tolist(), keys, splits.tolist(), paths)
