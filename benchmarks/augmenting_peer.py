"""Our drawing beside Pillow, albumentations, AlbumentationsX and torchvision v2, on the steps that all of them have.

Turn, slant, scale, place, contrast and, where the recipe asks for it, mirror; bilinear, one core, in memory, nothing
written. Ours gets cleaned pictures; the others get each picture on the canvas already, as their pipelines have it after
a resize. Each library runs in a process, the repeats take turns, and processor time counts.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks import augmenting_photos, augmenting_small
from benchmarks.augmenting_build import record, size, with_draw
from benchmarks.augmenting_sets import characters
from benchmarks.augmenting_theirs import LIBRARIES
from benchmarks.environments import ROOT, LeftOut, python_of, telling
from benchmarks.scratch import scratch_folder
from tenfold.data.recipe import Recipe

OWN = {"albumentations": ".venv-albumentations", "AlbumentationsX": ".venv-albumentationsx"}   # they exclude each other
COPIES = 1000                # of all pictures of a set together, in one repeat; a quarter where canvases are large


class Theirs:
    """A process that draws copies by one library."""

    def __init__(self, library: str):
        python = python_of(OWN[library]) if library in OWN else Path(sys.executable)
        quiet = {"NO_ALBUMENTATIONS_UPDATE": "1", "NO_ALBUMENTATIONS_TELEMETRY": "1", "ALBUMENTATIONS_OFFLINE": "1"}
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.augmenting_theirs", library], cwd=ROOT, text=True, env=os.environ | quiet,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            self.name = f"{library} {self._answer()['version']}"
        except LeftOut:
            self.close()
            raise

    def _answer(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout else ""
        answer = json.loads(line) if line else "its process ended"
        if isinstance(answer, str):
            raise LeftOut(answer)
        return answer

    def rate(self, job: dict) -> float:
        """Copies in a second of the processor. LeftOut: it fails."""
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(job), file=self._process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()


def peers(recipe: Recipe, pages: Sequence[np.ndarray], canvases: Sequence[tuple[int, int]], repeats: int) -> None:
    """Record a row of each library for each set; pages: uint8 (H, W, C) each, drawn on each of the canvases."""
    sets = [(f"the pages of --data at {size(canvas)}", with_draw(recipe, canvas=tuple(canvas)), pages)
            for canvas in canvases]
    cv2.setNumThreads(1)
    theirs = []
    try:
        for library in LIBRARIES:
            with telling(library):
                theirs.append(Theirs(library))
        for name, asked, pictures in [*sets, *made_sets()]:
            for who, rates in beside(asked, pictures, theirs, repeats).items():
                record(f"augmenting, copies/s beside others, {name}", who, rates[1], rates[0])
    finally:
        for one in theirs:
            one.close()


def made_sets() -> Iterator[tuple[str, Recipe, list[np.ndarray]]]:
    """(name, recipe, pictures uint8 (H, W, C)) of sets that are made here, as those whose builds are timed."""
    yield "arrays of 28×28 at 32×32", augmenting_small.recipe_of(1), list(characters(COPIES)[0][:, :, :, None])
    letters = with_draw(augmenting_small.letters(), canvas=(64, 64))
    yield "pages of 105×105 at 64×64", letters, list(255 - characters(100, 105)[0][:, :, :, None])
    with scratch_folder() as folder:
        augmenting_photos.write_photographs(Path(folder), 16, 188, 250)
        pictures = [np.asarray(Image.open(path)) for path in sorted(Path(folder).glob("*/*.jpg"))]
    yield "photographs of 250×188 at 224×224", augmenting_photos.recipe_of(32), pictures


def beside(recipe: Recipe, pages: Sequence[np.ndarray], theirs: list[Theirs],
           repeats: int) -> dict[str, tuple[float, list[float]]]:
    """{who: (how many times as fast ours is, copies/s of each repeat)}; the first turn warms up and is not counted."""
    from tenfold.preprocess.clean.steps import clean
    from tenfold.preprocess.draw.pyramid import build_pyramid
    config = with_draw(recipe, broaden=0.0).draw         # broader pens are a step that no other has
    cleaned = [clean(page, recipe.clean, config) for page in pages]
    pictures = [build_pyramid(one, config) for one in cleaned]
    copies = COPIES if max(config.canvas) < 128 else COPIES // 4
    rates: dict[str, list[float]] = {"ours": [], **{one.name: [] for one in theirs}}
    with scratch_folder() as folder:
        path = Path(folder).resolve() / "pages.npy"
        np.save(path, np.stack([framed(one.pixels, config.canvas, config.fit == "cover") for one in cleaned]))
        job = {"pages": str(path), "canvas": config.canvas, "channels": recipe.clean.channels, "copies": copies,
               "rotation": config.rotation, "shear": config.shear, "scale": config.scale, "contrast": config.contrast,
               "flip": config.flip}
        for repeat in range(repeats + 1):
            for one in [None, *theirs]:
                name = one.name if one else "ours"
                with telling(name):
                    got = one.rate(job) if one else ours(pictures, config, copies)
                    rates[name] += [got] if repeat else []
    best = statistics.median(rates["ours"])
    return {who: (best / statistics.median(got), got) for who, got in rates.items() if got}


def ours(pictures: list, config: Any, copies: int) -> float:
    """Copies in a second of the processor, a few hundred at once as in a build."""
    from tenfold.preprocess.draw.random_views import draw_views
    from tenfold.preprocess.draw.render import draw_copies
    out = np.empty((copies, *config.canvas, pictures[0].levels.pixels.shape[2]), np.uint8)
    sources, numbers = np.sort(np.arange(copies) % len(pictures)), np.arange(copies)
    start = time.process_time()
    for at in range(0, copies, 512):
        some = slice(at, at + 512)
        draw_copies([pictures[source] for source in sources[some].tolist()],
                    draw_views(0, sources[some], numbers[some], config), config, out[some])
    return copies / (time.process_time() - start)


def framed(page: np.ndarray, canvas: tuple[int, int], cover: bool) -> np.ndarray:
    """The picture in the middle of a canvas, filling it as far as it goes, or all of it: uint8 (*canvas, C)."""
    high, wide = canvas
    factor = (max if cover else min)(high / page.shape[0], wide / page.shape[1])
    tall, broad = (max(1, round(side * factor)) for side in page.shape[:2])
    small = cv2.resize(page, (broad, tall), interpolation=cv2.INTER_AREA).reshape(tall, broad, -1)
    out = np.zeros((high, wide, page.shape[2]), np.uint8)
    down, right = abs(high - tall) // 2, abs(wide - broad) // 2
    if cover:
        return small[down:down + high, right:right + wide]
    out[down:down + tall, right:right + broad] = small
    return out
