"""Write a shard, open a set, verify it. The only file that calls h5py."""

import contextlib
import hashlib
import io
import json
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from data.chunks import BLOSC_KINDS, Chunks, known_chunks, read_chunks, write_packed
from data.errors import ShardFault, UserFault
from data.files import publish
from data.recipe import Recipe, make_recipe
from data.schema import ALIGNMENT, ATTRIBUTES, COLUMNS, IMAGE, INDEX, SCHEMA, SPLITS, chunk_rows

_NAME = re.compile(r"(train|val|test)-\d{5,}\.h5")
_AGAIN = "run `make augment` again"
_KINDS = {"classes": list, "canvas": list, "channels": int, "mean": list, "std": list, "recipe": dict,
          "sources": list, "digest": str, "shards": list, "rows": dict}      # of what must stand in dataset.json


def write_shard(path, image, columns: dict, attributes: dict, compression: str) -> dict:
    """A whole shard or none. image uint8 (rows, H, W, C); columns {name: int64 (rows,)} as in COLUMNS.

    Returns {"name", "rows", "bytes", "sha256"}. Raises MachineFault: disk full, no
    permission, package missing.
    """
    # HDF5 sees memory only: on a full disk it keeps handles that it can neither flush nor close,
    # prints a traceback for each and crashes when the process ends
    parts = _parts(image, columns, attributes, compression)
    digest = hashlib.sha256()
    with publish(path) as temporary, open(temporary, "wb") as f:
        for part in parts:
            f.write(part)
            digest.update(part)
    return {"name": Path(path).name, "rows": len(image), "bytes": sum(part.nbytes for part in parts),
            "sha256": digest.hexdigest()}


def _parts(image, columns, attributes, compression) -> list[memoryview]:
    """The bytes of the file, in their order. Uncompressed pixels are never copied."""
    held = io.BytesIO()
    with h5py.File(held, "w", alignment_threshold=ALIGNMENT, alignment_interval=ALIGNMENT) as f:
        for name in ATTRIBUTES:
            f.attrs[name] = attributes[name]
        for name, dtype in COLUMNS.items():
            f.create_dataset(name, data=np.asarray(columns[name], dtype))
        rows = chunk_rows(len(image), image[0].nbytes)
        if compression in BLOSC_KINDS:
            write_packed(f, IMAGE, image, rows, compression)
        elif compression != "none":
            f.create_dataset(IMAGE, data=image, chunks=(rows, *image.shape[1:]),
                             compression=compression, shuffle=False)
        else:
            given_room = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            given_room.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            given_room.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            at = f.create_dataset(IMAGE, image.shape, np.uint8, dcpl=given_room).id.get_offset()
    if compression != "none":
        return [memoryview(held.getvalue())]
    whole = held.getvalue()              # ends before the pixels, unless they are so few that more lies behind
    pixels = memoryview(np.ascontiguousarray(image)).cast("B")
    return [memoryview(whole[:at].ljust(at, b"\0")), pixels, memoryview(whole[at + image.nbytes:])]


def file_sha256(path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def shard_names(folder: Path) -> list[str]:
    """The files in it that are named as shards are."""
    return sorted(p.name for p in folder.glob("*.h5") if _NAME.fullmatch(p.name))


def finished_shard(path, attributes: dict) -> tuple[dict, np.ndarray] | None:
    """(what `write_shard` returned, its image) of a shard on disk written for the same plan, else None."""
    try:
        with h5py.File(path, "r") as f:
            if any(f.attrs.get(name) != attributes[name] for name in ATTRIBUTES):
                return None
            stored = _own(f, IMAGE, ValueError)
            chunks = stored.chunks and known_chunks(stored, path.stat().st_size)
            image = np.empty(stored.shape, np.uint8) if chunks else stored[:]
        if chunks:
            with open(path, "rb") as file:
                read_chunks(file.fileno(), chunks, 0, image)
        return {"name": path.name, "rows": len(image), "bytes": path.stat().st_size,
                "sha256": file_sha256(path)}, image
    except (OSError, KeyError, RuntimeError, ValueError, EOFError, zlib.error):
        return None


def write_index(folder: Path, index: dict) -> None:
    """dataset.json, written last."""
    with publish(folder / INDEX) as temporary:
        temporary.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def read_index(folder) -> dict:
    """dataset.json. ShardFault: missing (the set is not finished), damaged, of another schema."""
    path = Path(folder) / INDEX
    try:
        index = json.loads(path.read_bytes())
    except FileNotFoundError:
        fact = "holds an unfinished set" if Path(folder).is_dir() else "does not exist"
        raise ShardFault(folder, f"{fact} (no {INDEX})", "run `make augment` first") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ShardFault(path, f"cannot be read ({error})", _AGAIN) from None
    found = index.get("schema") if isinstance(index, dict) else None
    if found != SCHEMA:
        raise ShardFault(path, f"has schema {found}, this code reads {SCHEMA}", _AGAIN)
    return index


@dataclass(frozen=True)
class Shard:
    """One file: where its rows lie, and its labels."""
    path: Path
    rows: int
    offset: int | None           # of row 0 in the file; None: compressed
    labels: np.ndarray           # int64 (rows,)
    sources: np.ndarray          # int64 (rows,)
    chunks: Chunks | None = None # where they lie; None of a compressed shard: read it through HDF5


@dataclass(frozen=True)
class ShardSet:
    """A finished set, opened and checked."""
    folder: Path
    index: dict

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.index["classes"])

    @property
    def row_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return (*self.index["canvas"], self.index["channels"])

    @cached_property
    def recipe(self) -> Recipe:
        return make_recipe(self.index["recipe"], str(self.folder / INDEX))

    def rows(self, split: str) -> int:
        return self.index["rows"][split]

    def shards(self, split: str) -> list[Shard]:
        """The split's files in their order, opened one by one and closed again."""
        ends = len(self.classes), len(self.index["sources"])
        return [_open_shard(self.folder / s["name"], s["rows"], split, self.row_shape, ends)
                for s in self.index["shards"] if s["split"] == split]

    def class_counts(self, split: str) -> np.ndarray:
        """int64 (classes,): rows of each class."""
        return sum((np.bincount(shard.labels, minlength=len(self.classes)) for shard in self.shards(split)),
                   np.zeros(len(self.classes), np.int64))

    def source_path(self, source: int) -> str:
        return self.index["sources"][source]["path"]


