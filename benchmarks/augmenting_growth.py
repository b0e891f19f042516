"""python -m benchmarks.augmenting_growth: what a build costs as its sources grow, 28×28 arrays at equal copies.

For each size, in processes of its own: microseconds of processor time a copy in one process, without what a build
costs however small it is (a build of ten images, in two classes as the others; the trial that estimates its cost; the
256 images that are asked whether they are ink); of these, microseconds a source of the search for near-duplicates; and
the memory of a build in two workers, of its own process and of the largest worker, with 62 classes.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from benchmarks.augmenting_build import ours, record, timers
from benchmarks.augmenting_sets import characters, write_arrays
from benchmarks.augmenting_small import recipe_of
from benchmarks.scratch import scratch_folder

SIZES, MORE, FEW = (100, 3_000, 100_000), 800_000, 10
MANY = 100_000               # characters drawn at once
COPIES = 2
REPEATS = 9                  # of the small sizes


def speed(count: int, copies: int, folder: Path) -> float:
    """Microseconds a copy, without the fixed start: of the least time of several, as other processes only add."""
    from tenfold.preprocess import pipeline
    from tenfold.preprocess.cost import Cost
    from tenfold.preprocess.survey import cleaning
    cv2.setNumThreads(1)
    few, many = (_in_two_classes(folder, number) for number in (FEW, count))

    def seconds(data: str) -> float:
        with patch.object(pipeline, "estimate_cost", lambda *_: Cost(0, 0, 0, 0, 0)), \
                timers([(cleaning, "two_tone", "asked")], time.process_time) as apart:
            taken = ours(recipe_of(copies), data, clock=time.process_time)[1]
        return taken - apart["asked"]
    seconds(few)                 # whatever is imported late
    start, whole = zip(*((seconds(few), seconds(many)) for _ in range(REPEATS if count < 50_000 else 1)), strict=True)
    return 1e6 * (min(whole) - min(start)) / ((count - FEW) * copies)


def search(count: int, copies: int, folder: Path) -> float:
    """Microseconds a source of the search for near-duplicates, as a median; the number of copies does not matter."""
    from tenfold.preprocess.survey.fingerprint import find_near, fingerprints
    rows = np.concatenate([fingerprints(characters(min(MANY, count), seed=seed)[0][..., None])[0]
                           for seed in range(-(-count // MANY))])[:count]
    find_near(rows[:FEW])      # whatever is imported late

    def seconds() -> float:
        start = time.process_time()
        find_near(rows)
        return time.process_time() - start
    return 1e6 * statistics.median(seconds() for _ in range(REPEATS if count < 50_000 else 3)) / count


def memory(count: int, copies: int, folder: Path) -> dict[str, float]:
    """Megabytes: "own", memory of the build's process that nobody else can be given, at most, above that at its
    start; "resident", with the mapped files, at most; "worker", resident, of the largest worker."""
    data = str(write_arrays(folder / "arrays.npz", count))
    Path("/proc/self/clear_refs").write_text("5")        # the most that is resident is counted from here on (Linux)
    ours(recipe_of(copies), _in_two_classes(folder, FEW))
    start, most, over = _own(), [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            most[0] = max(most[0], _own())
    watching = threading.Thread(target=watch)
    watching.start()
    ours(recipe_of(copies), data, 2)
    over.set()
    watching.join()
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {"own": most[0] - start, "resident": peaks[0], "worker": peaks[1]}


def _in_two_classes(folder: Path, count: int) -> str:
    """An arrays file of so many images in two classes: each class has a cost of its own, and few images have few."""
    path = folder / f"{count}.npz"
    np.savez(path, x=characters(count)[0], y=np.arange(count) % 2)
    return str(path)


def _own() -> float:
    """Megabytes of memory of this process that no file holds (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


PARTS: dict[str, Callable[[int, int, Path], Any]] = {"speed": speed, "search": search, "memory": memory}


def rows(sizes: Iterable[int] = SIZES, copies: int = COPIES) -> None:
    """Measure some sizes, each figure in a process of its own, and record a row of each."""
    for count in sizes:
        asked = ["--sizes", str(count), "--copies", str(copies)]
        micros, searched, megabytes = (json.loads(subprocess.run(
            [sys.executable, "-m", "benchmarks.augmenting_growth", "--part", part, *asked], check=True,
            stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]) for part in PARTS)
        named = f"{count:,} arrays of 28×28, {copies} copies"
        record("augmenting, µs of processor time a copy without the fixed start", named, [micros])
        record("near-duplicates, µs of processor time a source", named, [searched])
        for kind, what in (("own", "memory of the build's process above its start, MB"),
                           ("resident", "the same, resident, with what it starts with and mapped files, MB"),
                           ("worker", "memory of the largest worker, resident, MB")):
            record(f"augmenting, {what}", named, [megabytes[kind]])


def main() -> None:
    """Record the rows that are asked for; with --part, print one figure of one size, for `rows`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=COPIES)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--all", action="store_true", help=f"{MORE:,} images too: five minutes and more")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.part:
        rows((*args.sizes, MORE) if args.all else tuple(args.sizes), args.copies)
        return
    with scratch_folder() as name:
        measured: object = PARTS[args.part](args.sizes[0], args.copies, Path(name))
        print(json.dumps(measured))


if __name__ == "__main__":
    main()
