"""Our own build, measured from inside: its rate, where its time goes, how it grows, what two workers gain."""

import contextlib
import dataclasses
import resource
import statistics
import tempfile
import time

import cv2
from PIL import Image, ImageFile

from benchmarks.rows import append

OPENCV = ("bilateralFilter", "adaptiveThreshold", "connectedComponentsWithStats", "dilate", "convexHull",
          "findNonZero", "boundingRect", "copyMakeBorder", "resize", "rectangle", "warpAffine", "addWeighted",
          "meanStdDev", "getStructuringElement")


def ours(recipe, data, workers: int = 1, clock=time.perf_counter) -> tuple[float, float]:
    """(copies per second, seconds) of a whole build: decode, clean, draw, write."""
    from tenfold.data.sources.opening import open_source
    from tenfold.preprocess.pipeline import augment
    source = open_source(data)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        start = clock()
        rows = augment(recipe, source, folder, workers).rows["train"]
        seconds = clock() - start
    return rows / seconds, seconds


def with_draw(recipe, **keys):
    return dataclasses.replace(recipe, draw=dataclasses.replace(recipe.draw, **keys))


@contextlib.contextmanager
def timers(calls, clock=time.perf_counter):
    """Yields {kind: seconds} spent in calls [(module, name, kind), …], which must not call each other."""
    spent = dict.fromkeys((kind for _, _, kind in calls), 0.0)

    def timed(kind, call):
        def inner(*args, **how):
            start = clock()
            try:
                return call(*args, **how)
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


def breakdown(recipe, data) -> None:
    """The share of a build's seconds spent in OpenCV, in Pillow, and in writing (and hashing) bytes."""
    from tenfold.preprocess import draw_shards
    from tenfold.preprocess.clean import steps as clean
    from tenfold.preprocess.survey import cleaning
    calls = [(cv2, name, "OpenCV") for name in OPENCV]
    calls += [(clean, "shrink", "Pillow"), (Image, "open", "Pillow"), (ImageFile.ImageFile, "load", "Pillow"),
              (draw_shards, "write_shard", "writing and hashing"), (cleaning, "write_block", "writing and hashing")]
    for canvas in (recipe.draw.canvas, (350, 350)):
        asked = with_draw(recipe, canvas=canvas)
        ours(with_draw(asked, copies=1), data)                  # whatever is imported late
        with timers(calls) as spent:
            seconds = ours(asked, data)[1]
        spent["all three"] = sum(spent.values())
        for kind, value in spent.items():
            tell("augmenting, share of a build's time", f"{kind}, one process, {size(canvas)}, "
                 f"{recipe.draw.copies} copies a page", [value / seconds])


def growing(recipe, data, repeats: int) -> None:
    """Processor time a copy, cleaning apart, and memory as the copies grow."""
    from tenfold.preprocess import draw_shards
    ours(with_draw(recipe, copies=1), data)                     # whatever is imported late
    for copies in (7, 70, 700):
        asked, spent, rows = with_draw(recipe, copies=copies), [], 0
        for _ in range(repeats):
            with timers([(draw_shards, "draw_shard", "draw")], time.process_time) as drawing:
                rate, seconds = ours(asked, data)
            rows = round(rate * seconds)
            spent.append(1e6 * drawing["draw"] / rows)
        tell("augmenting, µs of processor time a copy", f"ours, {rows:,} copies, {size(recipe.draw.canvas)}", spent)
        tell("augmenting, peak memory so far, MB", f"ours, {rows:,} copies, {size(recipe.draw.canvas)}",
             [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024])


def workers(recipe, data, repeats: int) -> None:
    """Two workers beside one, in turn."""
    many = with_draw(recipe, copies=2000)
    ours(with_draw(recipe, copies=1), data, 2)                  # the pool's processes have begun
    one, two = zip(*((ours(many, data, 1)[0], ours(many, data, 2)[0]) for _ in range(repeats)), strict=True)
    for name, values in (("1 worker", one), ("2 workers", two)):
        tell("augmenting, copies/s with workers", f"ours, {name}, {size(recipe.draw.canvas)}, 2,000 copies a page",
             values, statistics.median(values) / statistics.median(one))


def size(canvas) -> str:
    return f"{canvas[0]}×{canvas[1]}"


def tell(question: str, setting: str, values, ratio=None) -> None:
    append(question, setting, values, ratio)
    print(f"{statistics.median(values):10.4g}  {'' if ratio is None else f'{ratio:.2f}×':8} {question}: {setting}")
