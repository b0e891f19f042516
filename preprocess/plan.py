"""Plan a set: which row goes to which shard; a pure function of the recipe, the splits and the pixels."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from tenfold.data.random_streams import PLAN
from tenfold.data.recipe import Recipe, digest_of, pixels_digest
from tenfold.data.schema import SCHEMA, SPLITS, shard_name
from tenfold.data.unique import unique
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
    """All shards of a set. The plan of each is only made when it is needed, from the random order of its split."""
    survey: Survey
    recipe: Recipe
    places: list[tuple[str, int, int]]       # (split, number in the split, rows) of each shard
    orders: dict[str, np.ndarray]            # the rows of each split in random order: uint32 or uint64 (rows,)

    @property
    def counts(self) -> list[int]:
        """Rows of each shard."""
        return [count for _, _, count in self.places]

    @property
    def rows(self) -> int:
        """Rows of all shards."""
        return sum(self.counts)

    @property
    def shards(self) -> Iterator[ShardPlan]:
        """Yield the plan of each shard."""
        survey, made_by = self.survey, pixels_digest(self.recipe)
        for split, places in groupby(self.places, key=lambda place: place[0]):
            members, start = np.flatnonzero(survey.splits == split), 0
            for _, k, count in places:
                rows, start = self.orders[split][start:start + count].astype(np.int64), start + count
                copies = copies_of(split, self.recipe)
                numbers, copy = members[rows // copies], rows % copies
                held = unique(numbers)
                digest = digest_of([survey.digests(held), survey.labels[held], numbers, copy])
                yield ShardPlan(shard_name(split, k), split, numbers, copy, {
                    "schema": SCHEMA, "split": split, "recipe": made_by, "plan": digest})

    def __str__(self) -> str:
        return "\n".join([f"{self.rows} rows in {len(self.places)} shards"] + [
            f"{shard.name}  {len(shard)} rows of {len(np.unique(shard.sources))} sources" for shard in self.shards])


def copies_of(split: str, recipe: Recipe) -> int:
    """Return how many rows each source of a split has: draw.copies in train, one plain row in val and test."""
    return recipe.draw.copies if split == "train" else 1


def rows_per_shard(total: int, row_bytes: int, megabytes: int) -> int:
    """Return how many rows a shard holds, if its split has `total` rows.

    No shard is larger than `megabytes`. A split has at least eight shards as long as they have 512 rows each, so that
    workers share the work evenly; the number of shards must not depend on the number of workers.
    """
    return max(1, min((megabytes << 20) // row_bytes, max(512, -(-total // 8))))


def plan_shards(survey: Survey, recipe: Recipe) -> Plan:
    """Put the rows of each split into random order, and divide them into shards. survey: with assigned splits."""
    height, width = recipe.draw.canvas
    row_bytes = height * width * recipe.clean.channels
    places, orders = [], {}
    for stream, split in enumerate(SPLITS):
        total = int((survey.splits == split).sum()) * copies_of(split, recipe)
        orders[split] = order = np.arange(total, dtype=np.uint32 if total < 2**32 else np.uint64)
        np.random.default_rng([recipe.seed, PLAN, stream]).shuffle(order)
        size = rows_per_shard(total, row_bytes, recipe.shards.megabytes)
        places += [(split, k, min(size, total - start)) for k, start in enumerate(range(0, total, size))]
    return Plan(survey, recipe, places, orders)
