"""python -m benchmarks.augmenting: copies per second on one core, ours beside the first project's way.

The baseline treats the whole page again for every copy, as the first of the student projects did. It is
given the page decoded; ours counts everything from the file to the written shard. Both end on the same canvas.
"""

import dataclasses
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFile

from benchmarks.rows import append
from data.command import parser, run
from data.recipe import read_recipe

PAGES = 20                   # of the folder, evenly spread
OPENCV = ("bilateralFilter", "adaptiveThreshold", "connectedComponentsWithStats", "dilate", "convexHull",
          "findNonZero", "boundingRect", "copyMakeBorder", "warpAffine", "LUT")



def per_copy(page: np.ndarray, angle: float, share: float, at, contrast: float, canvas,
             resample=Image.Resampling.NEAREST) -> np.ndarray:
    """One copy from dark ink on a light page, uint8 (H, W) or (H, W, 3); ground white. Pillow's rotation takes
    the nearest pixel unless told otherwise, which is its quickest way."""
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
    left, top = (int(a * (room - side)) for a, room, side in zip(at, (wide, high), size, strict=True))
    out[top:top + size[1], left:left + size[0]] = small
    return out


def baseline(pages, draw, copies: int) -> float:
    """Copies per second; the pages decoded, nothing written."""
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    for page in pages:
        for chance in rng.random((copies, 5)):
            share, contrast = np.interp(chance[0], (0, 1), draw.scale), np.interp(chance[1], (0, 1), draw.contrast)
            per_copy(page, (2 * chance[2] - 1) * draw.rotation, share, chance[3:], contrast, draw.canvas)
    return len(pages) * copies / (time.perf_counter() - start)


def ours(recipe, data, workers: int = 1) -> tuple[float, float]:
    """(copies per second, seconds) of a whole build: decode, clean, draw, write."""
    from preprocess.build import build
    with tempfile.TemporaryDirectory(dir=".") as folder:
        start = time.perf_counter()
        rows = build(recipe, data, folder, workers)["rows"]["train"]
        seconds = time.perf_counter() - start
    return rows / seconds, seconds


def with_draw(recipe, **keys):
    return dataclasses.replace(recipe, draw=dataclasses.replace(recipe.draw, **keys))


def versus(recipe, data, repeats: int) -> dict:
    """Both in turn, on the recipe's canvas and on one as large as the page."""
    files = sorted(Path(data).glob("*/*.png"))
    rgb = [np.asarray(Image.open(f).convert("RGB")) for f in files[::max(1, len(files) // PAGES)]]
    grey = [cv2.cvtColor(page, cv2.COLOR_RGB2GRAY) for page in rgb]
    facts = {}
    for canvas in (recipe.draw.canvas, rgb[0].shape[:2]):
        asked = with_draw(recipe, canvas=tuple(canvas))
        rates = {"per copy, RGB": [], "per copy, grey": [], "ours": []}
        for _ in range(repeats):
            rates["per copy, RGB"].append(baseline(rgb, asked.draw, 2))
            rates["per copy, grey"].append(baseline(grey, asked.draw, 4))
            rates["ours"].append(ours(asked, data)[0])
        name = f"{canvas[0]}×{canvas[1]}"
        best = statistics.median(rates["ours"])
        for way, values in rates.items():
            tell("augmenting, copies/s on a core", f"{way}, {name}, {recipe.draw.copies} copies a page", values,
                 best / statistics.median(values))
        facts[name] = {way: statistics.median(values) for way, values in rates.items()}
    return facts


def growing(recipe, data) -> None:
    """Milliseconds a copy as the copies grow, the cleaning of the pages apart; then two workers."""
    pages = len(list(Path(data).glob("*/*.png")))
    nothing = ours(with_draw(recipe, copies=1), data)[1]
    for copies in (10, 100, 1000):
        spent = ours(with_draw(recipe, copies=copies), data)[1] - nothing
        tell("augmenting, ms a copy", f"ours, {copies} copies of {pages} pages, cleaning apart",
             [1000 * spent / (copies * pages)])
        tell("augmenting, peak memory so far, MB", f"ours, {copies} copies of {pages} pages, one process",
             [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024])
    many = with_draw(recipe, copies=1000)
    pairs = [(ours(many, data, 1)[0], ours(many, data, 2)[0]) for _ in range(2)]
    one, two = zip(*pairs, strict=True)
    tell("augmenting, copies/s", "ours, 2 workers over 1, 1,000 copies a page", two,
         statistics.median(two) / statistics.median(one))


def breakdown(recipe, data) -> None:
    """The share of a build's seconds spent in OpenCV, in Pillow and in writing, by timers around the calls."""
    import preprocess.build as room
    from preprocess import clean, draw, scratch
    spent = {"OpenCV": 0.0, "Pillow": 0.0, "writing": 0.0}

    def timed(kind, call):
        def inner(*args, **how):
            start = time.perf_counter()
            try:
                return call(*args, **how)
            finally:
                spent[kind] += time.perf_counter() - start
        return inner

    calls = [(cv2, name, "OpenCV") for name in OPENCV]
    calls += [(clean, "resize", "Pillow"), (draw, "resize", "Pillow"), (Image, "open", "Pillow"),
               (ImageFile.ImageFile, "load", "Pillow"), (room, "write_shard", "writing"),
               (scratch, "_write", "writing")]
    kept = [(where, name, getattr(where, name)) for where, name, _ in calls]
    serial = room._run
    room._run = lambda tasks, workers, weights, verb, unit: [call(*arguments) for call, arguments in tasks]
    try:
        for where, name, kind in calls:
            setattr(where, name, timed(kind, getattr(where, name)))
        seconds = ours(recipe, data)[1]
    finally:
        room._run = serial
        for where, name, call in kept:
            setattr(where, name, call)
    spent["all three"] = sum(spent.values())
    for kind, value in spent.items():
        tell("augmenting, share of a build's time", f"{kind}, one process, {recipe.draw.copies} copies a page",
             [value / seconds])


def tell(question: str, setting: str, values, ratio=None) -> None:
    append(question, setting, values, ratio)
    print(f"{statistics.median(values):10.4g}  {'' if ratio is None else f'{ratio:.2f}×':8} {question}: {setting}")


def measure(args) -> dict:
    cv2.setNumThreads(1)
    recipe = read_recipe(args.recipe, ["split.val=0", "split.test=0", *args.set])      # every page is drawn from
    facts = versus(recipe, args.data, args.repeats) if "versus" in args.parts else {}
    if "breakdown" in args.parts:
        breakdown(recipe, args.data)
    if "growing" in args.parts:
        growing(recipe, args.data)
    return facts


def main(argv=None) -> int:
    made = parser("python -m benchmarks.augmenting", "Time the drawing of copies beside the first project's way.")
    made.add_argument("--data", required=True, help="folder of pages, a sub-folder a class")
    made.add_argument("--recipe", default="recipes/letters.toml")
    made.add_argument("--repeats", type=int, default=3)
    made.add_argument("--parts", nargs="+", default=["versus", "breakdown", "growing"])
    return run(measure, made.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
