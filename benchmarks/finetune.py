"""python -m benchmarks.finetune: fine-tuning by our commands beside a plain torchvision loop of the same settings.

recipes/cifar10_finetune.toml with a SqueezeNet whose backbone is frozen, which two cores can train: same arrays,
weights, size, batch, optimizer, schedule and epochs. The loop is what a tutorial would write: float32, the whole set
in memory, the training images in a new order each epoch, torchvision's own head with its ReLU, at a rate that it bears;
and once more without that ReLU, as ours.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import append
from tenfold.data.command import make_parser, run
from tenfold.data.recipe import read_recipe
from tenfold.experiment import run_recipe

RECIPE = Path(__file__).parent.parent / "recipes/cifar10_finetune.toml"


def ours(args: argparse.Namespace, seed: int) -> tuple[float, float]:
    """Train and score by our pipeline; returns (top-1 of the test images, seconds of training)."""
    settings = [f"model.weights={Path(args.weights).resolve()}", "model.name=squeezenet1_0",
                'model.freeze=["backbone"]', f"model.size={args.size}", f"train.epochs={args.epochs}",
                f"train.lr={args.lr}", "train.budget=1h", f"seed={seed}"]
    options = argparse.Namespace(data=args.data, budget=None, tta=1, workers=0, device=None, resume=False)
    result = run_recipe(read_recipe(RECIPE, settings), Path("runs/finetune"), options)
    return result.scores[1].top1, result.run.facts["seconds"]


def by_hand(args: argparse.Namespace, seed: int, relu: bool = True) -> tuple[float, float]:
    """Train and score by a plain torchvision loop; returns the same two figures."""
    import torch
    from torch.nn import functional as F

    from tenfold.data.vision import torchvision
    start = time.perf_counter()
    arrays = np.load(args.data)
    arrays_x, arrays_y = arrays["x"], arrays["y"]
    official = arrays["split"] == "train"
    rng = np.random.default_rng(seed)
    train = rng.permutation(np.flatnonzero(official))[:int(0.9 * official.sum())]     # as many as ours has
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    def batch(rows: Any) -> Any:
        x = torch.from_numpy(arrays_x[rows]).permute(0, 3, 1, 2).float() / 255
        return (F.interpolate(x, size=args.size, mode="bilinear") - mean) / std, torch.from_numpy(arrays_y[rows])
    torch.manual_seed(seed)
    model = torchvision().models.squeezenet1_0(num_classes=len(arrays["classes"]))
    if not relu:
        model.classifier[2] = torch.nn.Identity()
    found = torch.load(args.weights, weights_only=True)
    model.load_state_dict({k: v for k, v in found.items() if k.startswith("features")}, strict=False)
    model.features.requires_grad_(False)
    optimizer = torch.optim.SGD(model.classifier.parameters(), lr=args.lr, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda epoch: 0.05 if epoch >= args.epochs / 2 else 0.5 if epoch >= args.epochs / 4 else 1.0)
    for _ in range(args.epochs):
        model.train()
        model.features.eval()
        for rows in np.array_split(rng.permutation(train), len(train) // 50):
            x, y = batch(rows)
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        scheduler.step()
    seconds = time.perf_counter() - start
    model.eval()
    test = np.flatnonzero(~official)
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in map(batch, np.array_split(test, 10)))
    return right / len(test), seconds


def measure(args: argparse.Namespace) -> dict:
    """Time each way with several seeds, and record and print the rows."""
    facts = {}
    for name, way in (("ours", ours), ("plain torchvision loop", by_hand),
                      ("plain torchvision loop without the last ReLU", partial(by_hand, relu=False))):
        top1, seconds = map(list, zip(*(way(args, seed) for seed in range(args.repeats)), strict=True))
        said = f"{name}, SqueezeNet frozen, {args.size} pixels, {args.epochs} epochs, SGD {args.lr:g}"
        append("fine-tuning CIFAR-10's part, test top-1", said, top1)
        append("fine-tuning CIFAR-10's part, seconds of training", said, seconds)
        print(f"{said}: test top-1 {', '.join(f'{v:.4f}' for v in top1)}; {', '.join(f'{v:.0f}' for v in seconds)} s",
              flush=True)
        facts[name] = {"top1": top1, "seconds": seconds}
    return facts


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.finetune", "Fine-tune by our commands, and by a plain loop.")
    parser.add_argument("--data", required=True, help="arrays file of CIFAR-10, or of a part of it")
    parser.add_argument("--weights", required=True, help="torchvision's squeezenet1_0, a state dict")
    parser.add_argument("--size", type=int, default=96, help="pixels that the network sees (default: 96)")
    parser.add_argument("--epochs", type=int, default=4, help="a multiple of 4: the loop's rate falls between epochs")
    parser.add_argument("--lr", type=float, default=0.0001, help="SGD; ten times as much, and classes die in the ReLU "
                        "behind the loop's head (default: 0.0001)")
    parser.add_argument("--repeats", type=int, default=3, help="seeds (default: 3)")
    return run(measure, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