def open_set(folder) -> ShardSet:
    """Open shards/<name>: every file is there, as long as it was and, the first time, byte for byte
    what was written. ShardFault names the file that is not."""
    folder = Path(folder)
    index = read_index(folder)
    try:
        for key, kind in _KINDS.items():
            if not isinstance(index[key], kind):
                raise TypeError(f"{key} is {index[key]!r}"[:80])
        bad = [s for s in index["shards"] if not _NAME.fullmatch(s["name"]) or not isinstance(s["sha256"], str)
               or type(s["bytes"]) is not int or type(s["rows"]) is not int]
        rows = {split: sum(s["rows"] for s in index["shards"] if s["split"] == split) for split in SPLITS}
    except (KeyError, TypeError) as error:
        raise ShardFault(folder / INDEX, f"is damaged ({error!r})", _AGAIN) from None
    if bad or rows != index["rows"]:
        raise ShardFault(folder / INDEX, "is damaged (its list of shards does not add up)", _AGAIN)
    _verify(folder, index["shards"])
    return ShardSet(folder, index)


def _verify(folder: Path, shards: list[dict]) -> None:
    """Hash each file once; `.verified` remembers size and time of change of those that were right."""
    marker = folder / ".verified"
    try:
        known = dict(json.loads(marker.read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):
        known = {}
    seen = {}
    for shard in shards:
        path = folder / shard["name"]
        try:
            facts = path.stat()
        except OSError:
            raise ShardFault(path, "is missing", _AGAIN) from None
        if facts.st_size != shard["bytes"]:
            raise ShardFault(path, f"has {facts.st_size} bytes, {shard['bytes']} were written",
                             f"it is truncated or foreign: {_AGAIN}")
        state = [shard["sha256"], facts.st_size, facts.st_mtime_ns]
        if known.get(shard["name"]) != state and file_sha256(path) != shard["sha256"]:
            raise ShardFault(path, "is not what was written (its hash differs)", f"remove it and {_AGAIN}")
        seen[shard["name"]] = state
    if seen != known:
        with contextlib.suppress(OSError, UserFault), publish(marker) as temporary:   # a read-only set is fine
            temporary.write_text(json.dumps(seen))


def _open_shard(path: Path, rows: int, split: str, row_shape, ends: tuple[int, int]) -> Shard:
    """ends: how many classes and sources there are for `label` and `source` to point at."""
    def refuse(fact):
        return ShardFault(path, fact, f"it is damaged or foreign: {_AGAIN}")
    try:
        with h5py.File(path, "r") as f:
            if f.attrs.get("schema") != SCHEMA or f.attrs.get("split") != split:
                raise refuse(f"has schema {f.attrs.get('schema')} and split {f.attrs.get('split')}")
            image = _own(f, IMAGE, refuse)
            if image.dtype != np.uint8 or image.shape != (rows, *row_shape):
                raise refuse(f"holds image {image.dtype} {image.shape}, not uint8 {(rows, *row_shape)}")
            columns = {}
            for name in COLUMNS:
                column = _own(f, name, refuse)
                if column.shape != (rows,) or column.dtype.kind != "i":
                    raise refuse(f"holds {name} {column.dtype} {column.shape}")
                columns[name] = column[:].astype(np.int64)
            for name, end in zip(("label", "source"), ends, strict=True):
                if rows and not 0 <= columns[name].min() <= columns[name].max() < end:
                    raise refuse(f"has a {name} outside 0 to {end - 1}")
            offset = chunks = None
            if image.chunks is not None:
                chunks = known_chunks(image, path.stat().st_size)
            else:
                offset = image.id.get_offset() or 0
                if not 0 < offset <= path.stat().st_size - image.nbytes:
                    raise refuse("holds no pixels")
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise refuse(f"cannot be read ({error})") from None
    return Shard(path, rows, offset, columns["label"], columns["source"], chunks)


def _own(f: h5py.File, name: str, refuse) -> h5py.Dataset:
    """The dataset itself: no link elsewhere, no external storage, no virtual dataset (the class of
    CVE-2026-1669: a hostile file that hands out another file's bytes)."""
    if not isinstance(f.get(name, getlink=True), h5py.HardLink) or not isinstance(dataset := f[name], h5py.Dataset):
        raise refuse(f"'{name}' is missing or a link to elsewhere")
    plan = dataset.id.get_create_plist()
    if dataset.is_virtual or plan.get_external_count():
        raise refuse(f"'{name}' takes its bytes from another file")
    return dataset


def read_compressed(shard: Shard, start: int, out: np.ndarray) -> None:
    """Rows start … start + len(out) of a compressed shard into `out` uint8 (n, H, W, C)."""
    with h5py.File(shard.path, "r") as f:
        f[IMAGE].read_direct(out, np.s_[start:start + len(out)])
