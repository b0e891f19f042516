"""Small sets of stripes that a child could tell apart: images in folders, and shards with or without preprocessing."""

from pathlib import Path

import numpy as np
from PIL import Image

from tenfold.data import schema
from tenfold.data.recipe import make_recipe, recipe_tables
from tenfold.data.schema import SPLITS, shard_name
from tenfold.data.shard import write_shard
from tenfold.data.shardset import write_index
from tenfold.data.source_columns import write_source_table

CANVAS = (20, 28)
CLASSES = ("across", "down", "slanted")
SPLIT_ROWS = {"train": (90, 61, 2), "val": (23,), "test": (17, 1)}      # of `written`, by shard


def stripe(kind: int, rng, channels: int = 1) -> np.ndarray:
    """Grey stripes across, down or slanted at a random phase, with noise: uint8 (H, W, channels)."""
    y, x = np.mgrid[:CANVAS[0], :CANVAS[1]]
    along = (y, x, x + y)[kind]
    wave = 128 + 90 * np.sin(along * 2 * np.pi / 6 + rng.uniform(0, 6))
    noisy = wave[..., None] + rng.normal(0, 12, (*CANVAS, channels))
    return noisy.clip(0, 255).astype(np.uint8)


def tables(**over) -> dict:
    """A recipe that keeps pixels as they are and trains in a second; `table={…}` is laid over it."""
    base = {"name": "stripes", "seed": 5, "split": {"val": 6, "test": 8}, "draw": {"canvas": list(CANVAS), "copies": 6},
            "model": {"name": "convnet", "args": {"widths": [8, 16]}},
            "train": {"epochs": 3, "batch": 32, "lr": 0.01, "budget": "10m"}}
    for key, value in over.items():
        base[key] = {**base.get(key, {}), **value} if isinstance(value, dict) else value
    return base


def folder(root: Path, images: int = 24, classes=CLASSES) -> Path:
    """PNG files in a folder for each class: one more of each class than of the one before."""
    for kind, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(images + kind):
            pixels = stripe(kind % 3, np.random.default_rng([kind, i]))
            Image.fromarray(pixels[:, :, 0]).save(root / name / f"{i:02d}.png")
    return root


def built(base: Path) -> Path:
    """shards/stripes below `base`, made of folder(base / "images") by preprocess; made once."""
    out = base / "shards" / "stripes"
    if not out.exists():
        from tenfold.data.sources.opening import open_source
        from tenfold.preprocess.pipeline import augment
        augment(make_recipe(tables()), open_source(folder(base / "images")), out, workers=1)
    return out


def written(out: Path, split_rows=None, compression="none", channels=1, classes=CLASSES, paths=None, **over) -> Path:
    """A finished set without preprocess, in as many shards as `split_rows` ({split: (rows, …)}) says."""
    key = repr((schema.CHUNK_BYTES, split_rows, compression, channels, classes, paths, over))
    out.mkdir(parents=True)
    if key not in _WRITTEN:
        _write(out, SPLIT_ROWS | (split_rows or {}), compression, channels, classes, paths, over)
        _WRITTEN[key] = {path.name: path.read_bytes() for path in out.iterdir()}
    else:
        for name, content in _WRITTEN[key].items():
            (out / name).write_bytes(content)
    return out


_WRITTEN: dict = {}          # the files of each set that was written in this process, by what was asked for


def _write(out, split_rows, compression, channels, classes, paths, over) -> None:
    rng, shards = np.random.default_rng(1), []
    for split in SPLITS:
        for number, rows in enumerate(split_rows[split]):
            label = rng.integers(0, len(classes), rows)
            image = np.stack([stripe(k % 3, rng, channels) for k in label])
            columns = {"label": label, "source": np.arange(rows), "copy": np.zeros(rows)}
            attributes = {"schema": 1, "split": split, "recipe": "r", "plan": "p"}
            facts = write_shard(out / shard_name(split, number), image, columns, attributes, compression)
            shards.append({"split": split} | {k: facts[k] for k in ("name", "rows", "bytes", "sha256")})
    recipe = recipe_tables(make_recipe(tables(clean={"channels": channels}, **over)))
    paths = paths or [f"{i}.png" for i in range(max(map(max, filter(None, split_rows.values()))))]
    write_index(out, {
        "schema": 2, "classes": list(classes), "rows": {s: sum(split_rows[s]) for s in SPLITS},
        "canvas": list(CANVAS), "channels": channels, "mean": [0.5] * channels, "std": [0.25] * channels,
        "digest": f"{compression}{channels}{split_rows}", "recipe": recipe,
        "sources": write_source_table(out, {"path": paths}), "shards": shards})


def pixels(folder: Path, split: str):
    """(image, label) of a split in the order of its files, by h5py and nothing of ours."""
    from conftest import opened
    images, labels = [], []
    for path in sorted(folder.glob(f"{split}-*.h5")):
        with opened(path) as f:
            images.append(f["image"][:])
            labels.append(f["label"][:])
    return np.concatenate(images), np.concatenate(labels)
