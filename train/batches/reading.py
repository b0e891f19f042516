"""Rows of a split's shards into buffers that the caller owns."""

import os
import zlib

import numpy as np

from data.chunks import Chunks
from data.errors import ShardFault
from data.shard import Shard, read_compressed


class Reader:
    """Opens the files in the process that reads them; `read` may be called from several threads."""

    def __init__(self, shards: list[Shard]):
        self.shards = shards
        self._files = [os.open(s.path, os.O_RDONLY) if s.offset is not None or s.chunks else None for s in shards]

    def read(self, shard: int, start: int, out: np.ndarray) -> None:
        """Rows start … start + len(out) of a shard into `out`, uint8 (n, H, W, C), contiguous."""
        one, file = self.shards[shard], self._files[shard]
        try:
            if file is None:
                read_compressed(one, start, out)
            elif one.chunks:
                _inflate(file, one.chunks, start, out)
            else:
                _read_at(file, one.offset + start * out[0].nbytes, memoryview(out).cast("B"))
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, zlib.error) as error:
            raise ShardFault(one.path, f"could not be read to its end ({error})", "run `make augment` again") from None

    def close(self):
        for file in self._files:
            if file is not None:
                os.close(file)
        self._files = []


def _read_at(file: int, at: int, left: memoryview) -> None:
    while left:
        got = os.preadv(file, [left], at)        # a call reads 2 GB at most
        if not got:
            raise EOFError("it was cut short while it was read")
        left, at = left[got:], at + got


def _inflate(file: int, chunks: Chunks, start: int, out: np.ndarray) -> None:
    """Rows of gzip chunks, each of them read and inflated once, without HDF5 and its lock."""
    at, end = start, start + len(out)
    while at < end:
        number, skip = divmod(at, chunks.rows)
        rows = min(end - at, chunks.rows - skip)
        raw = bytearray(int(chunks.sizes[number]))
        _read_at(file, int(chunks.offsets[number]), memoryview(raw))
        pixels = _inflated(raw, chunks.rows * out[0].nbytes) if chunks.packed[number] else raw
        whole = np.frombuffer(pixels, np.uint8).reshape(-1, *out.shape[1:])
        out[at - start:at - start + rows] = whole[skip:skip + rows]
        at += rows


def _inflated(raw: bytearray, size: int) -> bytes:
    """The chunk's pixels; never more memory than they take, whatever the stream says of itself."""
    pixels = zlib.decompressobj().decompress(raw, size)
    if len(pixels) != size:
        raise EOFError("a chunk is damaged")
    return pixels
