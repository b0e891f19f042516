"""python -m benchmarks.compression: what compressing shards saves on disk, and what it costs to read them.

One set is drawn, then packed each way. Shuffled batches from the threads engine (two threads): page
cache warm, cold, and from disks of a given rate. Those are imitated: one read at a time, each as long
as such a disk would take.
"""

import argparse
import contextlib
import dataclasses
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.cold import drop, read_epoch, seconds
from benchmarks.rows import append
from benchmarks.scratch import scratch_folder
from tenfold.data.command import make_parser, run
from tenfold.data.recipe import read_recipe
from tenfold.data.shardset import ShardSet

KINDS = ("none", "lz4", "gzip")
DISKS = (100, 400, 1600)     # MB/s: a hard disk or network share, an old SSD, a newer one


@contextlib.contextmanager
def disk_of(rate: int) -> Iterator[Any]:
    """Reads of our threads take as long as on a disk of so many MB/s."""
    from tenfold.data.chunks import read_at
    one_at_a_time = threading.Lock()

    def slowly(file: Any, at: Any, left: Any) -> None:
        with one_at_a_time:
            end = time.perf_counter() + len(left) / rate / 1e6
            read_at(file, at, left)
            time.sleep(max(0.0, end - time.perf_counter()))
    with mock.patch("tenfold.data.chunks.read_at", slowly), mock.patch("tenfold.train.batches.reading.read_at", slowly):
        yield


def repacked(shards: ShardSet, folder: Path, kind: str) -> Any:
    """The same set, its shards packed another way; (set, seconds that writing took)."""
    import h5py

    from tenfold.data.schema import ATTRIBUTES, COLUMNS, IMAGE, SOURCES
    from tenfold.data.shard import write_shard
    from tenfold.data.shardset import open_set, write_index
    folder.mkdir()
    shutil.copy(shards.folder / SOURCES, folder)
    index, took = dict(shards.index, shards=[]), 0.0
    for shard in shards.index["shards"]:
        with h5py.File(shards.folder / shard["name"]) as f:
            image, columns = f[IMAGE][:], {name: f[name][:] for name in COLUMNS}
            attributes = {name: f.attrs[name] for name in ATTRIBUTES}
        start = time.perf_counter()
        facts = write_shard(folder / shard["name"], image, columns, attributes, kind)
        took += time.perf_counter() - start
        index["shards"].append({**shard, "bytes": facts["bytes"], "sha256": facts["sha256"]})
    write_index(folder, index)
    return open_set(folder), took


def measure(args: argparse.Namespace) -> dict:
    """Build a set, pack it each way, time the reading, record and print the rows."""
    import torch

    from tenfold.data.sources.opening import open_source
    from tenfold.preprocess.pipeline import augment
    from tenfold.train.batches import open_batches
    from tenfold.train.device import keep_freed_memory
    keep_freed_memory()
    recipe = read_recipe(args.recipe, args.set)
    plain = dataclasses.replace(recipe, shards=dataclasses.replace(recipe.shards, compression="none"))
    config = dataclasses.replace(recipe.train, engine="threads", workers=2)
    with scratch_folder() as folder:
        from tenfold.data.shardset import open_set
        augment(plain, open_source(args.data or recipe.source.data), Path(folder) / "drawn", workers=1)
        drawn, made, facts = open_set(Path(folder) / "drawn"), {}, {}
        rates: dict[tuple[str, str], list[float]] = {}
        for kind in KINDS:
            shards, took = repacked(drawn, Path(folder) / kind, kind)
            facts[kind] = {"megabytes": sum(s["bytes"] for s in shards.index["shards"]) / 1e6, "write_seconds": took}
            made[kind] = shards, open_batches(shards, "train", config, 0, torch.device("cpu"), shuffle=True)
        for repeat in range(args.repeats + 1):
            for kind, (shards, batches) in made.items():
                for where, rate in timed(shards, batches, repeat):
                    rates.setdefault((where, kind), []).extend([rate] if repeat else [])
        for _, batches in made.values():
            batches.close()
    return record(recipe.name, facts, rates)


def timed(shards: ShardSet, batches: Any, epoch: int) -> Iterator[Any]:
    """(where from, MB of pixels a second) of one epoch each."""
    files = [shards.folder / s["name"] for s in shards.index["shards"] if s["split"] == "train"]
    megabytes = sum(batches.order.sizes) * batches.order.row_bytes / 1e6

    def whole() -> Any:
        return megabytes / seconds(partial(read_epoch, batches, iter([epoch])))
    whole()
    yield "warm", whole()
    drop(files)
    yield "cold", whole()
    for rate in DISKS:
        with disk_of(rate):
            yield f"{rate} MB/s imitated", whole()


def record(name: str, facts: dict, rates: dict) -> dict:
    """Record and print a row for each way and each disk."""
    medians = {key: statistics.median(got) for key, got in rates.items()}
    for (where, kind), got in rates.items():
        ratio, size = medians[where, kind] / medians[where, "none"], facts[kind]["megabytes"]
        append(f"compression, {where}, MB of pixels/s", f"{name} {kind}: {size:.1f} MB", got, ratio)
        facts[kind][where] = medians[where, kind]
    wheres = list(dict.fromkeys(where for where, _ in rates))
    print(f"{name:24}" + "".join(f"{where:>20}" for where in ["MB", "written in s", *wheres]))
    for kind, one in facts.items():
        cells = [f"{one['megabytes']:.1f}", f"{one['write_seconds']:.1f}"]
        cells += [f"{one[w]:,.0f} ({one[w] / facts['none'][w]:.2f})" if w in one else "" for w in wheres]
        print(f"{kind:24}" + "".join(f"{cell:>20}" for cell in cells))
    # unpacking goes on while the disk reads, so a smaller shard wins until the disk hands out raw rows as fast
    print(f"{name}: on a disk below {facts['lz4']['warm']:,.0f} MB/s lz4 shards load faster than uncompressed ones, "
          f"up to {facts['none']['megabytes'] / facts['lz4']['megabytes']:.1f} times (gzip: below "
          f"{facts['gzip']['warm']:,.0f} MB/s, up to {facts['none']['megabytes'] / facts['gzip']['megabytes']:.1f})")
    return facts


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.compression", "Time shards with and without compression.")
    parser.add_argument("--recipe", default="recipes/letters.toml")
    parser.add_argument("--data", help="folder or .npz (default: the recipe's)")
    parser.add_argument("--repeats", type=int, default=5)
    return run(measure, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
