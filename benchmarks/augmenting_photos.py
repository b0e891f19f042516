"""Our build of photographs beside the plain sum of the kernel calls that its result needs, in the same run.

The kernels are called one after the other on what they need, with nothing around them: Pillow decodes each file once
(as small as the build takes it), OpenCV or Pillow makes the levels that copies are drawn from, OpenCV warps each copy,
changes its contrast and takes its mean and deviation, SHA-256 hashes each shard, the system writes it. The build does
all that Tenfold does, from files to a finished set, in one process. Processor time, with the sets made here.
"""

import hashlib
import io
import os
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
from PIL import Image

from benchmarks.augmenting_build import ours
from benchmarks.scratch import scratch_folder
from tenfold.data.recipe import Recipe, make_recipe
from tenfold.preprocess.clean.steps import clean, resize
from tenfold.preprocess.decode import decode_any, picture
from tenfold.preprocess.draw.pyramid import Picture, build_pyramid
from tenfold.preprocess.draw.random_views import draw_views
from tenfold.preprocess.draw.render import lay_out

REPEATS = 3
SHARD = 445                  # rows of 224×224×3 in 64 MB
Kernels = dict[str, float]   # seconds of the processor spent in each kind of call


def rows() -> list[tuple[str, float, float]]:
    """Measure: [(set, milliseconds a copy of our build, milliseconds a copy of the kernels alone), …]."""
    cv2.setNumThreads(1)
    large = "photographs of 12 megapixels, 8 copies of 224×224"
    with scratch_folder() as folder:
        few, many = Path(folder) / "large", Path(folder) / "small"
        write_photographs(many, 200, 188, 250)
        write_photographs(few, 12, 3000, 4000)
        return [_row("photographs of 250×188, 32 copies of 224×224", recipe_of(32), many),
                _row(large, recipe_of(8), few), _row(f"{large}, decoded in full", recipe_of(8), few, _in_full)]


def recipe_of(copies: int) -> Recipe:
    """A recipe as photos.toml, all photographs in train."""
    return make_recipe({"name": "photographs", "split": {"val": 0, "test": 0}, "clean": {"channels": 3},
                        "draw": {"canvas": [224, 224], "copies": copies, "fit": "cover", "rotation": 10,
                                 "scale": [0.6, 1.0], "contrast": [0.7, 1.3], "flip": 0.5},
                        "model": {"name": "light"}})


def write_photographs(folder: Path, count: int, height: int, width: int) -> None:
    """Write JPEG files of smooth noise, coarse and fine, half of them in each of two classes."""
    for number in range(count):
        rng = np.random.default_rng(number)
        image = np.full((height, width, 3), 128, np.float32)
        for cells in (4, 16, 64, 256):
            coarse = rng.normal(0, 100 / cells**0.5, (cells, cells, 3)).astype(np.float32)
            image += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        path = folder / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(path, quality=90)


def _in_full() -> AbstractContextManager:
    """As if no picture could be decoded smaller than it is stored."""
    return mock.patch.object(picture, "reduction_of", return_value=None)


def _row(name: str, recipe: Recipe, folder: Path,
         around: Callable[[], AbstractContextManager] = nullcontext) -> tuple[str, float, float]:
    """A row: the build and the kernels in turn, medians."""
    files = sorted(folder.glob("*/*.jpg"))
    copies, builds, alone = recipe.draw.copies * len(files), [], []
    with around():
        pictures = [build_pyramid(clean(decode_any(file.read_bytes(), file.name, recipe).pixels, recipe.clean,
                                        recipe.draw), recipe.draw) for file in files]
        for _ in range(REPEATS):
            builds.append(1e3 * ours(recipe, str(folder), clock=time.process_time)[1] / copies)
            alone.append(1e3 * sum(kernels(recipe, files, pictures).values()) / copies)
    return name, statistics.median(builds), statistics.median(alone)


def kernels(recipe: Recipe, files: list[Path], pictures: list[Picture]) -> Kernels:
    """Call the kernels of a build; pictures: cleaned, whose levels need not be made yet."""
    spent: Kernels = {}

    def timed(kind: str, calls: Callable[[], object]) -> None:
        start = time.process_time()
        calls()
        spent[kind] = spent.get(kind, 0.0) + time.process_time() - start

    timed("decode", lambda: [_decode(file, recipe) for file in files])
    copies = recipe.draw.copies
    used: dict[tuple, tuple[Picture, tuple[int, ...]]] = {}
    low, high = recipe.draw.contrast
    shard = np.zeros((SHARD, *recipe.draw.canvas, recipe.clean.channels), np.uint8)
    order = np.random.default_rng(0).permutation(len(files) * copies)
    with scratch_folder() as folder:
        for start in range(0, len(order), SHARD):
            chosen = np.sort(order[start:start + SHARD])
            views = draw_views(0, chosen // copies, chosen % copies, recipe.draw)
            drawn, levels, warps, _ = lay_out([pictures[k] for k in chosen // copies], views, recipe.draw)
            used |= {(id(one), level.shape): (one, level.shape) for one, level in zip(drawn, levels, strict=True)}
            factors = np.asarray(low + views.tone * (high - low)).tolist()
            out = shard[:len(chosen)]
            timed("warp", lambda: [
                cv2.warpAffine(level, warp, copy.shape[1::-1], dst=copy, flags=cv2.INTER_LINEAR,
                               borderMode=cv2.BORDER_CONSTANT, borderValue=one.background)
                for copy, one, level, warp in zip(out, drawn, levels, warps, strict=True)])     # noqa: B023
            timed("contrast", lambda: [
                cv2.addWeighted(copy, factor, copy, 0, one.pivot * (1 - factor), dst=copy)
                for copy, one, factor in zip(out, drawn, factors, strict=True)])                # noqa: B023
            timed("moments", lambda: [cv2.meanStdDev(copy) for copy in out])                    # noqa: B023
            timed("hash", lambda: hashlib.sha256(out.data).digest())                                 # noqa: B023
            timed("write", lambda: _write(Path(folder) / f"{start}", out))                      # noqa: B023
    timed("levels", lambda: [resize(one.levels.base(), *shape[:2]) for one, shape in used.values()])
    return spent


def _decode(file: Path, recipe: Recipe) -> Image.Image:
    opened = Image.open(io.BytesIO(file.read_bytes()))
    reduction = picture.reduction_of(recipe)
    if reduction and (times := reduction(opened.height, opened.width)) > 1:
        opened.draft(None, (opened.width // times, opened.height // times))
    opened.load()
    return opened


def _write(path: Path, out: np.ndarray) -> None:
    with open(path, "wb") as f:
        f.write(out.data)
        f.flush()
        os.fsync(f.fileno())


if __name__ == "__main__":
    for title, build, plain in rows():
        print(f"{build:8.3f} ms a copy, kernels {plain:.3f}, {build / plain:.2f} times: {title}")
