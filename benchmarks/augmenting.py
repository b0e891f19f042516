"""python -m benchmarks.augmenting: copies per second on one core, ours beside the first project's way.

The baseline treats the whole page again for every copy, as the first of the student projects did. It is
given the page decoded and writes nothing, and so is "ours, not written"; "ours" counts everything from the file
to the written shard, its hash included. All end on the same canvas.
"""

import argparse
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks import augmenting_growth, augmenting_photos, augmenting_small
from benchmarks.augmenting_build import breakdown, growing, ours, record, size, with_draw, workers
from benchmarks.augmenting_peer import peers
from benchmarks.rows import add_record, keep_rows
from benchmarks.scratch import scratch_folder
from tenfold.data.command import make_parser, run
from tenfold.data.recipe import Recipe, read_recipe
from tenfold.preprocess.clean.steps import clean
from tenfold.preprocess.draw.pyramid import build_pyramid
from tenfold.preprocess.draw.random_views import draw_views
from tenfold.preprocess.draw.render import draw_copies

PAGES = 20                   # of the folder, evenly spread, for the first project's way
BUILT = 30                   # of the folder, evenly spread, for whole builds
PARTS = ["versus", "peer", "kernels", "breakdown", "growing", "workers"]
MORE = ["sources"]           # minutes, so only when asked for


def per_copy(page: np.ndarray, angle: float, share: float, at: Any, contrast: float, canvas: tuple[int, int],
             resample: Any = Image.Resampling.NEAREST) -> np.ndarray:
    """One copy from dark ink on a light page, uint8 (H, W) or (H, W, 3); ground white. Pillow's rotation takes
    the nearest pixel unless it is asked for another way, and that is its quickest."""
    page = cv2.bilateralFilter(page, 9, 75, 75)
    page = cv2.convertScaleAbs(page, alpha=contrast, beta=255 * (1 - contrast))
    grey = page if page.ndim == 2 else cv2.cvtColor(page, cv2.COLOR_RGB2GRAY)
    _, ink = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    x, y, w, h = cv2.boundingRect(ink)
    white = 255 if page.ndim == 2 else (255,) * 3
    turned = Image.fromarray(page[y:y + h, x:x + w]).rotate(-angle, resample, expand=True, fillcolor=white)
    high, wide = canvas
    factor = share * min((wide - 2) / turned.width, (high - 2) / turned.height)
    size = max(1, round(turned.width * factor)), max(1, round(turned.height * factor))
    small = cv2.bilateralFilter(np.asarray(turned.resize(size, Image.Resampling.LANCZOS)), 9, 75, 75)
    out = np.full((high, wide, *page.shape[2:]), 255, np.uint8)
    left, top = (int(a * (space - side)) for a, space, side in zip(at, (wide, high), size, strict=True))
    out[top:top + size[1], left:left + size[0]] = small
    return out


def baseline(pages: list[np.ndarray], draw: Any, copies: int) -> float:
    """Copies per second of the processor; the pages decoded, nothing written."""
    rng = np.random.default_rng(0)
    start = time.process_time()
    for page in pages:
        for random in rng.random((copies, 5)):
            share, contrast = np.interp(random[0], (0, 1), draw.scale), np.interp(random[1], (0, 1), draw.contrast)
            per_copy(page, (2 * random[2] - 1) * draw.rotation, share, random[3:], contrast, draw.canvas)
    return len(pages) * copies / (time.process_time() - start)


def not_written(pages: list[np.ndarray], recipe: Recipe) -> float:
    """Copies per second of the processor: pages cleaned and copies drawn into memory, as many a page as asked for."""
    copies = recipe.draw.copies
    out = np.empty((copies, *recipe.draw.canvas, 1), np.uint8)
    start = time.process_time()
    for source, page in enumerate(pages):
        pyramid = build_pyramid(clean(page[:, :, None], recipe.clean, recipe.draw), recipe.draw)
        views = draw_views(0, np.full(copies, source), np.arange(copies), recipe.draw)
        draw_copies([pyramid] * copies, views, recipe.draw, out)
    return len(pages) * copies / (time.process_time() - start)


def versus(recipe: Recipe, data: str, rgb: list[np.ndarray], grey: list[np.ndarray], repeats: int) -> dict:
    """Both in turn, on the recipe's canvas and on one as large as the page; by processor time, which other
    programs on the machine do not change, and by elapsed time, which includes waiting for the disk."""
    facts = {}
    for canvas in (recipe.draw.canvas, rgb[0].shape[:2]):
        sized = with_draw(recipe, canvas=tuple(canvas))
        rates: dict[str, list[float]] = {
            way: [] for way in ("per copy, RGB", "per copy, grey", "ours, not written", "ours",
                                "ours, by the wall's clock")}
        for _ in range(repeats):
            rates["per copy, RGB"].append(baseline(rgb, sized.draw, 2))
            rates["per copy, grey"].append(baseline(grey, sized.draw, 4))
            rates["ours, not written"].append(not_written(grey, sized))
            start = time.perf_counter()
            rate, seconds = ours(sized, data, clock=time.process_time)
            rates["ours"].append(rate)
            rates["ours, by the wall's clock"].append(rate * seconds / (time.perf_counter() - start))
        best = statistics.median(rates["ours, not written"])
        for way, values in rates.items():
            record("augmenting, copies/s on a core", f"{way}, {size(canvas)}, {recipe.draw.copies} copies a page",
                   values, best / statistics.median(values))
        facts[size(canvas)] = {way: statistics.median(values) for way, values in rates.items()}
    return facts


def measure(args: argparse.Namespace) -> dict:
    """Time the parts that are asked for."""
    keep_rows(args.record)
    cv2.setNumThreads(1)
    recipe = read_recipe(args.recipe, ["split.val=0", "split.test=0", *args.set])      # every page is drawn from
    files = sorted(Path(args.data).glob("*/*.png"))
    rgb = [np.asarray(Image.open(f).convert("RGB")) for f in files[::max(1, len(files) // PAGES)]]
    grey = [cv2.cvtColor(page, cv2.COLOR_RGB2GRAY) for page in rgb]
    with scratch_folder() as folder:
        data = some_of(files, Path(folder))
        facts = versus(recipe, data, rgb, grey, args.repeats) if "versus" in args.parts else {}
        if "peer" in args.parts:
            peers(recipe, [page[:, :, None] for page in grey], (recipe.draw.canvas, rgb[0].shape[:2]), args.repeats)
        if "kernels" in args.parts:
            for name, build, alone in (*augmenting_small.rows(), *augmenting_photos.rows()):
                record("augmenting, ms of processor time a copy beside the kernels alone", name, [build], build / alone)
        if "sources" in args.parts:
            augmenting_growth.rows()
        if "breakdown" in args.parts:
            breakdown(recipe, data)
        if "growing" in args.parts:
            growing(recipe, data, args.repeats)
        if "workers" in args.parts:
            workers(recipe, data, args.repeats)
    return facts


def some_of(files: list[Path], folder: Path) -> str:
    """Copy BUILT of the pages into a folder of their classes: builds of all of them would take a quarter of an hour."""
    for path in files[::max(1, len(files) // BUILT)]:
        to = folder / path.parent.name / path.name
        to.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, to)
    return str(folder)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.augmenting",
                         "Time the drawing of copies beside the first project's way.")
    parser.add_argument("--data", required=True, help="folder of pages, a sub-folder a class")
    parser.add_argument("--recipe", default="recipes/letters.toml")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS + MORE)
    add_record(parser)
    return run(measure, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
