"""python -m benchmarks.steps: what a training step costs, in seconds of the processor on one thread.

optimizers: the same network and batch with each optimizer, and with torch's own Muon in the place of ours.
frozen: a SqueezeNet whose backbone is frozen, its step on images, on kept features, and computing the features.
folded: efficientnet_lite0 evaluated at some sizes, with batch normalisation folded into convolutions, in smaller parts.
Repeats take turns; the median counts. The ratio is to the first: SGD's step, the step on images, the plain pass.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks import rows
from tenfold.data.command import make_parser, run
from tenfold.data.tables import Train

PARTS = ("optimizers", "frozen", "folded")
OPTIMIZERS = ("sgd", "adamw", "muon", "torch's muon")
NETWORKS: dict[str, dict] = {"resnet": {"widths": [32, 64, 128]}, "seresnet": {"widths": [64, 128, 256], "depth": 1}}
PASSES = (96, 128, 160, 224)                  # sides at which efficientnet_lite0 is evaluated
SIZES = {"resnet": 64, "seresnet": 32}        # of square pictures in RGB


def optimizer_steps(name: str, batch: int) -> dict[str, Callable[[], None]]:
    """A training step of a network with each optimizer."""
    import torch
    from torch.nn import functional as F

    from tenfold.train.learn.optimizer import make_optimizer
    from tenfold.train.models.build import build_model
    size = SIZES[name]
    steps: dict[str, Callable[[], None]] = {}
    x, y = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last), torch.arange(batch) % 10
    for kind in OPTIMIZERS:
        torch.manual_seed(0)
        model = build_model(name, NETWORKS[name], 3, 10, (size, size)).to(memory_format=torch.channels_last)
        optimizer = make_optimizer(model, Train(optimizer=kind.split()[-1], lr=1e-3))
        if kind.startswith("torch"):
            groups = [{**group, "params": group["params"]} for group in optimizer.parts[1].param_groups]
            optimizer.parts[1] = torch.optim.Muon(groups, lr=1e-3, adjust_lr_fn="match_rms_adamw")

        def step(model=model, optimizer=optimizer) -> None:
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        steps[kind] = step
    return steps


def frozen_steps(batch: int) -> dict[str, Callable[[], None]]:
    """A step of a SqueezeNet's head on 160×160 images and on kept features, and the features of a batch."""
    import torch
    from torch.nn import functional as F

    from tenfold.train.learn.features import Features
    from tenfold.train.learn.frozen import split_network
    from tenfold.train.learn.optimizer import make_optimizer
    from tenfold.train.models.build import build_model
    from tenfold.train.models.pretrained import freeze
    model = build_model("squeezenet1_0", {}, 3, 2, (160, 160)).to(memory_format=torch.channels_last)
    freeze(model, ["backbone"])
    graphs = split_network(model)
    assert graphs is not None
    parts = graphs.parts(model)
    optimizer = make_optimizer(model, Train(lr=1e-3))
    x, y = torch.randn(batch, 3, 160, 160).to(memory_format=torch.channels_last), torch.arange(batch) % 2
    with torch.no_grad():
        features = Features(batch, parts[0](x))
        features.put(0, parts[0](x), y)

    def learn(logits: torch.Tensor, label: torch.Tensor) -> None:
        F.cross_entropy(logits, label).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def on_features() -> None:
        values, label = features.take(torch.randperm(batch))
        learn(parts[1](values), label)
    return {"on images": lambda: learn(model(x), y), "on features": on_features,
            "features": torch.no_grad()(lambda: parts[0](x))}


def folded_passes(size: int, batch: int) -> dict[str, Callable[[], None]]:
    """A pass of a batch through efficientnet_lite0, as it is and folded, at once and eight pictures at a time."""
    import torch

    from tenfold.train.models.build import build_model
    from tenfold.train.models.folded import folded
    plain = build_model("efficientnet_lite0", {}, 3, 2, (size, size), check=False).eval()
    plain.to(memory_format=torch.channels_last)
    x = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def evaluate(model: torch.nn.Module, at_once: int) -> None:
        for part in x.split(at_once):
            model(part)
    return {f"{name}, {at_once}": partial(evaluate, model, at_once)
            for name, model in (("plain", plain), ("folded", folded(plain))) for at_once in (batch, 8)}


def seconds(steps: dict[str, Callable[[], None]], repeats: int) -> dict[str, list[float]]:
    """Processor seconds of each step, of every repeat; the first one, which is slower, is left out."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(repeats + 1):
        for name, step in steps.items():
            begin = time.process_time()
            step()
            if repeat:
                taken[name].append(time.process_time() - begin)
    return taken


def measure(args: argparse.Namespace) -> dict:
    """Run the parts and return {"rows": …}."""
    import torch
    torch.set_num_threads(1)
    made, parts = [], dict[str, Callable[[int], dict[str, Callable[[], None]]]]()
    if "optimizers" in args.parts:
        parts |= {f"optimizer step, {name}": partial(optimizer_steps, name) for name in NETWORKS}
    if "frozen" in args.parts:
        parts["frozen backbone, step"] = frozen_steps
    if "folded" in args.parts:
        parts |= {f"efficientnet_lite0, {size} pixels": partial(folded_passes, size) for size in PASSES}
    for question, make in parts.items():
        taken = seconds(make(args.batch), args.repeats)
        first = statistics.median(next(iter(taken.values())))
        for name, values in taken.items():
            ratio = statistics.median(values) / first
            print(f"{question:30} {name:14} {1e3 * statistics.median(values):9.1f} ms  {ratio:6.2f}")
            if args.record:
                made.append(rows.append(f"{question}, CPU seconds", f"{name}, batch {args.batch}", values, ratio))
    return {"rows": made}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.steps", "Time training steps by the processor's clock.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--record", action="store_true", help="append the rows to benchmarks/results.tsv")
    return run(measure, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
