"""Write a shard, open one, and recognise a finished one."""

import hashlib
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from tenfold.data.chunks import Chunks, check_declared, known_chunks, read_chunks, write_lz4
from tenfold.data.digests import hash_file, trailer
from tenfold.data.errors import AUGMENT_AGAIN, ShardFault, unreadable
from tenfold.data.files import open_file, publish
from tenfold.data.schema import ALIGNMENT, ATTRIBUTES, COLUMNS, IMAGE, SCHEMA, SHARD_NAME, chunk_rows


def write_shard(path: str | Path, image: np.ndarray, columns: dict, attributes: dict, compression: str) -> dict:
    """Write a shard whole or not at all. image uint8 (rows, H, W, C); columns {name: int64 (rows,)} as in COLUMNS.

    A trailer with a digest follows the HDF5 data (see data/digests.py). Returns {"name", "rows", "bytes", "sha256",
    "content"}: sha256 is of the whole file, content the SHA-256 of all before the trailer. MachineFault: disk full, no
    permission, package missing.
    """
    # HDF5 only writes to memory: on a full disk it would keep handles that it can neither flush nor close, print a
    # traceback for each of them and crash when the process ends
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
    """Return the bytes of the file, in pieces. Uncompressed pixels are not copied."""
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
            unfilled = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            unfilled.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            unfilled.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            offset = f.create_dataset(IMAGE, image.shape, np.uint8, dcpl=unfilled).id.get_offset()
    if compression != "none":
        return [memoryview(held.getvalue())]
    whole = held.getvalue()              # ends before the pixels, or, if they are few, holds other data behind them
    pixels = np.ascontiguousarray(image).data.cast("B")
    return [memoryview(whole[:offset].ljust(offset, b"\0")), pixels, memoryview(whole[offset + image.nbytes:])]


def shard_names(folder: Path) -> list[str]:
    """Return the names of the files in a folder that are named like shards."""
    return sorted(p.name for p in folder.glob("*.h5") if SHARD_NAME.fullmatch(p.name))


def finished_shard(path: Path, attributes: dict) -> tuple[dict, np.ndarray] | None:
    """Return (facts as from `write_shard`, images) of a finished shard on disk, so that it need not be written again.

    Returns None if the file was written for another plan, is damaged, or has no digest (older versions wrote none).
    """
    try:
        digest = hash_file(path)
        if not digest.matches:                   # HDF5 may hang on a damaged file
            return None
        with open_hdf5(path) as f:
            if any(f.attrs.get(name) != attributes[name] for name in ATTRIBUTES):
                return None
            stored = own_dataset(f, IMAGE, path)
            check_declared(stored, path.stat().st_size)
            chunks = stored.chunks and known_chunks(stored, path.stat().st_size)
            image = np.empty(stored.shape, np.uint8) if chunks else stored[:]
        if chunks:
            with open_file(path) as file:
                read_chunks(file.fileno(), chunks, 0, image)
        return {"name": path.name, "rows": len(image), "bytes": path.stat().st_size, "sha256": digest.whole,
                "content": digest.content}, image
    except (ShardFault, OSError, KeyError, RuntimeError, ValueError, EOFError, MemoryError, zlib.error):
        return None


@dataclass(frozen=True)
class Shard:
    """A shard file that was checked: where its rows are, and its labels."""
    path: Path
    rows: int
    offset: int | None           # of row 0 in the file; None: compressed
    labels: np.ndarray           # int64 (rows,)
    sources: np.ndarray          # int64 (rows,)
    chunks: Chunks | None = None # of a compressed shard; None: uncompressed, or it must be read through HDF5


def open_shard(path: Path, rows: int, row_shape: tuple[int, int, int], ends: tuple[int, int]) -> Shard:
    """Open a shard of a set, check it and close it again. ShardFault: damaged or foreign.

    row_shape: (H, W, C). ends: the numbers of classes and of sources, which `label` and `source` must not reach.
    """
    try:
        size = path.stat().st_size
        with open_hdf5(path) as f:
            if (schema := schema_of(f)) != SCHEMA:
                raise damaged(path, f"has schema {schema}, this code reads {SCHEMA}")
            image = own_dataset(f, IMAGE, path)
            if image.dtype != np.uint8 or image.shape != (rows, *row_shape):
                raise damaged(path, f"holds image {image.dtype} {image.shape}, not uint8 {(rows, *row_shape)}")
            check_declared(image, size)
            columns = {}
            for name, dtype in COLUMNS.items():
                column = own_dataset(f, name, path)
                if column.shape != (rows,) or column.dtype != dtype or column.chunks is not None:
                    how = " in chunks" if column.chunks else ""
                    raise damaged(path, f"holds {name} {column.dtype} {column.shape}{how}")
                check_declared(column, size)
                columns[name] = column[:].astype(np.int64)
            for name, end in zip(("label", "source"), ends, strict=True):
                if rows and not 0 <= columns[name].min() <= columns[name].max() < end:
                    raise damaged(path, f"has a {name} outside 0 to {end - 1}")
            chunks = known_chunks(image, size) if image.chunks else None
            offset = None if image.chunks else image.id.get_offset() or 0
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise unreadable(error, path) or damaged(path, f"cannot be read ({error})") from None
    return Shard(path, rows, offset, columns["label"], columns["source"], chunks)


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file for reading. OSError: it is not one, or not a regular file (HDF5 would wait for a pipe)."""
    with open_file(path):
        return h5py.File(path, "r")


def schema_of(f: h5py.File) -> int | None:
    """Return the number in the attribute `schema`; None: there is no such attribute, or it is not a number.

    Its type is checked first, because HDF5 2.0 hangs when it reads a string from a damaged or forged heap. For the same
    reason the string attributes are only read by a build, after it has checked the digest of a shard.
    """
    if "schema" not in f.attrs:
        return None
    stored = f.attrs.get_id("schema")
    return int(f.attrs["schema"]) if stored.shape == () and stored.dtype.kind in "iu" else None


def damaged(path: Path, fact: str) -> ShardFault:
    """Return the ShardFault of a file that is damaged, or that another program made. fact: what is wrong with it."""
    return ShardFault(path, fact, f"it is damaged or foreign: {AUGMENT_AGAIN}")


def own_dataset(f: h5py.File, name: str, path: Path) -> h5py.Dataset:
    """Return a dataset of the file at `path`. ShardFault: it is missing, or its bytes come from another file.

    Links, external storage and virtual datasets do so; a hostile file could expose another file's bytes (as in
    CVE-2026-1669).
    """
    if not isinstance(f.get(name, getlink=True), h5py.HardLink) or not isinstance(dataset := f[name], h5py.Dataset):
        raise damaged(path, f"'{name}' is missing or a link to elsewhere")
    plan = dataset.id.get_create_plist()
    if dataset.is_virtual or plan.get_external_count():
        raise damaged(path, f"'{name}' takes its bytes from another file")
    return dataset


def read_compressed(shard: Shard, start: int, out: np.ndarray) -> None:
    """Read rows start … start + len(out) of a compressed shard into `out` uint8 (n, H, W, C)."""
    with open_hdf5(shard.path) as f:
        f[IMAGE].read_direct(out, np.s_[start:start + len(out)])
