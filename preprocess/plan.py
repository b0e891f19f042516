"""Which row lies where: pure functions of the recipe, the split and the sources' pixels."""

from dataclasses import dataclass

import numpy as np

from tenfold.data.recipe import Recipe, digest_of, pixels_digest
from tenfold.data.schema import SCHEMA, SPLITS, shard_name


@dataclass(frozen=True)
class ShardPlan:
    """One shard: its rows in the order in which they are written."""
    name: str
    split: str
    sources: np.ndarray      # int64 (rows,), index into the list of good sources
    copies: np.ndarray       # int64 (rows,)
    attributes: dict         # as in data.schema.ATTRIBUTES


def rows_per_shard(total: int, row_bytes: int, megabytes: int) -> int:
    """At least eight shards once they have 512 rows each, so that workers share the work evenly
    (the count must not depend on the number of workers), and none above `megabytes`."""
    return max(1, min((megabytes << 20) // row_bytes, max(512, -(-total // 8))))


def plan_shards(splits: np.ndarray, labels: np.ndarray, digests: list[str], recipe: Recipe) -> list[ShardPlan]:
    """Every row of every split in random order, cut into shards.

    splits (n,) of "train", "val", "test"; labels (n,); digests: n strings that name the sources' pixels.
    A training source has draw.copies rows, a held-out one a single plain row.
    """
    height, width = recipe.draw.canvas
    row_bytes = height * width * recipe.clean.channels
    made_by = pixels_digest(recipe)
    plans = []
    for number, split in enumerate(SPLITS):
        members = np.flatnonzero(splits == split)
        copies = recipe.draw.copies if split == "train" else 1
        order = np.random.default_rng([recipe.seed, 2, number]).permutation(len(members) * copies)
        size = rows_per_shard(len(order), row_bytes, recipe.shards.megabytes)
        for k, start in enumerate(range(0, len(order), size)):
            rows = order[start:start + size]
            sources, copy = members[rows // copies], rows % copies
            held = np.unique(sources)
            plan = digest_of([[digests[s] for s in held], labels[held].tolist(), sources.tolist(), copy.tolist()])
            plans.append(ShardPlan(shard_name(split, k), split, sources, copy, {
                "schema": SCHEMA, "split": split, "recipe": made_by, "plan": plan}))
    return plans
