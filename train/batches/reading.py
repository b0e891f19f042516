"""Rows of a split's shards into buffers that the caller owns."""

import os
import zlib

import numpy as np

from data.chunks import Chunks
from data.errors import ShardFault
from data.shard import Shard, read_compressed

SCRATCH = 512 << 10          # bytes on the way from a file to shuffled places: half of a core's cache
DIRECT = 32 << 10            # bytes of a row from which on the kernel itself writes rows to their places:
                             # 224×224×3 1.0 of a plain copy for 0.8 through the scratch, 90×90 0.75 for both
                             # (rows of 28×28 0.15 for 0.5: each costs Python a microsecond)
MOST = 1000                  # buffers in one such read; Linux and macOS take 1,024


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

    def scatter(self, shard: int, start: int, places: np.ndarray, out: np.ndarray) -> None:
        """Row start + i of a shard into out[places[i]], i over all of `places` int64 (n,)."""
        raw, row_bytes = self.shards[shard].offset is not None, out[0].nbytes
        if raw and row_bytes >= DIRECT:
            self._scatter_directly(shard, start, places, out)
            return
        step = max(1, SCRATCH // row_bytes) if raw else len(places)      # no chunk is inflated twice
        scratch = np.empty((min(step, len(places)), *out.shape[1:]), np.uint8)
        for at in range(0, len(places), step):
            block = scratch[:len(places) - at]
            self.read(shard, start + at, block)
            _items(out)[places[at:at + step]] = _items(block)

    def _scatter_directly(self, shard, start, places, out) -> None:
        one, file, row_bytes = self.shards[shard], self._files[shard], out[0].nbytes
        for at in range(0, len(places), MOST):
            rows = [out[place] for place in places[at:at + MOST].tolist()]
            whole = os.preadv(file, rows, one.offset + (start + at) * row_bytes) // row_bytes
            for i in range(whole, len(rows)):    # cut short, by a signal or by the file's end
                self.read(shard, start + at + i, rows[i][None])

    def close(self):
        for file in self._files:
            if file is not None:
                os.close(file)
        self._files = []


def _items(rows: np.ndarray) -> np.ndarray:
    """(n, H, W, C) as (n,) items of H·W·C bytes: NumPy then moves a row at a time, not a run of pixels."""
    return rows.reshape(len(rows), -1).view(f"V{rows[0].nbytes}")[:, 0]


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
