"""Our drawing beside albumentations on the steps both have: turn, slant, stretch, scale, place; contrast.

Both get cleaned pages in memory and write nothing. albumentations gets each page on the canvas already, its
longer side filled, as its own pipelines have it after LongestMaxSize and PadIfNeeded.
"""

import statistics
import time
from typing import Any

import cv2
import numpy as np

from benchmarks.augmenting_build import record, size, with_draw
from tenfold.data.recipe import Recipe

MISSING = ("albumentations is not here: python3 -m venv .venv-peers && .venv-peers/bin/pip install -e . "
           "albumentations==2.0.8, and give PY=.venv-peers/bin/python")
COPIES = 50                  # of a page


def peer(recipe: Recipe, pages: list[np.ndarray], canvases: Any, repeats: int) -> None:
    """pages: uint8 (H, W) each, dark ink on light paper."""
    try:
        import albumentations as A
    except ImportError:
        print(MISSING)
        return
    from tenfold.preprocess.clean.steps import clean
    from tenfold.preprocess.draw.pyramid import build_pyramid
    from tenfold.preprocess.draw.random_views import draw_views
    from tenfold.preprocess.draw.render import draw_copies
    cv2.setNumThreads(1)
    for canvas in canvases:
        config = with_draw(recipe, canvas=tuple(canvas), broaden=0.0).draw
        low, high = config.contrast
        theirs = A.Compose([
            A.Affine(rotate=(-config.rotation, config.rotation), shear=(-config.shear, config.shear),
                     scale=config.scale, translate_percent=(-0.1, 0.1), interpolation=cv2.INTER_LINEAR, p=1),
            A.RandomBrightnessContrast(brightness_limit=0, contrast_limit=(low - 1, high - 1), p=1)])
        cleaned = [clean(page[:, :, None], recipe.clean, config) for page in pages]
        pictures = [build_pyramid(one, config) for one in cleaned]
        fit = A.Compose([A.LongestMaxSize(max(canvas)), A.PadIfNeeded(*canvas)])
        framed = [fit(image=one.pixels)["image"] for one in cleaned]
        out = np.empty((COPIES, *canvas, 1), np.uint8)
        spent: dict[str, list[float]] = {"albumentations": [], "ours": []}
        for _ in range(repeats):
            start = time.process_time()
            for page in framed:
                for k in range(COPIES):
                    out[k] = theirs(image=page)["image"].reshape(*canvas, 1)
            spent["albumentations"].append(time.process_time() - start)
            start = time.process_time()
            for source, picture in enumerate(pictures):
                views = draw_views(0, np.full(COPIES, source), np.arange(COPIES), config)
                draw_copies([picture] * COPIES, views, config, out)
            spent["ours"].append(time.process_time() - start)
        best = statistics.median(spent["ours"])
        for name, seconds in spent.items():
            record("augmenting, copies/s beside albumentations", f"{name}, {size(canvas)}",
                   [len(pages) * COPIES / s for s in seconds], statistics.median(seconds) / best)
