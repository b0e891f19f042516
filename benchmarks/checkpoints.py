"""Time what a checkpoint costs the training loop: written by the loop itself, or held and written beside it.

    python -m benchmarks.checkpoints [--network resnet18] [--times 7] [--folder /tmp]

The loop's thread only waits and copies while a file is written; the table says how long, in the same run, in turn.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tenfold.train.device import choose_device, keep_freed_memory, synchronise
from tenfold.train.models.build import build_model
from tenfold.train.run import checkpoint_writer
from tenfold.train.run.checkpoint import save
from tenfold.train.run.checkpoint_writer import CheckpointWriter


def network_state(name: str, device: torch.device) -> dict:
    """Return weights, averaged weights and the state of AdamW after a step, as last.pth holds them."""
    model = build_model(name, {}, 3, 10, (64, 64)).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    model(torch.randn(2, 3, 64, 64, device=device)).sum().backward()
    optimizer.step()
    return {"weights": model.state_dict(), "average": {k: v.clone() for k, v in model.state_dict().items()},
            "optimizer": optimizer.state_dict()}


def write_in_the_loop(folder: Path, best: dict, last: dict) -> None:
    """Write both files and wait for the disk."""
    save(folder / "best.pth", best)
    save(folder / "last.pth", last)


def seconds(device: torch.device, work: Callable[..., None], *what: object) -> tuple[float, float]:
    """Return (seconds, processor seconds) of the calling thread until `work(*what)` is done."""
    synchronise(device)
    began, used = time.perf_counter(), time.thread_time()
    work(*what)
    return time.perf_counter() - began, time.thread_time() - used


def main() -> None:
    """Print the seconds of both ways."""
    parser = argparse.ArgumentParser(description="Time what a checkpoint costs the training loop.")
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--folder", help="on the disk to be timed (default: a temporary one)")
    parser.add_argument("--device")
    args = parser.parse_args()
    keep_freed_memory()                          # as `tenfold train` does
    device = choose_device(args.device)
    state = network_state(args.network, device)
    best = {"weights": state["average"]}
    took: dict[str, list[tuple[float, float]]] = {"written by the loop": [], "held": [], "written at the end": []}
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        checkpoint_writer.EVERY = checkpoint_writer.FIRST = -1.0
        for _ in range(args.times):
            writer = CheckpointWriter(folder, {}, device)
            took["written by the loop"].append(seconds(device, write_in_the_loop, folder, best, state))
            took["held"].append(seconds(device, writer.hold, state, [], best))
            took["written at the end"].append(seconds(device, writer.flush))
        size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{args.network}, {size / 1e6:.0f} MB in both files, {device}; the loop's thread, medians of {args.times}")
    for way, pairs in took.items():
        wall, used = (statistics.median(values) for values in zip(*pairs, strict=True))
        print(f"{way:19}  {wall:.3f} s, {used:.3f} s of a processor")


if __name__ == "__main__":
    main()
