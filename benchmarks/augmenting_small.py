"""Our build of small pictures beside the plain sum of the kernel calls that its result needs, in the same run.

Arrays of 28×28 with one copy: the kernels are called one after the other on what they need, with nothing around
them: BLAKE2 for each picture, OpenCV's two thumbnails and deviation, the level that its copy is drawn from (OpenCV or
Pillow), the warp, the copy's mean and deviation, SHA-256 of all rows, and one write. Pages of 105×105: the calls of
OpenCV and Pillow, the hashes and the writing, timed within the build. Processor time of one process, with the sets
made here.
"""

import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageFile

from benchmarks.augmenting_build import OPENCV, ours, timers
from benchmarks.augmenting_sets import CHARACTERS, characters, write_arrays
from benchmarks.scratch import scratch_folder
from tenfold.data.recipe import Recipe, make_recipe, read_recipe
from tenfold.preprocess.clean.steps import resize
from tenfold.preprocess.draw.random_views import draw_views
from tenfold.preprocess.draw.render import lay_out
from tenfold.preprocess.draw.together import pictures_together

REPEATS = 3
ARRAYS, PAGES = 20_000, 310


def rows() -> list[tuple[str, float, float]]:
    """Measure: [(set, milliseconds a copy of our build, milliseconds a copy of the kernels alone), …]."""
    cv2.setNumThreads(1)
    with scratch_folder() as name:
        arrays, pages = write_arrays(Path(name) / "arrays.npz", ARRAYS), Path(name) / "pages"
        write_pages(pages, PAGES)
        return [_median("arrays of 28×28, 1 copy of 32×32", lambda: _arrays(recipe_of(1), arrays)),
                _median("pages of 105×105, letters.toml, 10 copies", lambda: _pages(letters(), pages))]


def recipe_of(copies: int) -> Recipe:
    """A recipe as glyphs_better.toml, all pictures in train."""
    return make_recipe({"name": "glyphs", "split": {"val": 0, "test": 0}, "clean": {"channels": 1},
                        "draw": {"canvas": [32, 32], "copies": copies, "rotation": 8, "shear": 10, "aspect": 1.2,
                                 "scale": [0.8, 1.0]}, "model": {"name": "light"}})


def letters() -> Recipe:
    """letters.toml with ten copies of each page, all pages in train."""
    return read_recipe("recipes/letters.toml", ["split.val=0", "split.test=0", "draw.copies=10"])


def write_pages(folder: Path, count: int) -> None:
    """Write PNG files of dark characters on white, five of each class and more."""
    pixels, labels = characters(count, 105)
    for number, (page, label) in enumerate(zip(pixels, labels.tolist(), strict=True)):
        path = folder / f"{ord(CHARACTERS[label]):03d}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - page).save(path)


def _median(name: str, measure: Callable[[], tuple[float, float]]) -> tuple[str, float, float]:
    build, kernels = zip(*(measure() for _ in range(REPEATS)), strict=True)
    return name, statistics.median(build), statistics.median(kernels)


def _arrays(recipe: Recipe, data: Path) -> tuple[float, float]:
    """Milliseconds a copy of the build, and of its kernels."""
    seconds = ours(recipe, str(data), clock=time.process_time)[1]
    pixels = np.load(data)["x"][:, :, :, None]
    return 1e3 * seconds / len(pixels), 1e3 * _kernels(recipe, pixels) / len(pixels)


def _kernels(recipe: Recipe, pixels: np.ndarray) -> float:
    """Seconds of the processor in the kernels alone."""
    count = len(pixels)
    pictures = pictures_together(pixels, recipe.draw)
    _, levels, warps, boxes = lay_out(pictures, draw_views(0, np.arange(count), np.zeros(count, int), recipe.draw),
                                      recipe.draw)
    warps[:, :, 2] -= boxes[:, :2]
    out, plan = np.zeros((count, *recipe.draw.canvas, 1), np.uint8), []
    for picture, level, warp, (left, top, right, bottom), copy in zip(pictures, levels, warps, boxes.tolist(), out,
                                                                      strict=True):
        plan.append((picture.levels.pixels, level.shape[:2], level, warp, (right - left, bottom - top),
                     copy[top:bottom, left:right]))
    start = time.process_time()
    for one in pixels:
        hashlib.blake2b(one.data, digest_size=12).digest()
        cv2.meanStdDev(one)
        cv2.resize(one, (9, 9), interpolation=cv2.INTER_AREA)
        cv2.resize(one, (12, 12), interpolation=cv2.INTER_AREA)
    for page, shape, level, warp, box, part in plan:
        resize(page, *shape)
        cv2.warpAffine(level, warp, box, dst=part, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    for copy in out:
        cv2.meanStdDev(copy)
    hashlib.sha256(out.data).digest()
    with tempfile.TemporaryFile(dir=".") as f:
        f.write(out.data)
        f.flush()
        os.fsync(f.fileno())
    return time.process_time() - start


def _pages(recipe: Recipe, folder: Path) -> tuple[float, float]:
    """Milliseconds a copy of the build, and of the kernels within it."""
    from tenfold.preprocess import draw_shards
    from tenfold.preprocess.clean import steps
    from tenfold.preprocess.survey import cleaning
    calls: list[tuple[Any, str, str]] = [(cv2, name, "OpenCV") for name in OPENCV]
    calls += [(steps, "shrink", "Pillow"), (Image, "open", "Pillow"), (ImageFile.ImageFile, "load", "Pillow"),
              (draw_shards, "write_shard", "writing"), (cleaning, "write_block", "writing")]
    rate, seconds = ours(recipe, str(folder), clock=time.process_time)
    with timers(calls, time.process_time) as spent:
        ours(recipe, str(folder))
    return 1e3 / rate, 1e3 * sum(spent.values()) / (rate * seconds)


if __name__ == "__main__":
    for title, build, plain in rows():
        print(f"{build:8.3f} ms a copy, kernels {plain:.3f}, {build / plain:.2f} times: {title}")
