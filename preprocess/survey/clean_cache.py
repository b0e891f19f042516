"""The clean cache: cleaned pictures between cleaning and drawing, in blocks on disk that are written atomically.

A block holds a fixed run of sources, so that a killed build goes on where it stopped, with any number of workers.
`clean-00000.u8` holds the pixels of all pyramid levels, mapped into memory when copies are drawn from them;
`clean-00000.npz`, written last, the tables that say where they are.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.files import publish
from tenfold.data.recipe import PIXELS_VERSION, Recipe, digest_of
from tenfold.data.sources.source import Source
from tenfold.preprocess.draw.render import BROADER, Picture
from tenfold.preprocess.survey.facts import SourceFacts

PENS = 1 + len(BROADER)      # slots of a source in the tables: as it is, and broader
BLOCKS, LARGEST = 32, 128    # of a set, at least, so that all workers have their share; sources in a block, at most:
                             # many small files take longer than many small pictures


def block_size(sources: int) -> int:
    """Return how many sources one block holds: a function of their number, never of the number of workers."""
    return min(LARGEST, -(-sources // BLOCKS))


def cache_key(recipe: Recipe, source: Source) -> str:
    """Return a digest of what the blocks depend on except decisions: the files, the recipe, the block size."""
    return digest_of([PIXELS_VERSION, asdict(recipe.clean), asdict(recipe.draw), decoding_settings(recipe),
                      block_size(len(source.paths)), source.paths, source.stamps])


def decoding_settings(recipe: Recipe) -> list:
    """Return the settings of the recipe's [source] that decoding depends on."""
    source = recipe.source
    return [source.max_pixels, source.levels, source.levels_signed, source.levels_float]


def _files(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / f"clean-{number:05d}.u8", folder / f"clean-{number:05d}.npz"


def write_block(folder: Path, number: int, key: str, facts: list[SourceFacts], pictures: list[Picture | None]) -> None:
    """Write a block whole or not at all. pictures: one for each of `facts`; None where there is none to draw."""
    pixels, tables = _files(folder, number)
    good = [(row * PENS + pen, picture) for row, with_pens in enumerate(pictures) if with_pens
            for pen, picture in enumerate((with_pens, *with_pens.broader))]
    levels, offset = [], 0
    tables.unlink(missing_ok=True)      # of another recipe: they must not be found beside these pixels
    with publish(pixels) as temporary, open(temporary, "wb") as f:
        for slot, picture in good:
            for level in picture.levels:
                f.write(np.ascontiguousarray(level).data)
                levels.append((slot, offset, *level.shape))
                offset += level.nbytes
    with publish(tables) as temporary, open(temporary, "wb") as f:
        np.savez(f, key=key, facts=json.dumps([asdict(row) for row in facts]),
                 levels=np.array(levels, np.int64).reshape(-1, 5),
                 hulls=np.concatenate([np.empty((0, 3), np.float32)] + [
                     np.column_stack([np.full(len(p.hull), slot), p.hull]).astype(np.float32)
                     for slot, p in good]),
                 frames=np.array([(slot, *p.size, p.pivot, p.bare, *p.background) for slot, p in good]))


def read_facts(folder: Path, number: int, key: str) -> list[SourceFacts] | None:
    """Return the facts of a block that is on disk, whole and under this key, else None."""
    pixels, tables = _files(folder, number)
    try:
        with open(tables, "rb") as f, np.load(f) as z:      # numpy leaves a damaged file open
            if str(z["key"]) != key or pixels.stat().st_size != z["levels"][:, 2:].prod(axis=1).sum():
                return None
            return [_as_facts(row) for row in json.loads(str(z["facts"]))]
    except Exception:                   # none there, or damaged in one of zipfile's and numpy's many ways
        return None


def _as_facts(row: dict[str, Any]) -> SourceFacts:
    """Undo dataclasses.asdict and JSON."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return SourceFacts(**values)


def count_blocks(folder: Path) -> int:
    """Count the blocks on disk, whatever their key."""
    return len(list(folder.glob("clean-*.npz")))


def remember(path: Path, key: str, value: dict) -> None:
    """Keep a small value in the cache for a build that goes on after this one was stopped."""
    with publish(path) as temporary:
        temporary.write_text(json.dumps({"key": key, "value": value}))


def recall(path: Path, key: str) -> dict | None:
    """Return what an earlier build kept under the same key, else None."""
    try:
        kept = json.loads(path.read_bytes())
        return kept["value"] if kept["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True)
class Block:
    """A block opened for drawing: its tables in memory, its pixels mapped."""
    folder: Path
    number: int

    @cached_property
    def _tables(self) -> dict:
        """{"levels", "hulls", "frames"}: (rows sorted by their slot, where each slot's begin)."""
        with np.load(_files(self.folder, self.number)[1]) as z:
            tables = {name: z[name] for name in ("levels", "hulls", "frames")}
        return {name: (table[:, 1:], np.searchsorted(table[:, 0], np.arange(LARGEST * PENS + 1)).tolist())
                for name, table in tables.items()}

    def _rows(self, name: str, slot: int) -> np.ndarray:
        table, begin = self._tables[name]
        return table[begin[slot]:begin[slot + 1]]

    @cached_property
    def _pixels(self) -> np.ndarray:
        return np.asarray(np.memmap(_files(self.folder, self.number)[0], np.uint8, "r"))

    def picture(self, row: int) -> Picture:
        """Return the cleaned picture of source `row` of this block."""
        first, *broader = range(row * PENS, row * PENS + PENS)
        return self._in_slot(first, tuple(self._in_slot(slot) for slot in broader if len(self._rows("frames", slot))))

    def _in_slot(self, slot: int, broader: tuple[Picture, ...] = ()) -> Picture:
        height, width, pivot, bare, *background = self._rows("frames", slot)[0].tolist()
        levels = self._rows("levels", slot).tolist()
        return Picture(
            tuple(self._pixels[start:start + h * w * c].reshape(h, w, c) for start, h, w, c in levels),
            (int(height), int(width)), self._rows("hulls", slot), tuple(int(v) for v in background),
            pivot, bool(bare), broader)
