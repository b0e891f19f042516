"""The clean cache: keeps cleaned pictures on disk between cleaning and drawing, in blocks that are written atomically.

A block holds a fixed range of sources, so a killed build can go on where it stopped, with any number of workers.
`clean-00000.u8` holds the cleaned pictures (see `clean_blocks`); `clean-00000.npz`, written last, holds the facts of
each source.
"""

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tenfold.data.digests import read_json, write_json
from tenfold.data.fields import misfit
from tenfold.data.files import open_file, publish
from tenfold.data.recipe import PIXELS_VERSION, Recipe, digest_of
from tenfold.data.sources.source import Source
from tenfold.preprocess.draw.pyramid import Picture
from tenfold.preprocess.survey.clean_blocks import is_whole, pixels_file, write_pictures
from tenfold.preprocess.survey.facts import COLUMNS, Facts

BLOCKS = 32                  # a set has at least so many blocks, so that all workers have some
LARGEST = 128                # sources in a block, at most; more blocks than needed would cost time for small files
LARGEST_SMALL = 2048         # small arrays in a block, at most
_LEAST = 1 << 17             # bytes of arrays in a block, at least: to write a block takes as long as to examine these
_BYTES, _MOST = 1 << 20, 64 << 20            # bytes of arrays in a block: enough to fill it, and the most read at once
NO_PICTURES = -1, 0, 0       # stands for (size, bytes written, CRC-32) if copies are drawn straight from the source


def block_size(source: Source) -> int:
    """Return how many sources one block holds; it depends on the source alone, never on the number of workers."""
    shape = source.arrays.shape_of_each if source.arrays else None
    least, largest = 1, LARGEST
    if shape:
        size = math.prod(shape)
        least = max(1, min(LARGEST, _LEAST // size))
        largest = max(1, min(max(LARGEST, _BYTES // size), LARGEST_SMALL, _MOST // size))
    return min(largest, max(least, -(-len(source) // BLOCKS)))


def cache_key(recipe: Recipe, source: Source) -> str:
    """Return a digest of all that the blocks depend on except the decisions: files, recipe, columns, block size."""
    return digest_of([PIXELS_VERSION, str(COLUMNS.descr), asdict(recipe.clean), asdict(recipe.draw),
                      decoding_settings(recipe), block_size(source), source.paths, source.stamps])


def decoding_settings(recipe: Recipe) -> list:
    """Return the settings of the recipe's [source] that decoding depends on."""
    source = recipe.source
    return [source.max_pixels, source.levels, source.levels_signed, source.levels_float]


def _files(folder: Path, number: int) -> tuple[Path, Path]:
    return pixels_file(folder, number), folder / f"clean-{number:05d}.npz"


def write_block(folder: Path, number: int, key: str, facts: Facts,
                pictures: list[Picture | None] | None) -> None:
    """Write a block whole or not at all.

    pictures: one for each row of `facts`, None for one that cannot be drawn. None instead of the list: copies are
    drawn straight from the source.
    """
    pixels, tables = _files(folder, number)
    tables.unlink(missing_ok=True)      # those of another recipe must not be found beside these pixels
    written = NO_PICTURES if pictures is None else write_pictures(pixels, pictures)
    with publish(tables) as temporary, open(temporary, "wb") as f:
        np.savez(f, key=key, written=written, facts=facts.columns, words=json.dumps([facts.faults, facts.levels]))


def read_facts(folder: Path, number: int, key: str) -> Facts | None:
    """Return the facts of a block if it is on disk, whole and stored under this key, else None."""
    pixels, tables = _files(folder, number)
    try:
        with open_file(tables) as f, np.load(f) as z:      # numpy leaves a damaged file open
            written = tuple(z["written"].tolist())
            if str(z["key"]) != key or (written != NO_PICTURES and not is_whole(pixels, *written)):
                return None
            faults, levels = ({int(row): value for row, value in by_row.items()}
                              for by_row in json.loads(str(z["words"])))
            return Facts(z["facts"], faults, {row: tuple(value) for row, value in levels.items()})
    except Exception:                   # missing or damaged: zipfile and numpy raise many kinds
        return None


def count_blocks(folder: Path) -> int:
    """Count the blocks on disk, under any key."""
    return len(list(folder.glob("clean-*.npz")))


def remember(path: Path, key: str, value: dict) -> None:
    """Keep a small value in the cache, for a build that goes on after this one was interrupted."""
    write_json(path, {"key": key, "value": value})


def recall(path: Path, key: str, fields: dict) -> dict | None:
    """Return what an earlier build kept under the same key; None: nothing, or not these `fields` (see `misfit`)."""
    try:
        kept = read_json(path)
    except (OSError, ValueError, RecursionError):
        return None
    return None if misfit(kept, {"key": (key,), "value": fields}) else kept["value"]
