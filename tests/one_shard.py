"""One small shard, and a set of it, for the tests of what can be wrong with them."""

import numpy as np

from tenfold.data.digests import hash_file
from tenfold.data.recipe import make_recipe, recipe_tables
from tenfold.data.shard import write_shard
from tenfold.data.shardset import write_index
from tenfold.data.source_columns import write_source_table

ROWS, SHAPE = 70, (11, 13, 3)
ATTRIBUTES = {"schema": 1, "split": "train", "recipe": "r" * 32, "plan": "p" * 32}
IMAGE = np.random.default_rng(0).integers(0, 256, (ROWS, *SHAPE), np.uint8)
ROW = {"label": np.arange(ROWS) % 2, "source": np.arange(ROWS) % 5, "copy": np.arange(ROWS) // 5}


def write(folder, compression="none", name="train-00000.h5", **over):
    return write_shard(folder / name, over.pop("image", IMAGE), {**ROW, **over}, ATTRIBUTES, compression)


def facts_of(path):
    """What dataset.json says of a shard of these rows, however it was written."""
    return {"name": path.name, "rows": ROWS, "bytes": path.stat().st_size, "sha256": hash_file(path).whole}


def index(folder, tables, facts):
    write_index(folder, {
        "schema": 2, "classes": ["a", "b"], "rows": {"train": ROWS, "val": 0, "test": 0}, "canvas": list(SHAPE[:2]),
        "channels": 3, "mean": [0.5] * 3, "std": [0.2] * 3, "digest": "d",
        "recipe": recipe_tables(make_recipe(tables())),
        "sources": write_source_table(folder, {"path": list("01234")}),
        "shards": [{"split": "train"} | {k: facts[k] for k in ("name", "rows", "bytes", "sha256")}]})
