"""Our own build, measured from inside: its rate, where its time goes, how it grows, what two workers gain."""

import contextlib
import dataclasses
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
from PIL import Image, ImageFile

from benchmarks.rows import append
from benchmarks.scratch import scratch_folder
from tenfold.data.recipe import Recipe

OPENCV = ("bilateralFilter", "adaptiveThreshold", "connectedComponentsWithStats", "dilate", "convexHull",
          "findNonZero", "boundingRect", "copyMakeBorder", "resize", "rectangle", "warpAffine", "addWeighted",
          "meanStdDev", "getStructuringElement")


def ours(recipe: Recipe, data: str, workers: int = 1,
         clock: Callable[[], float] = time.perf_counter) -> tuple[float, float]:
    """Time a whole build, (copies per second, seconds): decode, clean, draw, write."""
    from tenfold.data.sources.opening import open_source
    from tenfold.preprocess.pipeline import augment
    source = open_source(data)
    with scratch_folder() as folder:
        start = clock()
        rows = augment(recipe, source, folder, workers).rows["train"]
        seconds = clock() - start
    return rows / seconds, seconds


def with_draw(recipe: Recipe, **keys: Any) -> Recipe:
    """The recipe with other keys of [draw]."""
    return dataclasses.replace(recipe, draw=dataclasses.replace(recipe.draw, **keys))


@contextlib.contextmanager
def timers(calls: Sequence[tuple[Any, str, str]],
           clock: Callable[[], float] = time.perf_counter) -> Iterator[dict[str, float]]:
    """Yield {kind: seconds} spent in calls [(module, name, kind), …], which must not call each other."""
    spent = dict.fromkeys((kind for _, _, kind in calls), 0.0)

    def timed(kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*args: Any, **settings: Any) -> Any:
            start = clock()
            try:
                return call(*args, **settings)
            finally:
                spent[kind] += clock() - start
        return inner

    kept = [(where, name, getattr(where, name)) for where, name, _ in calls]
    try:
        for where, name, kind in calls:
            setattr(where, name, timed(kind, getattr(where, name)))
        yield spent
    finally:
        for where, name, call in kept:
            setattr(where, name, call)


def breakdown(recipe: Recipe, data: str) -> None:
    """Record the share of a build's seconds spent in OpenCV, in Pillow, and in writing (and hashing) bytes."""
    from tenfold.preprocess import draw_shards
    from tenfold.preprocess.clean import steps as clean
    from tenfold.preprocess.survey import cleaning
    calls: list[tuple[Any, str, str]] = [(cv2, name, "OpenCV") for name in OPENCV]
    calls += [(clean, "shrink", "Pillow"), (Image, "open", "Pillow"), (ImageFile.ImageFile, "load", "Pillow"),
              (draw_shards, "write_shard", "writing and hashing"), (cleaning, "write_block", "writing and hashing")]
    for canvas in (recipe.draw.canvas, (350, 350)):
        sized = with_draw(recipe, canvas=canvas)
        ours(with_draw(sized, copies=1), data)                  # whatever is imported late
        with timers(calls) as spent:
            seconds = ours(sized, data)[1]
        spent["all three"] = sum(spent.values())
        for kind, value in spent.items():
            record("augmenting, share of a build's time", f"{kind}, one process, {size(canvas)}, "
                   f"{recipe.draw.copies} copies a page", [value / seconds])


def growing(recipe: Recipe, data: str, repeats: int) -> None:
    """Record processor time a copy, cleaning apart, and memory as the copies grow."""
    from tenfold.preprocess import draw_shards
    ours(with_draw(recipe, copies=1), data)                     # whatever is imported late
    for copies in (7, 70, 700):
        asked, rows = with_draw(recipe, copies=copies), 0
        spent: list[float] = []
        for _ in range(repeats):
            with timers([(draw_shards, "draw_shard", "draw")], time.process_time) as drawing:
                rate, seconds = ours(asked, data)
            rows = round(rate * seconds)
            spent.append(1e6 * drawing["draw"] / rows)
        record("augmenting, µs of processor time a copy", f"ours, {rows:,} copies, {size(recipe.draw.canvas)}", spent)
        record("augmenting, peak memory so far, MB", f"ours, {rows:,} copies, {size(recipe.draw.canvas)}",
               [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024])


def workers(recipe: Recipe, data: str, repeats: int) -> None:
    """Record the rates of one worker and of two, timed in turn."""
    many = with_draw(recipe, copies=2000)
    ours(with_draw(recipe, copies=1), data, 2)                  # the pool's processes have begun
    one, two = zip(*((ours(many, data, 1)[0], ours(many, data, 2)[0]) for _ in range(repeats)), strict=True)
    for name, values in (("1 worker", one), ("2 workers", two)):
        record("augmenting, copies/s with workers", f"ours, {name}, {size(recipe.draw.canvas)}, 2,000 copies a page",
               values, statistics.median(values) / statistics.median(one))


def size(canvas: tuple[int, int]) -> str:
    """Such as "90×90"."""
    return f"{canvas[0]}×{canvas[1]}"


def record(question: str, setting: str, values: Sequence[float], ratio: float | None = None) -> None:
    """Record a row and print it."""
    append(question, setting, values, ratio)
    print(f"{statistics.median(values):10.4g}  {'' if ratio is None else f'{ratio:.2f}×':8} {question}: {setting}  "
          f"({min(values):.4g} to {max(values):.4g})", flush=True)
