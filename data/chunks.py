"""The compressed chunks of a shard: where they are in its file, and how they are compressed and decompressed.

HDF5 decompresses under a single lock of the process. So chunks are read at their offsets and decompressed by zlib or
Blosc, which release the interpreter's lock, on as many cores as there are reading threads.
"""

import contextlib
import math
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tenfold.data.errors import MachineFault

DEFLATE, BLOSC = 1, 32001    # HDF5's numbers for the filters of gzip and of Blosc
# Settings of Blosc: codec and its number, level, whether bits are shuffled. The level does not slow decompression, and
# compression takes less time than drawing: letters become 4.3 times smaller at 270 MB/s; with the fast lz4, 3.4 times
_CODEC, _CODE, _LEVEL, _SHUFFLE = b"lz4hc", 2, 5, 0
# HDF5's numbers of the filters that compress, and the most bytes that one byte can decompress to; LZF, LZ4 and
# bitshuffle are read but no longer written
_RATIOS = {DEFLATE: 1032, BLOSC: 255, 32000: 88, 32004: 255, 32008: 255}
_PLAIN_FILTERS = {2, 3}      # those that keep the size: shuffle, fletcher32
_LARGEST = 64 << 20          # bytes of a chunk, if it has several rows: a chunk is decompressed as a whole
_SETTING = threading.Lock()      # guards Blosc's number of threads, which is a setting of the whole process
_HEADER = struct.Struct("<4xIII")                # of a Blosc chunk: bytes unpacked, of a block, packed


@dataclass(frozen=True)
class Chunks:
    """The chunks of one dataset, in the order of its rows; each holds `rows` rows, the last one is padded."""
    rows: int
    offsets: np.ndarray          # int64 (chunks,): in the file
    sizes: np.ndarray            # int64 (chunks,): bytes there
    packed: np.ndarray           # bool (chunks,): False: HDF5 stored it uncompressed, as it would have grown
    filter: int                  # DEFLATE or BLOSC


