"""python -m benchmarks.cold: an epoch read from disk, the page cache empty, beside the disk's own rate.

The same bytes as few large shards and as a thousand small ones; shuffled batches from the threads
engine, and plain reads of the same files from end to end by as many threads, interleaved. The cache
of each file is dropped before every pass, and it is checked that none of it is left (mincore).
"""

import argparse
import ctypes
import mmap
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.rows import append
from benchmarks.scratch import scratch_folder
from benchmarks.synthetic import rows_of, write_set
from tenfold.data.command import make_parser, run
from tenfold.data.errors import MachineFault

if TYPE_CHECKING:
    from tenfold.data.shardset import ShardSet

BLOCK = 2 << 20              # bytes of a plain read


def drop(paths: Sequence[Path]) -> None:
    """Drop the files from the page cache. MachineFault: some of their pages stay."""
    for path in paths:
        with open(path, "rb") as f:
            os.fsync(f.fileno())                 # pages that are not on disk yet cannot leave
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    cached, total = sum(resident(p) for p in paths), sum(os.path.getsize(p) for p in paths)
    if cached > 0.01 * total:
        raise MachineFault("the page cache", f"keeps {cached / total:.0%} of the set", "nothing cold can be timed here")


def resident(path: Path) -> int:
    """How many bytes of a file are in the page cache (Linux)."""
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE) as held:
        pages = ctypes.create_string_buffer(-(-len(held) // mmap.PAGESIZE))
        view = (ctypes.c_char * len(held)).from_buffer(held)
        failed = ctypes.CDLL(None, use_errno=True).mincore(
            ctypes.c_void_p(ctypes.addressof(view)), ctypes.c_size_t(len(held)), pages)
        del view
        if failed:
            raise OSError(ctypes.get_errno(), "mincore")
        return sum(page & 1 for page in pages.raw) * mmap.PAGESIZE


def read_plainly(paths: Sequence[Path], threads: int) -> None:
    """Read every file from end to end, each by one thread."""
    def read(path: Path) -> None:
        file, offset, buffer = os.open(path, os.O_RDONLY), 0, bytearray(BLOCK)
        while got := os.preadv(file, [buffer], offset):
            offset += got
        os.close(file)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, paths))


def read_epoch(batches: Any, epochs: Iterator[int]) -> int:
    """Read the next epoch, and none ahead; returns its images."""
    images = sum(len(label) for _, label in batches.epoch(next(epochs)))
    batches.leave()
    return images


def seconds(body: Callable[[], Any]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    body()
    return time.perf_counter() - start


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Time large and small shards, record and print the rows."""
    from tenfold.data.shardset import open_set
    from tenfold.train.device import keep_freed_memory
    keep_freed_memory()
    image, label = rows_of(tuple(args.shape), args.megabytes)
    name = "×".join(map(str, args.shape))
    facts: dict[str, Any] = {}
    with scratch_folder() as folder:
        for megabytes in (64, 2):
            shards = open_set(write_set(Path(folder) / str(megabytes), image, label, megabytes=megabytes))
            rates = timed(shards, image.nbytes / 1e6, args.repeats)
            facts[f"{megabytes} MB"] = record(f"{name}, {len(shards.index['shards'])} shards of {megabytes} MB", rates)
    return facts


def timed(shards: "ShardSet", megabytes: float, repeats: int) -> dict[str, list[float]]:
    """{way: [MB/s, …]}, the ways timed in turn."""
    import torch

    from tenfold.data.tables import Train
    from tenfold.train.batches import open_batches
    paths, epochs = [shards.folder / s["name"] for s in shards.index["shards"]], iter(range(10**9))
    batches = {threads: open_batches(shards, "train", Train(engine="threads", workers=threads), 0,
                                     torch.device("cpu"), shuffle=True) for threads in (1, 2, 4, 8)}
    ways: dict[str, Callable[[], Any]] = {
        f"plain reads, threads: {n}": partial(read_plainly, paths, n) for n in batches}
    ways |= {f"shuffled batches, threads: {n}":
             partial(read_epoch, each, epochs) for n, each in batches.items()}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for repeat in range(repeats + 1):            # the first makes buffers and threads
        for way, body in ways.items():
            drop(paths)
            took = seconds(body)
            rates[way] += [megabytes / took] if repeat else []
    for each in batches.values():
        each.close()
    return rates


def record(what: str, rates: dict[str, list[float]]) -> dict[str, float]:
    """Record and print a row for each way; returns the medians."""
    medians = {way: statistics.median(got) for way, got in rates.items()}
    disk = max(median for way, median in medians.items() if way.startswith("plain"))
    for way, median in medians.items():
        append(f"read cold from disk, {what}, MB/s", way, rates[way], median / disk)
        print(f"{what:38}  {way:28} {median:7,.0f} MB/s  {median / disk:5.0%} of the disk's rate")
    return medians


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.cold", "Time an epoch from a cold disk beside the disk itself.")
    parser.add_argument("--megabytes", type=int, default=2000, help="of pixels in each set (default: 2000)")
    parser.add_argument("--shape", type=int, nargs=3, default=(90, 90, 1), help="of a row (default: 90 90 1)")
    parser.add_argument("--repeats", type=int, default=3)
    return run(measure, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
