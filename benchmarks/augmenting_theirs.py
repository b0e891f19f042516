"""python -m benchmarks.augmenting_theirs LIBRARY: draw copies as one library does, in a process of its own.

It imports nothing of Tenfold but what torchvision needs on a processor, so that an environment with the library alone
can run it. Each line of standard input is a job, each line of standard output its answer; see `serve`.
"""

import json
import math
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Draw = Callable[[Any], Any]
PLACE = 0.1                  # of a side that copies are moved by at most


def albumentations(job: dict) -> tuple[Draw, Draw]:
    """Affine and RandomBrightnessContrast, bilinear; also AlbumentationsX, which is imported by the same name."""
    import albumentations as A
    import cv2
    cv2.setNumThreads(1)
    turn, slant, (low, high) = job["rotation"], job["shear"], job["contrast"]
    both = A.Compose([
        A.Affine(rotate=(-turn, turn), shear=(-slant, slant), scale=tuple(job["scale"]),
                 translate_percent=(-PLACE, PLACE), interpolation=cv2.INTER_LINEAR, p=1),
        A.RandomBrightnessContrast(brightness_limit=(0, 0), contrast_limit=(low - 1, high - 1), p=1),
        A.HorizontalFlip(p=job["flip"])])
    return lambda page: page, lambda page: both(image=page)["image"]


def torchvision(job: dict) -> tuple[Draw, Draw]:
    """RandomAffine and ColorJitter of transforms.v2, bilinear, on uint8 tensors (C, H, W)."""
    import torch

    from tenfold.data.vision import torchvision as ready
    ready()
    from torchvision.transforms import InterpolationMode, v2
    torch.set_num_threads(1)
    both = v2.Compose([
        v2.RandomAffine(job["rotation"], (PLACE, PLACE), job["scale"], job["shear"], InterpolationMode.BILINEAR),
        v2.ColorJitter(contrast=tuple(job["contrast"])), v2.RandomHorizontalFlip(job["flip"])])
    return lambda page: torch.from_numpy(page).permute(2, 0, 1).contiguous(), lambda page: both(page).permute(1, 2, 0)


def pillow(job: dict) -> tuple[Draw, Draw]:
    """Image.transform with a matrix of one's own, bilinear, and ImageEnhance.Contrast."""
    from PIL import Image, ImageEnhance, ImageOps
    rng = random.Random(0)

    def draw(page: Image.Image) -> np.ndarray:
        angle, slant = (math.radians(rng.uniform(-most, most)) for most in (job["rotation"], job["shear"]))
        scale, (wide, high) = rng.uniform(*job["scale"]), page.size
        a, b = math.cos(angle) / scale, (math.sin(angle) + math.tan(slant)) / scale
        d, e = -math.sin(angle) / scale, math.cos(angle) / scale
        x, y = (side * (0.5 + rng.uniform(-PLACE, PLACE)) for side in (wide, high))
        copy = page.transform(page.size, Image.Transform.AFFINE, (a, b, wide / 2 - a * x - b * y,
                                                                  d, e, high / 2 - d * x - e * y),
                              Image.Resampling.BILINEAR)
        copy = ImageEnhance.Contrast(copy).enhance(rng.uniform(*job["contrast"]))
        return np.asarray(ImageOps.mirror(copy) if rng.random() < job["flip"] else copy)
    return lambda page: Image.fromarray(page[:, :, 0] if page.shape[2] == 1 else page), draw


LIBRARIES = {"Pillow": ("pillow", pillow), "albumentations": ("albumentations", albumentations),
             "AlbumentationsX": ("albumentationsx", albumentations), "torchvision v2": ("torchvision", torchvision)}


def timed(job: dict, make: Callable[[dict], tuple[Draw, Draw]]) -> float:
    """Copies in a second of the processor; the pages, uint8 (n, H, W, C) on the canvas already, made ready before."""
    ready, draw = make(job)
    pages = [ready(page) for page in np.load(job["pages"])]
    out = np.empty((64, *job["canvas"], job["channels"]), np.uint8)
    start = time.process_time()
    for number in range(job["copies"]):
        copy = draw(pages[number % len(pages)])
        out[number % 64] = np.asarray(copy).reshape(out.shape[1:])
    return job["copies"] / (time.process_time() - start)


def serve(library: str) -> None:
    """Answer the library's version, then copies/s of each job (keys: pages, canvas, channels, copies, rotation, shear,
    scale, contrast, flip); a text instead of a number is why not."""
    from importlib.metadata import PackageNotFoundError, version
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)                                # what the library prints is no answer
    package, make = LIBRARIES[library]
    try:
        found: Any = {"version": version(package)}
    except PackageNotFoundError:
        found = f"{package} is not installed"
    print(json.dumps(found), file=answers, flush=True)
    for line in sys.stdin:
        try:
            answer: Any = timed(json.loads(line), make)
        except Exception as fault:               # the others go on
            answer = " ".join(f"{type(fault).__name__}: {fault}".split())[:200]
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
