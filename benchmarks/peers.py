"""python -m benchmarks.peers: shuffled batches by what people install, beside our engines and a plain copy.

The same images, the same two cores, page cache warm, repeats interleaved. There is a process
per loader, so that threads, forks or failures of one do not affect another; one that is not installed or fails
costs a line. Before it is timed, an epoch of each is held against the set: every row once, with its label.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import LeftOut
from benchmarks.loading import copied, record
from benchmarks.peer_loaders import prepare
from benchmarks.peer_pipelines import BLOCKS, OURS, PEERS
from benchmarks.peer_process import Child
from benchmarks.rows import add_record, keep_rows
from benchmarks.scratch import scratch_folder
from benchmarks.synthetic import SHAPES, rows_of
from tenfold.data.command import make_parser, run

MEGABYTES = (40, 120, 300)   # 53,000, 15,000, 2,000 rows: seconds for an epoch of the slow, eight batches at least
COPY = "a plain copy in memory, one core"
HOW = ("in process", "1 worker", "2 workers")


def time_all(folder: Path, image: np.ndarray, repeats: int, at_most: float) -> dict:
    """{who: images/s of each repeat}: the copy, ours, and the peers that run here."""
    children = {name: Child(name, folder, at_most) for name in OURS | PEERS}
    rates: dict[str, list[float]] = {COPY: []}
    named = {}

    def leave_out(name: Any, why: Any) -> None:
        print(f"{name}: left out: {why}", flush=True)
        children.pop(name).close()
    try:
        for step in Child.answer, Child.ask:     # all write at once; then each is tried alone
            for name, child in list(children.items()):
                try:
                    named[name] = f"{name}, {HOW[int(step(child))]}"
                except LeftOut as why:
                    leave_out(name, why)
            os.sync()                            # what was written shall not go to disk while others are timed
        rates |= {named[name]: [] for name in children}
        for _ in range(repeats):
            rates[COPY].append(copied(image))
            for name, child in list(children.items()):
                try:
                    rates[named[name]].append(child.ask())
                except LeftOut as why:
                    leave_out(name, why)
                    del rates[named[name]]
    finally:
        for child in children.values():
            child.close()
    return rates


def verdict(name: str, medians: dict) -> str:
    """The closing line: how many times as fast as the fastest peer our engines are."""
    mine = {who: rate for who, rate in medians.items() if who.startswith("ours")}
    peers = {who: rate for who, rate in medians.items() if who not in mine and who != COPY}
    mixing = {who: rate for who, rate in peers.items() if BLOCKS not in who}
    if not mine or not mixing:
        return f"{name:9}  nothing to compare"

    def times(found: Any) -> Any:
        best = max(found, key=lambda name: found[name])
        return " and ".join(f"{who.split(', ')[1]} engine is {rate / found[best]:.1f} times"
                            for who, rate in mine.items()) + f" the fastest of what people install ({best})"
    line = f"{name:9}  {times(mixing)}"
    if max(peers, key=lambda name: peers[name]) not in mixing:  # its batches keep their rows for ever
        line += f"; counting loaders that shuffle blocks and not rows: {times(peers)}"
    return line


def measure(args: argparse.Namespace) -> dict:
    """Time every loader on sets of three sizes, record and print the rows."""
    keep_rows(args.record)
    facts = {}
    for shape, megabytes in zip(SHAPES, args.megabytes, strict=True):
        name = "×".join(map(str, shape))
        image, label = rows_of(shape, megabytes)
        with scratch_folder() as folder:
            prepare(Path(folder), image, label)
            rates = time_all(Path(folder), image, args.repeats, args.seconds)
        medians = facts[name] = record(name, rates, image[0].nbytes, "peers")
        print(verdict(name, medians), flush=True)
    return facts


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.peers", "Time what people install to load images beside our engines.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.2,
                        help="after which a repeat is cut off (default: 1.2; more on a busy machine)")
    parser.add_argument("--megabytes", type=int, nargs=len(SHAPES), default=MEGABYTES,
                        help=f"of pixels in each set (default: {' '.join(map(str, MEGABYTES))}; fewer end sooner)")
    add_record(parser)
    return run(measure, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
