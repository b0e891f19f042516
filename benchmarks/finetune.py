"""python -m benchmarks.finetune: fine-tuning by our commands beside a plain torchvision loop of the same settings.

recipes/cifar10_finetune.toml with a SqueezeNet whose backbone is frozen, which two cores can train: same arrays,
weights, size, batch, optimiser, schedule and epochs. The loop is what a tutorial would write: float32, the whole set
in memory, the training images in a new order each epoch.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.rows import append
from data.command import parser, run

RECIPE = Path(__file__).parent.parent / "recipes/cifar10_finetune.toml"


def settings(args) -> list[str]:
    return [f"model.weights={Path(args.weights).resolve()}", "model.name=squeezenet1_0", 'model.freeze=["backbone"]',
            f"model.size={args.size}", f"train.epochs={args.epochs}", f"train.lr={args.lr}", "train.budget=1h"]


def ours(args) -> tuple[float, float]:
    """(top-1 of the test images, seconds of the training command)."""
    sets = [word for setting in settings(args) for word in ("--set", setting)]
    with tempfile.TemporaryDirectory(dir=".") as folder:
        def command(*words):
            told = subprocess.run([sys.executable, "-m", *words, "--json"], cwd=folder, check=True,
                                  env=os.environ | {"PYTHONPATH": str(RECIPE.parent.parent)},
                                  stdout=subprocess.PIPE, text=True).stdout
            return json.loads(told.splitlines()[-1])
        command("preprocess", "--recipe", str(RECIPE), "--data", str(Path(args.data).resolve()), *sets)
        seconds = command("train", "--recipe", str(RECIPE), *sets)["seconds"]
        return command("train.score", "best.pth")["top1"], seconds


def by_hand(args) -> tuple[float, float]:
    import torch
    from torch.nn import functional as F

    from data.vision import torchvision
    start = time.perf_counter()
    arrays = np.load(args.data)
    arrays_x, arrays_y = arrays["x"], arrays["y"]
    official = arrays["split"] == "train"
    rng = np.random.default_rng(0)
    train = rng.permutation(np.flatnonzero(official))[:int(0.9 * official.sum())]     # as many as ours has
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    def batch(rows):
        x = torch.from_numpy(arrays_x[rows]).permute(0, 3, 1, 2).float() / 255
        return (F.interpolate(x, size=args.size, mode="bilinear") - mean) / std, torch.from_numpy(arrays_y[rows])
    torch.manual_seed(0)
    model = torchvision().models.squeezenet1_0()
    model.load_state_dict(torch.load(args.weights, weights_only=True))
    model.classifier[1] = torch.nn.Conv2d(512, len(arrays["classes"]), 1)
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


def measure(args) -> dict:
    facts = {}
    for name, way in (("ours", ours), ("plain torchvision loop, float32", by_hand)):
        top1, seconds = way(args)
        said = f"{name}, SqueezeNet frozen, {args.size} pixels, {args.epochs} epochs"
        append("fine-tuning CIFAR-10's part, test top-1", said, [top1])
        append("fine-tuning CIFAR-10's part, seconds of training", said, [seconds])
        print(f"{said}: test top-1 {top1:.4f}, {seconds:.0f} s")
        facts[name] = {"top1": top1, "seconds": seconds}
    return facts


def main(argv=None) -> int:
    made = parser("python -m benchmarks.finetune", "Fine-tune by our commands, and by a plain loop.")
    made.add_argument("--data", required=True, help="arrays file of CIFAR-10, or of a part of it")
    made.add_argument("--weights", required=True, help="torchvision's squeezenet1_0, a state dict")
    made.add_argument("--size", type=int, default=128, help="pixels that the network sees (default: 128)")
    made.add_argument("--epochs", type=int, default=4)
    made.add_argument("--lr", type=float, default=0.001, help="SGD; at the recipe's 0.01 the last ReLU of a SqueezeNet "
                      "dies (default: 0.001)")
    return run(measure, made.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
