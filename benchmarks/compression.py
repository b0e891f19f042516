"""python -m benchmarks.compression: what compressing shards saves on disk, and what it costs to read them.

For each of none, lzf and gzip: megabytes on disk, seconds to draw and write the set (one worker),
and shuffled images per second from the threads engine with the page cache warm.
"""

import dataclasses
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rows import append
from data.command import parser, run
from data.recipe import read_recipe

REPEATS = 5


def measure(args) -> dict:
    import torch

    from data.shard import open_set
    from preprocess.build import build
    from train.batches import open_batches
    recipe = read_recipe(args.recipe, args.set)
    facts = {}
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for kind in ("none", "lzf", "gzip"):
            made = dataclasses.replace(recipe, shards=dataclasses.replace(recipe.shards, compression=kind))
            start = time.monotonic()
            build(made, args.data or recipe.source.data, Path(folder) / kind, workers=1)
            seconds = time.monotonic() - start
            shards = open_set(Path(folder) / kind)
            how = dataclasses.replace(recipe.train, engine="threads", workers=2)
            batches = open_batches(shards, "train", how, 0, torch.device("cpu"), shuffle=True)
            rates = [_rate(batches, epoch) for epoch in range(REPEATS + 1)][1:]     # the first warms the cache
            batches.close()
            size = sum(s["bytes"] for s in shards.index["shards"]) / 1e6
            facts[kind] = {"megabytes": size, "build_seconds": seconds, "images_per_second": statistics.median(rates)}
            ratio = facts[kind]["images_per_second"] / facts["none"]["images_per_second"]
            append("compression, shuffled images/s", f"{recipe.name} {kind}: {size:.1f} MB, built in {seconds:.1f} s",
                   rates, ratio)
            print(f"{kind:5} {size:8.1f} MB  built in {seconds:5.1f} s  {statistics.median(rates):9.0f} images/s  "
                  f"({ratio:.2f} of none)")
    return facts


def _rate(batches, epoch: int) -> float:
    start, images = time.perf_counter(), 0
    for _, label in batches.epoch(epoch):
        images += len(label)
    return images / (time.perf_counter() - start)


def main(argv=None) -> int:
    made = parser("python -m benchmarks.compression", "Time shards with and without compression.")
    made.add_argument("--recipe", default="recipes/letters.toml")
    made.add_argument("--data", help="folder or .npz (default: the recipe's)")
    return run(measure, made.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
