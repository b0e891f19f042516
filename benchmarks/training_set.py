"""A set of random rows to train on, for the benchmarks of training."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

CANVAS, CLASSES = (90, 90), 52


def make_set(folder: Path, args: argparse.Namespace) -> Any:
    """A set of random rows, as `make augment` would leave it."""
    from tenfold.data.recipe import make_recipe, recipe_tables
    from tenfold.data.schema import SCHEMA, SET_SCHEMA
    from tenfold.data.shard import write_shard
    from tenfold.data.shardset import open_set, write_index
    from tenfold.data.source_columns import write_source_table
    recipe = make_recipe({"name": "bench", "draw": {"canvas": list(CANVAS), "copies": 1}, "model": {"name": args.model},
                          "train": {"batch": args.batch, "schedule": "constant", "warmup": 0.0, "epochs": 10**6,
                                    "engine": args.engine}})
    rng, count = np.random.default_rng(0), args.steps * args.batch
    image = rng.integers(0, 256, (count, *CANVAS, 1), np.uint8)
    columns = {"label": rng.integers(0, CLASSES, count), "source": np.zeros(count), "copy": np.arange(count)}
    folder.mkdir(parents=True)
    facts = write_shard(folder / "train-00000.h5", image, columns,
                        {"schema": SCHEMA, "split": "train", "recipe": "", "plan": ""}, "none")
    shard = {"split": "train"} | {k: facts[k] for k in ("name", "rows", "bytes", "sha256")}
    write_index(folder, {"schema": SET_SCHEMA, "classes": [str(i) for i in range(CLASSES)], "canvas": list(CANVAS),
                         "channels": 1, "mean": [0.5], "std": [0.29], "rows": {"train": count, "val": 0, "test": 0},
                         "digest": "", "shards": [shard],
                         "sources": write_source_table(folder, {"path": ["x"]}), "recipe": recipe_tables(recipe)})
    return open_set(folder), recipe, image, columns["label"]
