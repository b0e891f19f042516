"""Between survey and plan: which of the images that can be used are held out, and what is to be said of that."""

from dataclasses import dataclass, replace

import numpy as np

from tenfold.data.recipe import Recipe
from tenfold.data.sources.opening import Source
from tenfold.data.splits.assign import Images, duplicates, split_sources
from tenfold.data.splits.groups import near_to_hold
from tenfold.data.splits.notes import remarks_on_split
from tenfold.preprocess.survey.fingerprint import near_groups
from tenfold.preprocess.survey.survey import Survey


@dataclass(frozen=True)
class Parts:
    """A split of the images that can be used."""
    splits: np.ndarray           # (n,) "train", "val", "test"; "" in no part
    near: dict                   # as data.split.duplicates: pictures that look the same though their pixels differ
    notes: list[str]             # lines for people


def hold_out(recipe: Recipe, source: Source, seen: Survey, groups, plain: bool) -> Parts:
    """Cut the images into parts. groups: what source_groups returned; plain: everything is test, as for scoring."""
    facts, good = [seen.facts[i] for i in seen.good], seen.good.tolist()
    names, notes = groups
    images = Images(source.labels[seen.good], [row.digest for row in facts], [source.official[i] for i in good],
                    [names[i] for i in good] if names else None)
    if plain:
        return Parts(_all_test(images.official), duplicates([], [], [], []), [])
    near = near_groups([row.look for row in facts])
    notes = list(notes)
    if recipe.split.near_duplicates == "together":
        held, lines = near_to_hold(replace(images, near=near), source.classes, recipe.split)
        images = replace(images, near=held)
        notes += lines
    splits = split_sources(images, source.classes, recipe.split, recipe.seed)
    notes += remarks_on_split(images, splits, source.classes, recipe.split)
    return Parts(splits, _look_alikes(images, near, splits, [source.paths[i] for i in good]), notes)


def _all_test(official) -> np.ndarray:
    """Everything is held out, or what is official test where anything is."""
    keep = {"test"} if "test" in official else {"train", "val", "test", None}
    return np.array(["test" if part in keep else "" for part in official])


def _look_alikes(images: Images, near, splits, paths) -> dict:
    """As data.split.duplicates, of pictures that look the same though their pixels differ."""
    digests = {}
    for number, digest in zip(near, images.digests, strict=True):
        digests.setdefault(number, set()).add(digest)
    keys = [number if len(digests[number]) > 1 else f"alone {i}" for i, number in enumerate(near)]
    return duplicates(images.labels, keys, splits, paths)
