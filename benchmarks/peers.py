"""python -m benchmarks.peers: shuffled batches by what people install, beside our engines and a plain copy.

The same images, the same two cores, page cache warm, repeats interleaved. There is a process
per loader, so that threads, forks or failures of one do not affect another; one that is not installed or fails
costs a line. Before it is timed, an epoch of each is held against the set: every row once, with its label.
"""

import argparse
import contextlib
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import LeftOut
from benchmarks.loading import copied, rate, record
from benchmarks.loading_datasets import BATCH
from benchmarks.peer_loaders import FILES, prepare
from benchmarks.peer_pipelines import BLOCKS, OURS, PEERS
from benchmarks.rows import add_record, keep_rows
from benchmarks.scratch import scratch_folder
from benchmarks.synthetic import SHAPES, rows_of
from tenfold.data.command import make_parser, run

MEGABYTES = (40, 120, 300)   # 53,000, 15,000, 2,000 rows: seconds for an epoch of the slow, eight batches at least
ARRAYS = ("image.npy", "label.npy")
COPY = "a plain copy in memory, one core"
HOW = ("in process", "1 worker", "2 workers")
PATIENCE = 400               # seconds until a loader that does not answer is given up


def check(epoch: Callable[[], Any], image: np.ndarray, label: np.ndarray, lossless: bool) -> None:
    """Hold an epoch against the rows: uint8 pictures of the right size, each once with its label.

    Some leave out a last short batch a worker; JPEG (lossless=False) changes pixels, so there labels alone count.
    """
    def marks(pixels: np.ndarray, kinds: Any) -> Any:
        sums = np.asarray(pixels).reshape(len(kinds), -1).sum(1, dtype=np.int64) if lossless else kinds
        return Counter(zip(np.asarray(sums).tolist(), np.asarray(kinds).tolist(), strict=True))
    shape, got = image.shape[1:], Counter[tuple[int, int]]()
    for pixels, kinds in epoch():
        if str(pixels.dtype) != "torch.uint8" or sorted(pixels.shape[1:]) != sorted(shape) or len(pixels) != len(kinds):
            raise ValueError(f"batches of {pixels.dtype} {tuple(pixels.shape)} where uint8 rows of {shape} are due")
        got += marks(pixels, kinds)
    want = marks(image, label)
    extra, missing = (got - want).total(), (want - got).total()
    if extra or missing >= 2 * BATCH:
        raise ValueError(f"an epoch of {len(label)} rows lacks {missing} and has {extra} that are not due")


def serve(pipe: Any, name: str, folder: Path, method: str, at_most: float) -> None:
    """A loader's process: make its set, check an epoch, choose the faster number of workers, then time repeats."""
    multiprocessing.set_start_method(method, force=True)     # or their workers would be spawned as this was
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)                              # progress bars and warnings of ten packages
    os.dup2(log, 2)
    try:
        peer, (image, label) = (OURS | PEERS)[name], (np.load(folder / file, mmap_mode="r") for file in ARRAYS)
        opened, rows = peer.make(folder, image, label), slice(FILES if peer.files else None)
        pipe.send(0)
        pipe.recv()                              # until all have written theirs
        tried: dict[float, tuple[int, Any]] = {}
        for workers in peer.workers:
            epoch = opened(workers)
            if tried:
                rate(epoch, at_most)             # to warm up, as checking does for the first
            else:                                # a fresh loader: DALI's shuffle buffer mixes later epochs
                check(epoch, image[rows], label[rows], lossless=not peer.decodes or image.shape[3] == 1)
            tried[rate(epoch, at_most)] = workers, epoch
        workers, epoch = tried.pop(max(tried))
        del tried                                # and with it the workers of the slower
        pipe.send(workers)
        while pipe.recv():
            pipe.send(rate(epoch, at_most))
    except EOFError:
        pass
    except BaseException as fault:               # whatever it is, the others go on
        pipe.send(" ".join(f"{type(fault).__name__}: {fault}".split())[:200])


class Child:
    """A process that serves one loader."""

    def __init__(self, name: str, folder: Path, at_most: float):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(
            theirs, name, folder, multiprocessing.get_start_method(), at_most))
        self.process.start()
        theirs.close()

    def ask(self) -> float:
        """First its number of workers, then images/s of one repeat at a time."""
        with contextlib.suppress(OSError):       # it is gone; `answer` says so
            self.pipe.send(True)
        return self.answer()

    def answer(self) -> float:
        """Wait for the process's next number. LeftOut: it gives none."""
        if not self.pipe.poll(PATIENCE):
            raise LeftOut(f"no answer within {PATIENCE} s")
        try:
            said = self.pipe.recv()
        except EOFError:
            self.process.join()
            raise LeftOut(f"its process ended with {self.process.exitcode}") from None
        if isinstance(said, str):
            raise LeftOut(said)
        return said

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self.pipe.send(False)
        self.process.join(10)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()


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
