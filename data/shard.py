"""Write one shard, open it, and recognise a finished one."""

import hashlib
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from tenfold.data.chunks import Chunks, check_declared, known_chunks, read_chunks, write_lz4
from tenfold.data.digests import hash_file, trailer
from tenfold.data.errors import ShardFault, unreadable
from tenfold.data.files import open_file, publish
from tenfold.data.schema import ALIGNMENT, ATTRIBUTES, COLUMNS, IMAGE, SCHEMA, SHARD_NAME, chunk_rows
from tenfold.data.verified import AGAIN


def write_shard(path: str | Path, image: np.ndarray, columns: dict, attributes: dict, compression: str) -> dict:
    """Write a shard whole or not at all. image uint8 (rows, H, W, C); columns {name: int64 (rows,)} as in COLUMNS.

    Behind the HDF5 file comes a trailer with its digest (see data/digests.py). Returns {"name", "rows", "bytes",
    "sha256", "content"}: sha256 is that of the whole file, content that of what comes before the trailer. Raises
    MachineFault: disk full, no permission, package missing.
    """
    # HDF5 sees memory only: on a full disk it keeps handles that it can neither flush nor close,
    # prints a traceback for each and crashes when the process ends
    pieces = _file_bytes(image, columns, attributes, compression)
    digest = hashlib.sha256()
    with publish(path) as temporary, open(temporary, "wb") as f:
        for piece in pieces:
            f.write(piece)
            digest.update(piece)
        content, end = digest.hexdigest(), trailer(digest)
        f.write(end)
        digest.update(end)
    return {"name": Path(path).name, "rows": len(image), "bytes": sum(piece.nbytes for piece in pieces) + len(end),
            "sha256": digest.hexdigest(), "content": content}


def _file_bytes(image, columns, attributes, compression) -> list[memoryview]:
    """The bytes of the file, in their order. Uncompressed pixels are never copied."""
    held = io.BytesIO()
    with h5py.File(held, "w", alignment_threshold=ALIGNMENT, alignment_interval=ALIGNMENT) as f:
        for name in ATTRIBUTES:
            f.attrs[name] = attributes[name]
        for name, dtype in COLUMNS.items():
            f.create_dataset(name, data=np.asarray(columns[name], dtype))
        rows = chunk_rows(len(image), image[0].nbytes)
        if compression == "lz4":
            write_lz4(f, IMAGE, image, rows)
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
    pixels = np.ascontiguousarray(image).data.cast("B")
    return [memoryview(whole[:at].ljust(at, b"\0")), pixels, memoryview(whole[at + image.nbytes:])]


def shard_names(folder: Path) -> list[str]:
    """Return the files in a folder that are named as shards are."""
    return sorted(p.name for p in folder.glob("*.h5") if SHARD_NAME.fullmatch(p.name))


def finished_shard(path: Path, attributes: dict) -> tuple[dict, np.ndarray] | None:
    """Return (what `write_shard` returned, its image) of a shard on disk written for the same plan, else None.

    None also if it is damaged, or of an older version without a digest, so that damage could not be noticed.
    """
    try:
        digest = hash_file(path)
        if not digest.matches:                   # HDF5 may never come back from what is damaged
            return None
        with open_hdf5(path) as f:
            if any(f.attrs.get(name) != attributes[name] for name in ATTRIBUTES):
                return None
            stored = own_dataset(f, IMAGE, ValueError)
            check_declared(stored, path.stat().st_size)
            chunks = stored.chunks and known_chunks(stored, path.stat().st_size)
            image = np.empty(stored.shape, np.uint8) if chunks else stored[:]
        if chunks:
            with open_file(path) as file:
                read_chunks(file.fileno(), chunks, 0, image)
        return {"name": path.name, "rows": len(image), "bytes": path.stat().st_size, "sha256": digest.whole,
                "content": digest.content}, image
    except (OSError, KeyError, RuntimeError, ValueError, EOFError, MemoryError, zlib.error):
        return None


