"""python -m benchmarks.training: what the loop adds to the network itself, and how long until it begins.

loop: our run, streaming shards, beside a loop written by hand over the same tensors, already in the
device's memory: same network, optimizer, precision, batches and mode of torch.compile. Repeats take
turns; the median of the pairs' ratios counts.
startup: `python -m train --help`, and from the command to the end of the first optimizer step.
"""

import argparse
import dataclasses
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import rows
from benchmarks.scratch import scratch_folder
from benchmarks.training_set import make_set
from benchmarks.training_startup import time_startup
from tenfold.data.command import make_parser, run
from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet

PARTS, MODES = ("loop", "startup"), ("none", "default", "reduce-overhead", "max-autotune")
AT_LEAST = 0.5               # seconds of a repeat: whole epochs until then
# dense bfloat16 FLOP/s with float32 sums, from the makers' data sheets; the first name that fits counts
PEAKS = {"H100 PCIe": 756e12, "H100 NVL": 835e12, "H100": 989e12, "H200": 989e12, "B200": 2250e12, "A100": 312e12,
         "A10G": 70e12, "A10": 125e12, "L40S": 362e12, "L4": 121e12, "RTX 4090": 165e12, "RTX 3090": 71e12}


def open_trainer(shards: ShardSet, recipe: Recipe, device: Any, mode: str) -> Any:
    """A trainer that is about to take its first step, with a budget of no end."""
    from tenfold.train.run.clock import Clock
    from tenfold.train.run.loop import Trainer
    config = dataclasses.replace(recipe.train, compile=mode)
    trainer = Trainer(shards, dataclasses.replace(recipe, train=config), shards.folder, Clock(1e9, time.monotonic()),
                      device)
    trainer.pace.clock.begin()
    return trainer


def ours(shards: ShardSet, recipe: Recipe, device: Any, mode: str) -> Any:
    """(an epoch of our own loop, its trainer)."""
    from tqdm import tqdm
    trainer, bar = open_trainer(shards, recipe, device, mode), tqdm(disable=True)
    trainer.learner.prepare(trainer.feed.batch, shards.row_shape)

    def epoch() -> None:
        trainer._steps(lambda: False, bar)
        trainer.step_metrics.clear()
    return epoch, trainer


def by_hand(shards: ShardSet, recipe: Recipe, device: Any, mode: str, x: Any, y: Any) -> Any:
    """(an epoch as one would write it over tensors that lie on the device, its trainer: for what it is made of)."""
    import torch
    from torch.nn import functional as F

    from tenfold.train.precision import autocast
    trainer, batch = open_trainer(shards, recipe, device, mode), recipe.train.batch_rows
    learner, cast = trainer.learner, autocast(device, recipe.train.precision)

    def loss(image: np.ndarray, label: np.ndarray) -> Any:
        with cast:
            logits = learner.model(learner.normalise(image))
        return F.cross_entropy(logits.float(), label)
    learner.loss = loss
    fast = loss if mode == "none" else torch.compile(loss, mode=mode, dynamic=False)

    def epoch() -> None:
        for start in range(0, len(y), batch):
            fast(x[start:start + batch], y[start:start + batch]).backward()
            learner.optimizer.step()
            learner.optimizer.zero_grad(set_to_none=True)
    return epoch, trainer


def rate(epoch: Callable[[], Any], images: int, device: Any) -> tuple[float, float]:
    """(images/s, images in a second of this process's own CPU time) of whole epochs."""
    from tenfold.train.device import synchronise
    done, start, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < AT_LEAST:
        epoch()
        synchronise(device)
        done += images
    return done / (time.perf_counter() - start), done / (time.process_time() - cpu)


def flops(learner: Any, x: Any, y: Any) -> int:
    """Of one step's forward and backward pass: convolutions and matrix products, an add and a multiply are two."""
    from torch.utils.flop_counter import FlopCounterMode
    with FlopCounterMode(display=False) as counter:
        learner.loss(x, y).backward()
    learner.optimizer.zero_grad(set_to_none=True)
    return counter.get_total_flops()


