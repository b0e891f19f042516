"""Plan a set: which row goes to which shard; a pure function of the recipe, the splits and the pixels."""

from dataclasses import dataclass

import numpy as np

from tenfold.data.random_streams import PLAN
from tenfold.data.recipe import Recipe, digest_of, pixels_digest
from tenfold.data.schema import SCHEMA, SPLITS, shard_name
from tenfold.preprocess.survey.table import Survey


@dataclass(frozen=True)
class ShardPlan:
    """The rows of one shard, in the order in which they are written."""
    name: str
    split: str
    sources: np.ndarray      # int64 (rows,), the number of each row's source
    copies: np.ndarray       # int64 (rows,), which copy of it
    attributes: dict         # as in data.schema.ATTRIBUTES

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True)
class Plan:
    """All shards of a set."""
    shards: tuple[ShardPlan, ...]

    @property
    def rows(self) -> int:
        """Rows of all shards."""
        return sum(map(len, self.shards))

    def __str__(self) -> str:
        return "\n".join([f"{self.rows} rows in {len(self.shards)} shards"] + [
            f"{shard.name}  {len(shard)} rows of {len(np.unique(shard.sources))} sources" for shard in self.shards])


def rows_per_shard(total: int, row_bytes: int, megabytes: int) -> int:
    """Return how many rows a shard holds, of `total` in its split.

    At least eight shards once they have 512 rows each, so that workers share the work evenly (the count must not
    depend on the number of workers), and none above `megabytes`.
    """
    return max(1, min((megabytes << 20) // row_bytes, max(512, -(-total // 8))))


def plan_shards(survey: Survey, recipe: Recipe) -> Plan:
    """Put every row of every split in random order, cut into shards.

    survey: with the splits of its images. A training source has draw.copies rows, a held-out one a single plain row.
    """
    splits, labels, digests = survey.splits, survey.labels, survey.digests
    height, width = recipe.draw.canvas
    row_bytes = height * width * recipe.clean.channels
    made_by = pixels_digest(recipe)
    shards = []
    for stream, split in enumerate(SPLITS):
        members = np.flatnonzero(splits == split)
        copies = recipe.draw.copies if split == "train" else 1
        order = np.random.default_rng([recipe.seed, PLAN, stream]).permutation(len(members) * copies)
        size = rows_per_shard(len(order), row_bytes, recipe.shards.megabytes)
        for k, start in enumerate(range(0, len(order), size)):
            rows = order[start:start + size]
            numbers, copy = members[rows // copies], rows % copies
            held = np.unique(numbers)
            digest = digest_of([digests[held].astype(str).tolist(), labels[held].tolist(), numbers.tolist(),
                                copy.tolist()])
            shards.append(ShardPlan(shard_name(split, k), split, numbers, copy, {
                "schema": SCHEMA, "split": split, "recipe": made_by, "plan": digest}))
    return Plan(tuple(shards))
