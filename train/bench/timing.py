"""Measure the images/s of loader settings, taking turns, and of a plain copy in memory."""

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenfold.data.recipe import Recipe

if TYPE_CHECKING:
    import torch

    from tenfold.data.shardset import ShardSet

ENOUGH, AT_MOST = 0.25, 0.8  # seconds: a run takes epochs until the first is reached; an epoch is cut off at the second


@dataclass(frozen=True)
class Setting:
    """One loader setting: engine, workers, pinned memory, batch size."""
    engine: str
    workers: int
    pin_memory: bool
    batch_size: int


def measure(settings: list[Setting], shards: "ShardSet", recipe: Recipe, device: "torch.device", repeats: int,
            until: float) -> tuple[dict[Setting, list[float]], list[float]]:
    """Time each setting `repeats` times, but only once after time.monotonic() reaches `until`.

    Returns ({setting: [images/s, …]}, [images/s of a plain copy in memory, …]).
    """
    from tqdm.auto import tqdm
    rates: dict[Setting, list[float]] = {s: [] for s in settings}
    copied: list[float] = []
    with tqdm(total=len(settings) * repeats, desc="bench", unit="run", disable=None) as bar:
        for repeat in range(repeats):
            copied.append(_memcpy(shards))
            for setting in settings:
                if repeat and time.monotonic() > until:
                    return rates, copied
                bar.set_postfix_str(f"{setting.engine} {setting.workers}", refresh=False)
                rates[setting].append(_rate(setting, shards, recipe, device))
                bar.update()
    return rates, copied


def _rate(setting: Setting, shards, recipe, device) -> float:
    from tenfold.train.batches import open_batches
    config = replace(recipe.train, engine=setting.engine, workers=setting.workers, pin_memory=setting.pin_memory,
                     batch=setting.batch_size)
    batches = open_batches(shards, "train", config, recipe.seed, device, shuffle=True)
    try:
        _run(batches, 0, AT_MOST / 2, device)    # buffers are made, workers started, files read
        images, seconds, epoch = 0, 0.0, 1
        while seconds < ENOUGH:
            more, took = _run(batches, epoch, AT_MOST, device)
            images, seconds, epoch = images + more, seconds + took, epoch + 1
    finally:
        batches.close()
    return images / seconds


def _run(batches, number: int, at_most: float, device) -> tuple[int, float]:
    """Return (images, seconds) of one epoch, or of its first `at_most` seconds."""
    from tenfold.train.device import synchronise
    start, images = time.perf_counter(), 0
    epoch = batches.epoch(number)
    for _, label in epoch:
        images += len(label)
        if time.perf_counter() - start > at_most:
            break
    synchronise(device)
    took = time.perf_counter() - start
    epoch.close()
    return images, took


def _memcpy(shards) -> float:
    """Return the images/s of a plain copy of the same bytes from memory to memory, on one core."""
    import numpy as np
    rows = shards.rows("train")
    here = np.ones(rows * row_bytes(shards), np.uint8)
    there = np.zeros_like(here)
    start = time.perf_counter()
    np.copyto(there, here)
    return rows / (time.perf_counter() - start)


def row_bytes(shards: "ShardSet") -> int:
    """Return the bytes of pixels in a row."""
    height, width, channels = shards.row_shape
    return height * width * channels