@dataclass(frozen=True)
class Shard:
    """One shard file that was checked: where its rows lie, and its labels."""
    path: Path
    rows: int
    offset: int | None           # of row 0 in the file; None: compressed
    labels: np.ndarray           # int64 (rows,)
    sources: np.ndarray          # int64 (rows,)
    chunks: Chunks | None = None # where they lie; None of a compressed shard: read it through HDF5


def open_shard(path: Path, rows: int, row_shape: tuple[int, int, int], ends: tuple[int, int]) -> Shard:
    """Open a file of a set, check it and close it again. ShardFault: damaged or foreign.

    row_shape (H, W, C); ends: how many classes and sources there are for `label` and `source` to point at.
    """
    def refuse(fact):
        return ShardFault(path, fact, f"it is damaged or foreign: {AGAIN}")
    try:
        size = path.stat().st_size
        with open_hdf5(path) as f:
            if (schema := schema_of(f)) != SCHEMA:
                raise refuse(f"has schema {schema}, this code reads {SCHEMA}")
            image = own_dataset(f, IMAGE, refuse)
            if image.dtype != np.uint8 or image.shape != (rows, *row_shape):
                raise refuse(f"holds image {image.dtype} {image.shape}, not uint8 {(rows, *row_shape)}")
            check_declared(image, size)
            columns = {}
            for name, dtype in COLUMNS.items():
                column = own_dataset(f, name, refuse)
                if column.shape != (rows,) or column.dtype != dtype or column.chunks is not None:
                    raise refuse(f"holds {name} {column.dtype} {column.shape}" + " in chunks" * bool(column.chunks))
                check_declared(column, size)
                columns[name] = column[:].astype(np.int64)
            for name, end in zip(("label", "source"), ends, strict=True):
                if rows and not 0 <= columns[name].min() <= columns[name].max() < end:
                    raise refuse(f"has a {name} outside 0 to {end - 1}")
            chunks = known_chunks(image, size) if image.chunks else None
            offset = None if image.chunks else image.id.get_offset() or 0
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise unreadable(error, path) or refuse(f"cannot be read ({error})") from None
    return Shard(path, rows, offset, columns["label"], columns["source"], chunks)


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file for reading. OSError: it is none, or no regular file; HDF5 would wait at a pipe."""
    with open_file(path):
        return h5py.File(path, "r")


def schema_of(f: h5py.File) -> int | None:
    """Return the number in the attribute `schema`; None: there is none, or it is no number.

    Its kind is looked at first: HDF5 2.0 never comes back from a text in a heap that was damaged or forged. So the
    attributes that are texts are for people, and for a build that finds a shard whose digest is right.
    """
    if "schema" not in f.attrs:
        return None
    stored = f.attrs.get_id("schema")
    return int(f.attrs["schema"]) if stored.shape == () and stored.dtype.kind in "iu" else None


def own_dataset(f: h5py.File, name: str, refuse: Callable[[str], Exception]) -> h5py.Dataset:
    """Return a dataset; refuse it if its bytes come from another file: a link, external storage, a virtual dataset
    (the class of CVE-2026-1669: a hostile file that hands out another file's bytes)."""
    if not isinstance(f.get(name, getlink=True), h5py.HardLink) or not isinstance(dataset := f[name], h5py.Dataset):
        raise refuse(f"'{name}' is missing or a link to elsewhere")
    plan = dataset.id.get_create_plist()
    if dataset.is_virtual or plan.get_external_count():
        raise refuse(f"'{name}' takes its bytes from another file")
    return dataset


def read_compressed(shard: Shard, start: int, out: np.ndarray) -> None:
    """Read rows start … start + len(out) of a compressed shard into `out` uint8 (n, H, W, C)."""
    with open_hdf5(shard.path) as f:
        f[IMAGE].read_direct(out, np.s_[start:start + len(out)])
