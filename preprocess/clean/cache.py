"""Between the two stages: the cleaned pictures, in parts that appear whole.

A part holds a fixed run of sources, so that a killed build goes on where it stopped, with any number
of workers. `clean-00000.u8` is the pixels of all pyramid levels, mapped when drawn from;
`clean-00000.npz` the tables that say where they are, written last.
"""

import hashlib
import json
from dataclasses import asdict, astuple, dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tenfold.data.files import publish
from tenfold.data.recipe import PIXELS_VERSION, Recipe, digest_of
from tenfold.preprocess.clean.ground import two_tone
from tenfold.preprocess.clean.polarity import dark_ink_log_odds
from tenfold.preprocess.clean.steps import clean
from tenfold.preprocess.decode import BadPicture, Decoded, from_array, from_pillow, read
from tenfold.preprocess.draw.render import BROADER, Picture, picture
from tenfold.preprocess.survey.decisions import Common
from tenfold.preprocess.survey.fingerprint import look

PENS = 1 + len(BROADER)      # slots of a source in the tables: as it is, and broader
PARTS, LARGEST = 32, 128     # of a set, at least, so that all workers have their share; sources in a part, at most:
                             # many small files take longer than many small pictures


@dataclass(frozen=True)
class Facts:
    """What is known of one source image once it was decoded and cleaned."""
    digest: str = ""                     # of the decoded pixels; "" for a bad picture
    size: tuple[int, int] = (0, 0)       # height, width as decoded
    fault: str = ""                      # why it cannot be used; "" for a good picture
    look: str = ""                       # its fingerprint, see `look`; "" for a bad picture
    spread: float = 0.0                  # deviation of its grey levels
    levels: tuple = ()                   # of a deep picture that declares no range: preprocess.decode.levels.Levels
    several: bool = False                # its file holds more pages or frames
    dark_ink: float = 0.0                # log-odds that its ink is dark, as decoded; 0: not asked, or one tone only
    tones: tuple[int, ...] = ()          # its dark and its light tone, 0..255, where ink is looked for
    pen: float = 0.0                     # width of the ink's main strokes, pixels; 0: no ink looked for
    lost: tuple[float, ...] = ()         # (parts broader than half the pen, share of the ink) taken for dust
    edges: int = 0                       # edges of the picture that its ink reaches
    ink: float = 0.0                     # share of the picture that is ink
    two_tone: float = -1.0               # preprocess.ground.two_tone; -1: not looked at

    def ink_facts(self) -> dict:
        """{"ink": …} for dataset.json, or {} where no ink was looked for."""
        if not self.pen:
            return {}
        return {"ink": {"pen": self.pen, "lost_parts": self.lost[0], "lost_share": self.lost[1], "edges": self.edges,
                        "share": self.ink, "dark_ink": self.dark_ink}}


@dataclass(frozen=True)
class CleanTask:
    """A run of source images whose cleaned pictures make one part."""
    folder: Path
    number: int              # of the part
    first: int               # position of its first source in the listing
    key: str                 # what the part depends on
    paths: list[str]
    every: int = 1           # one in so many pictures is asked whether it is ink or a photograph


