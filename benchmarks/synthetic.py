"""Sets of smooth pictures to time loaders on: our shards, and the same rows as others keep them."""

from pathlib import Path
from typing import Any

import numpy as np

SHAPES = ((28, 28, 1), (90, 90, 1), (224, 224, 3))
CLASSES = 10


def rows_of(shape: tuple[int, ...], megabytes: int, seed: int = 0) -> Any:
    """(image uint8 (rows, H, W, C), label int64): 512 different pictures, drawn again and again."""
    from PIL import Image
    height, width, channels = shape
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (512, 6, 6, channels), np.uint8)
    smooth = [[Image.fromarray(one[:, :, c]).resize((width, height), Image.Resampling.BICUBIC)
               for c in range(channels)] for one in coarse]
    pool = np.stack([np.stack([np.asarray(plane) for plane in planes], 2) for planes in smooth])
    rows = (megabytes << 20) // pool[0].nbytes
    return pool[rng.integers(0, 512, rows)], rng.integers(0, CLASSES, rows)


def write_set(folder: Path, image: np.ndarray, label: np.ndarray, compression: str = "none",
              megabytes: int = 64) -> Path:
    """Write training shards of so many MB and their dataset.json."""
    from tenfold.data.recipe import make_recipe, recipe_tables
    from tenfold.data.schema import SCHEMA, SET_SCHEMA, shard_name
    from tenfold.data.shard import write_shard
    from tenfold.data.shardset import write_index
    from tenfold.data.source_columns import write_source_table
    folder, shards = Path(folder), []
    folder.mkdir(parents=True)
    rows, channels = (megabytes << 20) // image[0].nbytes, image.shape[3]
    for number, start in enumerate(range(0, len(image), rows)):
        some = slice(start, start + rows)
        columns = {"label": label[some], "source": np.zeros(len(label[some])), "copy": np.zeros(len(label[some]))}
        facts = write_shard(folder / shard_name("train", number), image[some], columns,
                            {"schema": SCHEMA, "split": "train", "recipe": "r", "plan": "p"}, compression)
        shards.append({"split": "train"} | {k: facts[k] for k in ("name", "rows", "bytes", "sha256")})
    canvas = list(image.shape[1:3])
    recipe = make_recipe({"name": "synthetic", "draw": {"canvas": canvas, "copies": 1}, "clean": {"channels": channels},
                          "model": {"name": "convnet", "args": {"widths": [8]}}})
    write_index(folder, {
        "schema": SET_SCHEMA, "classes": [str(i) for i in range(CLASSES)], "canvas": canvas, "channels": channels,
        "rows": {"train": len(image), "val": 0, "test": 0}, "mean": [0.5] * channels, "std": [0.25] * channels,
        "digest": "synthetic", "recipe": recipe_tables(recipe), "shards": shards,
        "sources": write_source_table(folder, {"path": ["x"]})})
    return folder


def write_files(folder: Path, image: np.ndarray, label: np.ndarray) -> list[tuple[str, int]]:
    """A folder for each class, as ImageFolder takes it; PNG where grey, JPEG where colour. [(path, label), …]"""
    from PIL import Image
    files = []
    for number, (pixels, kind) in enumerate(zip(image, label.tolist(), strict=True)):
        grey = pixels.shape[2] == 1
        path = Path(folder) / str(kind) / f"{number}.{'png' if grey else 'jpg'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[:, :, 0] if grey else pixels).save(path)
        files.append((str(path), kind))
    return files
