"""python -m benchmarks.graphs: training steps launched as one CUDA graph, beside the same steps kernel by kernel.

The ratio is graph to kernels, for networks as the recipes and the automatic mode train them. Repeats take turns.
"""

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import rows
from tenfold.data.command import make_parser, run
from tenfold.data.errors import MachineFault
from tenfold.data.recipe import make_recipe

AT_LEAST = 0.7               # seconds of a repeat
TURN = 5                     # steps between two looks at the clock
CROP = {"crop": 4, "flip": 0.5, "border": "reflect"}
# (canvas, batch, [model], [train], [augment])
STEPS: dict[str, tuple[tuple[int, int, int], int, dict, dict, dict]] = {
    "convnet on edges": ((32, 32, 1), 64, {"name": "convnet", "widths": [16, 32, 64], "repeat": 2, "gradients": 2},
                         {"ema": 0.99}, {}),
    "resnet, widths 48 to 192": ((32, 32, 1), 256, {"name": "resnet", "widths": [48, 96, 192], "depth": 1,
                                                    "stem_stride": 2}, {"ema": 0.99}, {}),
    "resnet, widths 64 to 512": ((32, 32, 3), 128, {"name": "resnet", "widths": [64, 128, 256, 512], "depth": 1},
                                 {"ema": 0.99}, CROP),
    "resnet50": ((350, 350, 1), 8, {"name": "resnet50"}, {"optimizer": "adam"}, {"blur": 1.0}),
    "resnet18 at 224": ((32, 32, 3), 128, {"name": "resnet18", "size": 224}, {"ema": 0.99}, CROP),
    "efficientnet_lite0 at 224": ((32, 32, 3), 64, {"name": "efficientnet_lite0", "size": 224}, {"ema": 0.99}, CROP),
    "SE-WRN-28-10": ((32, 32, 3), 256, {"name": "wrn", "depth": 28, "width": 10, "se": True},
                     {"optimizer": "sgd", "ema": 0.999}, CROP | {"cutmix": 0.5}),
}


@dataclass
class Described:
    """Stands for a set of shards: what a learner reads of one."""
    row_shape: tuple[int, int, int]
    classes: tuple[str, ...] = tuple(map(str, range(10)))

    def class_counts(self, split: str) -> np.ndarray:
        """Return the rows of each class: one."""
        return np.ones(len(self.classes))


def make_learner(name: str, device: Any) -> Any:
    """Return a learner with random weights, as STEPS[name] describes it."""
    from tenfold.train.learn.learner import Learner
    from tenfold.train.normalise import Normalise
    shape, batch, model, train, augment = STEPS[name]
    recipe = make_recipe({"name": "graphs", "draw": {"canvas": list(shape[:2]), "copies": 1},
                          "clean": {"channels": shape[2]}, "model": model, "augment": augment,
                          "train": train | {"batch": batch}})
    normalise = Normalise([0.5] * shape[2], [0.25] * shape[2], device, recipe.model.size)
    set_: Any = Described(shape)
    learner = Learner(set_, recipe, normalise, pretrained=False)
    learner.model.train()
    return learner


def rate(learner: Any, gradients: Callable[..., Any], name: str) -> float:
    """Return images a second of whole steps, with optimizer and EMA; gradients: the function that computes those."""
    from tenfold.train.device import synchronise
    shape, batch = STEPS[name][:2]
    image, label, _ = learner.example(batch, shape)
    learner.gradients, device = gradients, learner.normalise.device
    synchronise(device)
    begin, number = time.perf_counter(), 0
    while time.perf_counter() - begin < AT_LEAST:
        for _ in range(TURN):
            learner.step(image, label, learner.numbers(0, number, batch), 0.001, number)
            number += 1
        synchronise(device)
    return number * batch / (time.perf_counter() - begin)


def compare(name: str, device: Any, repeats: int) -> list[tuple[float, float]]:
    """Return (images/s with each kernel launched by itself, images/s with a CUDA graph) of each repeat.

    A first repeat, which warms up, is left out.
    """
    learner = make_learner(name, device)
    launched = learner.gradients
    learner.prepare(STEPS[name][1], STEPS[name][0])
    graph = learner.gradients
    return [(rate(learner, launched, name), rate(learner, graph, name)) for _ in range(repeats + 1)][1:]


def measure(args: argparse.Namespace) -> dict:
    """Time every network, and return {name: (images/s kernel by kernel, images/s as a graph)}."""
    import torch

    from tenfold.train.device import choose_device, is_cuda
    from tenfold.train.precision import tf32_matrices
    device = choose_device(args.device)
    if not is_cuda(device):
        raise MachineFault(f"device {device}", "has no CUDA graphs", "run this where there is a CUDA device")
    if args.rows:
        rows.TABLE = Path(args.rows)
    found = {}
    for name, (shape, batch, *_) in STEPS.items():
        with tf32_matrices(device):
            pairs = compare(name, device, args.repeats)
        launched, graph = zip(*pairs, strict=True)
        ratio = statistics.median(b / a for a, b in pairs)
        setting = f"{name}, {shape[0]}×{shape[1]}×{shape[2]}, batch {batch}"
        rows.append("training steps as a CUDA graph, images/s", setting, graph, ratio, rows.name_of(device))
        found[name] = statistics.median(launched), statistics.median(graph)
        print(f"{name:28} {found[name][0]:10,.0f} images/s, as a graph {found[name][1]:10,.0f}, ratio {ratio:.2f}",
              flush=True)
        gc.collect()                             # the learner and its graph name each other
        torch.cuda.empty_cache()
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.graphs", "Time training steps with and without CUDA graphs.")
    parser.add_device()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", help="file that the rows are appended to (default: benchmarks/results.tsv)")
    return run(measure, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
