"""python -m benchmarks.loading: shuffled batches on the CPU, ready for a device, page cache warm.

Our engines with two threads beside a plain memory copy, random gathers from a NumPy memory map, a
DataLoader over h5py and one over image files; the same rows at three sizes, repeats interleaved.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.loading_datasets import BATCH, ByBlock, Files, Memmap, PerItem, Sampler
from benchmarks.rows import add_record, append, keep_rows
from benchmarks.scratch import scratch_folder
from benchmarks.synthetic import SHAPES, rows_of, write_files, write_set
from tenfold.data.command import make_parser, run

FILES = 4000                 # that the DataLoader decodes: 400 MB of small ones would be half a million
AT_LEAST, AT_MOST = 0.3, 1.5 # seconds of a repeat: whole epochs until the first, cut off at the second


class Epochs:
    """The epochs of one of our engines, one after the other."""

    def __init__(self, batches: Any):
        self._batches, self._number = batches, count()

    def __call__(self) -> Iterator[Any]:
        return self._batches.epoch(next(self._number))

    def leave(self) -> None:
        """Stop what is read ahead, so that nothing runs while others are timed."""
        if self._batches.name == "threads":
            self._batches.leave()


def contenders(folder: Path, image: np.ndarray, label: np.ndarray) -> dict:
    """{name: function that makes an epoch of (image, label) batches}."""
    import h5py
    import torch
    from torch.utils.data import DataLoader

    from tenfold.data.shardset import open_set
    from tenfold.data.tables import Train
    from tenfold.train.batches import open_batches
    shards, rows = open_set(write_set(folder / "shards", image, label)), len(label)
    np.save(folder / "image.npy", image)
    with h5py.File(folder / "all.h5", "w") as f:
        f["image"], f["label"] = image, label
    files = write_files(folder / "files", image[:FILES], label[:FILES])

    def ours(engine: str, workers: int) -> Any:
        config = Train(engine=engine, workers=workers, batch=BATCH)
        return Epochs(open_batches(shards, "train", config, 0, torch.device("cpu"), shuffle=True))

    def loader(dataset: Any, sampler: Any, workers: int, collate: Any = None) -> Any:
        batches = DataLoader(dataset, batch_sampler=sampler, num_workers=workers, persistent_workers=workers > 0,
                             collate_fn=collate)
        return lambda: iter(batches)

    def as_it_is(batch: Any) -> Any:
        return batch
    npy, h5 = folder / "image.npy", folder / "all.h5"
    return {
        "ours, threads, 2 threads": ours("threads", 2), "ours, threads, 1 thread": ours("threads", 1),
        "ours, memory, 2 threads": ours("memory", 2), "ours, memory, 1 thread": ours("memory", 1),
        "ours, dataloader, 2 workers": ours("dataloader", 2),
        "memory map, random gathers, in process": loader(Memmap(npy, label), Sampler(rows), 0, as_it_is),
        "DataLoader over h5py, by block, 2 workers": loader(ByBlock(h5), Sampler(rows, True), 2, as_it_is),
        "DataLoader over h5py, per item, 2 workers": loader(PerItem(h5), Sampler(rows, lists=True), 2),
        "DataLoader over image files, 2 workers": loader(Files(files), Sampler(len(files), lists=True), 2)}


def rate(epoch: Callable[[], Any], at_most: float = AT_MOST) -> float:
    """Images/s of whole epochs, or of as much of one as fits; what is read ahead for the next one is stopped."""
    images, start = 0, time.perf_counter()
    while time.perf_counter() - start < AT_LEAST:
        for _, label in epoch():
            images += len(label)
            if time.perf_counter() - start > at_most:
                break
    took = time.perf_counter() - start
    if isinstance(epoch, Epochs):
        epoch.leave()
    return images / took


def copied(image: np.ndarray) -> float:
    """Images/s of one core that copies the same bytes from memory to memory."""
    there, start = np.empty_like(image), 0.0
    for _ in range(2):                           # the first time the pages of `there` are made
        start = time.perf_counter()
        np.copyto(there, image)
    return len(image) / (time.perf_counter() - start)


def measure(args: argparse.Namespace) -> dict:
    """Time every loader on sets of three sizes, record and print the rows."""
    keep_rows(args.record)
    from tenfold.train.device import keep_freed_memory
    keep_freed_memory()                          # as a training run does; it helps all that are in this process
    facts = {}
    for shape in SHAPES:
        image, label = rows_of(shape, args.megabytes)
        name = "×".join(map(str, shape))
        with scratch_folder() as folder:
            loaders = contenders(Path(folder), image, label)
            rates: dict[str, list[float]] = {"a plain copy in memory, one core": [], **{name: [] for name in loaders}}
            for repeat in range(args.repeats + 1):           # the first warms the cache, buffers and workers
                for who, got in rates.items():
                    measured = rate(loaders[who]) if who in loaders else copied(image)
                    got += [measured] if repeat else []
            del loaders
        facts[name] = record(name, rates, image[0].nbytes)
    return facts


def record(name: str, rates: dict, row_bytes: int, question: str = "loading") -> dict:
    """Print and record a row for each; its ratio is to the plain copy."""
    medians = {who: statistics.median(got) for who, got in rates.items()}
    copy = next(iter(medians.values()))
    for who, median in medians.items():
        append(f"{question} {name}, shuffled images/s", who, rates[who], median / copy)
        print(f"{name:9}  {who:41} {median:11,.0f} images/s  {median * row_bytes / 1e9:5.2f} GB/s "
              f"{median / copy:6.1%}  ({min(rates[who]):,.0f} to {max(rates[who]):,.0f})", flush=True)
    return medians


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.loading", "Time our loaders beside what others use, on synthetic sets.")
    parser.add_argument("--megabytes", type=int, default=400, help="of pixels in each set (default: 400)")
    parser.add_argument("--repeats", type=int, default=7)
    add_record(parser)
    return run(measure, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
