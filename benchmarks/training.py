"""python -m benchmarks.training: what the loop adds to the network itself.

Our run, streaming shards, beside a loop written by hand over the same tensors already in memory: same
network, optimiser, precision and batches. Repeats take turns; the median of the pairs' ratios counts.
"""

import dataclasses
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.rows import append
from data.command import parser, run

CANVAS, BATCH, STEPS, REPEATS = (90, 90), 512, 8, 5


def make_set(folder: Path, rows: int):
    """A set of random rows, as `make augment` would leave it."""
    from data.recipe import make_recipe, recipe_tables
    from data.shard import open_set, write_index, write_shard
    recipe = make_recipe({"name": "bench", "draw": {"canvas": list(CANVAS), "copies": 1},
                          "model": {"name": "resnet", "widths": [32, 64, 128]},
                          "train": {"batch": BATCH, "schedule": "constant", "warmup": 0.0}})
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (rows, *CANVAS, 1), np.uint8)
    columns = {"label": rng.integers(0, 52, rows), "source": np.zeros(rows), "copy": np.arange(rows)}
    facts = write_shard(folder / "train-00000.h5", image, columns,
                        {"schema": 1, "split": "train", "recipe": "", "plan": ""}, "none")
    shard = {"split": "train"} | {k: facts[k] for k in ("name", "rows", "bytes", "sha256")}
    write_index(folder, {"schema": 1, "classes": [str(i) for i in range(52)], "canvas": list(CANVAS), "channels": 1,
                         "mean": [0.5], "std": [0.29], "rows": {"train": rows, "val": 0, "test": 0}, "digest": "",
                         "shards": [shard], "sources": [{"path": "x"}], "recipe": recipe_tables(recipe)})
    return open_set(folder), recipe, image, columns["label"]


def measure(args) -> dict:
    import torch
    from torch.nn import functional as F

    from train.clock import Clock
    from train.device import autocast, choose_device, synchronise
    from train.loop import Run
    device = choose_device(args.device)
    with tempfile.TemporaryDirectory(dir=".") as place:
        shards, recipe, image, label = make_set(Path(place), STEPS * BATCH)
        how = dataclasses.replace(recipe.train, engine=args.engine)
        ours = Run(shards, dataclasses.replace(recipe, train=how), Path(place), device, Clock(1e9, time.monotonic()))
        hand = Run(shards, dataclasses.replace(recipe, train=how), Path(place), device, Clock(1e9, time.monotonic()))
        x, y = torch.from_numpy(image).to(device), torch.from_numpy(label).to(device)
        epochs = iter(range(10**6))

        def our_epoch():
            for pair in ours.train.epoch(next(epochs)):
                ours._step(*pair, lr=0.001)

        def hand_epoch():
            for start in range(0, STEPS * BATCH, BATCH):
                with autocast(device, how.precision):
                    logits = hand.model(hand.normalise(x[start:start + BATCH]))
                F.cross_entropy(logits.float(), y[start:start + BATCH]).backward()
                hand.optimizer.step()
                hand.optimizer.zero_grad(set_to_none=True)

        rates = {our_epoch: [], hand_epoch: []}
        for repeat in range(args.repeats + 1):           # the first warms up
            for epoch in rates:
                start = time.perf_counter()
                epoch()
                synchronise(device)
                if repeat:
                    rates[epoch].append(STEPS * BATCH / (time.perf_counter() - start))
        for one in (ours, hand):
            one.train.close()
            one.val.close()
    ratio = statistics.median(a / b for a, b in zip(rates[our_epoch], rates[hand_epoch], strict=True))
    setting = f"resnet 32-64-128, 90×90×1, batch {BATCH}, {args.engine} engine, {device}"
    append("training, images/s beside a hand-written loop", setting, rates[our_epoch], ratio)
    print(f"{setting}: ours {statistics.median(rates[our_epoch]):.0f} images/s, by hand "
          f"{statistics.median(rates[hand_epoch]):.0f}, ratio {ratio:.3f}")
    return {"ratio": ratio, "images_per_second": statistics.median(rates[our_epoch])}


def main(argv=None) -> int:
    made = parser("python -m benchmarks.training", "Time the training loop beside one written by hand.")
    made.add_argument("--engine", default="threads", choices=("threads", "memory"))
    made.add_argument("--device", help="cpu, cuda or mps (default: the best there is)")
    made.add_argument("--repeats", type=int, default=REPEATS)
    return run(measure, made.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