def time_loop(args: argparse.Namespace, folder: Path) -> dict:
    """images/s, ratio, share of waiting and of the device's peak, for each mode of torch.compile."""
    import torch

    from tenfold.train.device import choose_device, keep_freed_memory
    keep_freed_memory()                          # as the command does
    device = choose_device(args.device)
    args.steps = args.steps or (8 if device.type == "cpu" else 64)
    shards, recipe, image, label = make_set(folder / "set", args)
    x, y = torch.from_numpy(image).to(device), torch.from_numpy(label).to(device)
    modes = args.compile or (["none"] if device.type == "cpu" else list(MODES[:3]))
    pairs = {mode: (ours(shards, recipe, device, mode), by_hand(shards, recipe, device, mode, x, y)) for mode in modes}
    rates: dict[tuple[str, int], list[tuple[float, float]]] = {(mode, who): [] for mode in modes for who in (0, 1)}
    for repeat in range(args.repeats + 1):               # the first compiles and warms up
        for (mode, who), got in (list(rates.items()) if repeat % 2 else reversed(list(rates.items()))):
            measured = rate(pairs[mode][who][0], len(y), device)
            if repeat:
                got.append(measured)
            elif not who:
                state = pairs[mode][0][1].state
                state.waiting = state.training = 0.0
    work = flops(pairs[modes[0]][1][1].learner, x[:args.batch], y[:args.batch]) / args.batch
    for _, trainer in itertools.chain(*pairs.values()):
        trainer.close()
    where, what = rows.name_of(device), f"{args.model}, 90×90×1, batch {args.batch}, {args.engine} engine"
    return {mode: record_loop(mode, what, rates, pairs[mode][0][1].state, work, where) for mode in modes}


def record_loop(mode: str, what: str, rates: dict[tuple[str, int], list[tuple[float, float]]], state: Any,
                work: float, where: str) -> dict:
    """Print and record what was measured for one mode."""
    (mine, my_cpu), (hand, hand_cpu) = (zip(*rates[mode, who], strict=True) for who in (0, 1))
    ratio, cpu_ratio = (statistics.median(a / b for a, b in zip(*pair, strict=True))
                        for pair in ((mine, hand), (my_cpu, hand_cpu)))
    wait = state.waiting / state.training
    peak = next((peak for name, peak in PEAKS.items() if name in where), None)
    share = peak and statistics.median(mine) * work / peak
    setting = f"{what}, compile {mode}"
    rows.append("training, images/s beside a hand-written loop", setting, mine, ratio, where)
    if " cores, " in where:                      # what else runs there does not count
        rows.append("training, images in a CPU second beside a hand-written loop", setting, my_cpu, cpu_ratio, where)
    rows.append("training, share of the loop's time spent waiting for data", setting, [wait], device=where)
    if share:
        rows.append("training, share of the device's bfloat16 peak", setting, [r * work / peak for r in mine], share,
                    where)
    print(f"{setting}: ours {statistics.median(mine):,.0f} images/s, by hand {statistics.median(hand):,.0f}, ratio "
          f"{ratio:.3f} ({cpu_ratio:.3f} in CPU time); {wait:.2%} waiting for data; {work / 1e6:.0f} MFLOP an image"
          + (f", {share:.1%} of the device's peak" if share else ""))
    return {"ratio": ratio, "cpu_ratio": cpu_ratio, "images_per_second": statistics.median(mine),
            "by_hand": statistics.median(hand), "data_wait_fraction": wait, "share_of_peak": share}


def measure(args: argparse.Namespace) -> dict:
    """Time the parts that are asked for."""
    if args.rows:
        rows.TABLE = Path(args.rows)
    with scratch_folder() as place:
        parts = {"loop": time_loop, "startup": time_startup}
        return {part: parts[part](args, Path(place).resolve()) for part in args.parts}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.training", "Time the training loop beside one written by hand.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["loop"])
    parser.add_argument("--compile", nargs="+", choices=MODES, help="modes of torch.compile (default: none on the CPU)")
    parser.add_argument("--engine", default="threads", choices=("threads", "memory"))
    parser.add_argument("--model", default="light2")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--steps", type=int, help="of an epoch (default: 8 on the CPU, 64 elsewhere)")
    parser.add_device()
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", help="file that the rows are appended to (default: benchmarks/results.tsv)")
    return run(measure, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