def check_declared(dataset: Any, file_bytes: int) -> None:
    """Check, without reading the data, that a file of `file_bytes` can hold what an HDF5 dataset in it declares.

    ValueError: it declares more, is compressed in a way that no version of Tenfold wrote, or lacks a part.
    """
    name, size = dataset.name.strip("/"), math.prod(dataset.shape) * dataset.dtype.itemsize
    if dataset.chunks is None:
        offset = dataset.id.get_offset() or 0
        if size and not 0 < offset <= file_bytes - size:
            raise ValueError(f"{name} is longer than its file")
        return
    plan = dataset.id.get_create_plist()
    kinds = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    packers = [_RATIOS[kind] for kind in kinds if kind in _RATIOS]
    if len(packers) > 1 or set(kinds) - _RATIOS.keys() - _PLAIN_FILTERS:
        raise ValueError(f"{name} is packed by filters that no set has")
    if size > file_bytes * math.prod(packers):
        raise ValueError(f"{name} declares {size} bytes, more than a file of {file_bytes} can hold")
    rows, row = dataset.chunks[0], math.prod(dataset.shape[1:]) * dataset.dtype.itemsize
    if dataset.chunks[1:] != dataset.shape[1:] or rows * row > max(row, _LARGEST):
        raise ValueError(f"{name} has chunks of {dataset.chunks}")
    if dataset.id.get_num_chunks() != -(-dataset.shape[0] // rows):
        raise ValueError(f"{name} lacks chunks")


def known_chunks(image: Any, file_bytes: int) -> Chunks | None:
    """Locate the chunks of an HDF5 dataset; None: they are not compressed, or not by a filter that we can decompress.

    ValueError: chunks are missing, or declare more than a file of `file_bytes` can hold. MachineFault: the package for
    the filter is not installed.
    """
    plan = image.id.get_create_plist()
    kind = plan.get_filter(0)[0] if plan.get_nfilters() == 1 else None
    check_declared(image, file_bytes)
    if kind not in _DECODERS or image.chunks[0] > max(1, image.shape[0]):
        return None
    if kind == BLOSC:
        blosc(image.file.filename)
    rows = image.chunks[0]
    count = -(-image.shape[0] // rows)
    infos: list = []
    image.id.chunk_iter(infos.append)            # to ask for each by its number would search from the beginning
    infos.sort(key=lambda info: info.chunk_offset)
    if [c.chunk_offset[0] for c in infos] != [rows * i for i in range(count)]:
        raise ValueError("chunks are missing")
    packed = np.array([c.filter_mask == 0 for c in infos], bool)
    offsets, sizes = (np.array([getattr(c, name) for c in infos], np.int64) for name in ("byte_offset", "size"))
    if count and (offsets.min() <= 0 or (offsets + sizes).max() > file_bytes):
        raise ValueError("chunks lie beyond the file's end")
    return Chunks(rows, offsets, sizes, packed, kind)


def read_at(file: int, offset: int, left: memoryview) -> None:
    """Fill `left` with bytes of an open file, from `offset` on. EOFError: the file is too short."""
    while left:
        got = os.preadv(file, [left], offset)        # one call reads at most 2 GB
        if not got:
            raise EOFError("it was cut short while it was read")
        left, offset = left[got:], offset + got


def read_chunks(file: int, chunks: Chunks, start: int, out: np.ndarray) -> None:
    """Read rows start … start + len(out) into `out`, contiguous uint8 (n, H, W, C); decompress each chunk once.

    EOFError, ValueError, RuntimeError, zlib.error: a chunk is cut short or damaged.
    """
    at, end, size = start, start + len(out), chunks.rows * out[:1].nbytes
    while at < end:
        number, skip = divmod(at, chunks.rows)
        rows = min(end - at, chunks.rows - skip)
        wanted = out[at - start:at - start + rows]
        raw = bytearray(int(chunks.sizes[number]))
        read_at(file, int(chunks.offsets[number]), memoryview(raw))
        whole = wanted if rows == chunks.rows else np.empty((chunks.rows, *out.shape[1:]), np.uint8)
        if chunks.packed[number]:
            _DECODERS[chunks.filter](raw, whole.reshape(size))
        else:
            whole.reshape(size)[:] = np.frombuffer(raw, np.uint8)
        if whole is not wanted:
            wanted[:] = whole[skip:skip + rows]
        at += rows


def _inflate(raw: bytearray, out: np.ndarray) -> None:
    """Decompress gzip into `out`; it takes no more memory than the pixels, whatever the stream declares."""
    stream = zlib.decompressobj()
    pixels = stream.decompress(raw, len(out))
    # zlib only compares its checksum when it reads on behind the pixels
    if len(pixels) != len(out) or stream.decompress(stream.unconsumed_tail, 1) or not stream.eof:
        raise EOFError("a chunk is damaged")
    out[:] = np.frombuffer(pixels, np.uint8)


def _unpack(raw: bytearray, out: np.ndarray) -> None:
    """Decompress a Blosc chunk into `out`; its header is checked first, since Blosc trusts the sizes in it."""
    if len(raw) < 16 or _HEADER.unpack_from(raw)[::2] != (len(out), len(raw)):
        raise EOFError("a chunk is damaged")
    with _one_thread(blosc()) as module:
        module.decompress(raw, out)


_DECODERS = {DEFLATE: _inflate, BLOSC: _unpack}


def write_lz4(f: Any, name: str, image: np.ndarray, rows: int) -> None:
    """Write `image` uint8 (n, H, W, C) as a dataset of Blosc chunks of `rows` rows.

    Chunks are compressed here and given to HDF5 as they are, so HDF5 does not need the filter.
    """
    row, chunk_bytes = image.shape[1:], rows * image[0].nbytes
    # options that HDF5 stores for readers: versions of filter and format, item bytes, chunk bytes, settings of Blosc
    options = 2, 2, 1, chunk_bytes, _LEVEL, _SHUFFLE, _CODE
    dataset = f.create_dataset(name, image.shape, np.uint8, chunks=(rows, *row), compression=BLOSC,
                               compression_opts=options, allow_unknown_filter=True)
    for start in range(0, len(image), rows):
        block = image[start:start + rows]
        if len(block) < rows:                    # HDF5 only stores whole chunks
            block = np.concatenate([block, np.zeros((rows - len(block), *row), np.uint8)])
        with _one_thread(blosc()) as module:
            packed = module.compress(block.reshape(-1), _CODEC, _LEVEL, _SHUFFLE)
        dataset.id.write_direct_chunk((start, 0, 0, 0), packed)


def check_package(compression: str) -> None:
    """Raise MachineFault if this compression needs a package that is not installed; called before a long build."""
    if compression == "lz4":
        blosc(f"shards.compression = {compression}")


def blosc(where: object = "a shard") -> Any:
    """Import the module of Blosc. MachineFault: it is not installed."""
    try:
        from numcodecs import blosc
    except ImportError:
        raise MachineFault(where, "needs the package numcodecs, which is not installed",
                           "pip install numcodecs") from None
    return blosc


@contextlib.contextmanager
def _one_thread(module: Any) -> Iterator[Any]:
    """Limit Blosc to one thread inside this context; its setting is restored afterwards.

    With several threads, the blocks of a chunk are stored in the order in which they finish, so the bytes would vary.
    Outside the main thread Blosc uses one thread anyway, unless its setting says otherwise.
    """
    if threading.current_thread() is not threading.main_thread() and module.use_threads is not True:
        yield module
        return
    with _SETTING:
        before, module.use_threads = module.use_threads, False
        try:
            yield module
        finally:
            module.use_threads = before