def part_size(sources: int) -> int:
    """How many of a set's sources are one part's: a function of their number, never of the workers'."""
    return min(LARGEST, -(-sources // PARTS))


def clean_part(task: CleanTask, reader, recipe: Recipe, common: Common) -> list[Facts]:
    """Decode and clean the sources of a part; read from disk if that was done under the same key."""
    cv2.setNumThreads(1)     # workers are processes: threads of OpenCV would fight over the cores
    known = read_facts(task.folder, task.number, task.key)
    if known:
        return known
    facts, pictures = [], []
    for i, path in enumerate(task.paths):
        row, pixels = examine(reader, task.first + i, path, recipe, common.ranges)
        made = None
        if pixels is not None and (task.first + i) % task.every == 0:
            row = replace(row, two_tone=two_tone(pixels))
        if not row.fault:
            try:
                cleaned = clean(pixels, recipe.clean, recipe.draw, common)
                made = picture(cleaned, recipe.draw)
                row = replace(row, **cleaned.ink.facts()) if cleaned.ink else row
            except BadPicture as bad:
                row = Facts(fault=str(bad), levels=row.levels, dark_ink=row.dark_ink, tones=row.tones)
        facts.append(row)
        pictures.append(made)
    _write(task, facts, pictures)
    return facts


def examine(reader, row: int, path: str, recipe: Recipe, ranges=()) -> tuple[Facts, np.ndarray | None]:
    """(what can be known of source `row` without cleaning it, its pixels or None where it cannot be decoded)."""
    try:
        found = load(reader, row, path, recipe, ranges)
    except BadPicture as bad:
        return Facts(fault=str(bad), levels=astuple(bad.levels) if bad.levels else ()), None
    seen, spread = look(found.pixels)
    levels = astuple(found.levels) if found.levels else ()
    facts = Facts(_digest(found.pixels), found.pixels.shape[:2], look=seen, spread=spread, levels=levels,
                  several=found.several)
    if recipe.clean.polarity != "keep":
        vote, *tones = dark_ink_log_odds(found.pixels)
        facts = replace(facts, dark_ink=vote, tones=tuple(tones))
    return facts, found.pixels


def load(reader, row: int, path: str, recipe: Recipe, ranges=()) -> Decoded:
    """Picture `row` decoded; ranges: of deep pictures, as Common has them. BadPicture: it cannot be."""
    try:
        data = reader.read(row, path)
    except OSError as error:
        raise BadPicture(f"cannot be read: {error.strerror}") from None
    except MemoryError:
        raise BadPicture("enormous: it does not fit in memory") from None
    return decode_any(data, path, recipe, ranges)


def decode_any(data, path: str, recipe: Recipe, ranges=()) -> Decoded:
    """Decode the bytes of a picture file, a uint8 array (H, W, 1, 3 or 4) or a PIL image as the recipe says.
    path: the name of the file, for formats without a signature. BadPicture: it cannot be."""
    if isinstance(data, np.ndarray):
        return Decoded(from_array(data, recipe.clean.channels))
    if isinstance(data, Image.Image):
        return from_pillow(data, recipe.clean.channels, recipe.source.max_pixels, ranges)
    return read(data, recipe.clean.channels, recipe.source.max_pixels, ranges, path)


def _digest(pixels: np.ndarray) -> str:
    return hashlib.blake2b(pixels.tobytes(), digest_size=12, key=repr(pixels.shape).encode()).hexdigest()


def part_key(recipe: Recipe, source) -> str:
    """What parts depend on but for decisions: the files as they are now, the recipe, how many are one part's."""
    return digest_of([PIXELS_VERSION, asdict(recipe.clean), asdict(recipe.draw), reading_of(recipe),
                      part_size(len(source.paths)), source.paths, source.stamps])


def reading_of(recipe: Recipe) -> list:
    """What decoding takes from the recipe's [source]."""
    source = recipe.source
    return [source.max_pixels, source.levels, source.levels_signed, source.levels_float]


def _files(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / f"clean-{number:05d}.u8", folder / f"clean-{number:05d}.npz"


def _write(task: CleanTask, facts: list[Facts], pictures) -> None:
    pixels, tables = _files(task.folder, task.number)
    good = [(row * PENS + pen, one) for row, p in enumerate(pictures) if p for pen, one in enumerate((p, *p.broader))]
    levels, at = [], 0
    tables.unlink(missing_ok=True)      # of another recipe: they must not be found beside these pixels
    with publish(pixels) as temporary, open(temporary, "wb") as f:
        for row, p in good:
            for level in p.levels:
                f.write(np.ascontiguousarray(level))
                levels.append((row, at, *level.shape))
                at += level.nbytes
    with publish(tables) as temporary, open(temporary, "wb") as f:
        np.savez(f, key=task.key, facts=json.dumps([asdict(row) for row in facts]),
                 levels=np.array(levels, np.int64).reshape(-1, 5),
                 hulls=np.concatenate([np.empty((0, 3), np.float32)] + [
                     np.column_stack([np.full(len(p.hull), row), p.hull]).astype(np.float32)
                     for row, p in good]),
                 frames=np.array([(row, *p.size, p.pivot, p.bare, *p.background) for row, p in good]))


def read_facts(folder: Path, number: int, key: str) -> list[Facts] | None:
    """The facts of a part that is on disk whole and under this key, else None."""
    pixels, tables = _files(folder, number)
    try:
        with open(tables, "rb") as f, np.load(f) as z:      # numpy leaves a damaged file open
            if str(z["key"]) != key or pixels.stat().st_size != z["levels"][:, 2:].prod(axis=1).sum():
                return None
            return [Facts(**{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()})
                    for row in json.loads(str(z["facts"]))]
    except Exception:                   # none there, or damaged in one of zipfile's and numpy's many ways
        return None


@dataclass(frozen=True)
class Part:
    """A part opened for drawing: tables in memory, pixels mapped."""
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
        """Source `row` of this part."""
        first, *broader = range(row * PENS, row * PENS + PENS)
        return self._one(first, tuple(self._one(slot) for slot in broader if len(self._rows("frames", slot))))

    def _one(self, slot: int, broader=()) -> Picture:
        height, width, pivot, bare, *background = self._rows("frames", slot)[0].tolist()
        levels = self._rows("levels", slot).tolist()
        return Picture(
            tuple(self._pixels[at:at + h * w * c].reshape(h, w, c) for at, h, w, c in levels),
            (int(height), int(width)), self._rows("hulls", slot), tuple(int(v) for v in background),
            pivot, bool(bare), broader)
