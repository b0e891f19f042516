"""Read rows of a split's shards into buffers that the caller owns."""

import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tenfold.data.chunks import read_at, read_chunks
from tenfold.data.errors import AUGMENT_AGAIN, ShardFault, unreadable
from tenfold.data.shard import Shard, read_compressed
from tenfold.train.batches.files import Files

SCRATCH = 512 << 10          # bytes of the buffer between a file and the shuffled places: half of a core's cache
DIRECT = 32 << 10            # rows of at least so many bytes are written to their places by the kernel. Speed as a
                             # share of a plain copy, directly and through the buffer: 224×224×3 1.0 and 0.8,
                             # 90×90 0.75 and 0.75, 28×28 0.15 and 0.5 (each row costs Python a microsecond)
SMALL = 2 << 10              # rows below so many bytes are copied as one NumPy item each. Nanoseconds of a row by
                             # `put`, by an assignment, and as pixels: 150, 187, 178 at 28×28; 687, 667, 652 at 90×90
MOST = 1000                  # buffers in one direct read; Linux and macOS allow 1,024


class Reader:
    """Reads rows of shards. It opens the files in the process that reads; several threads may call `read`."""

    def __init__(self, shards: list[Shard]):
        self.shards, self._files = shards, Files([s.path for s in shards])

    @contextmanager
    def _file(self, shard: int) -> Iterator[int]:
        """Yield the descriptor of a shard's file; errors with it become ShardFaults."""
        try:
            with self._files.lent(shard) as file:
                yield file
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, zlib.error) as error:
            path = self.shards[shard].path
            raise unreadable(error, path) or ShardFault(path, f"could not be read to its end ({error})",
                                                        AUGMENT_AGAIN) from None

    def read(self, shard: int, start: int, out: np.ndarray) -> None:
        """Read rows start … start + len(out) of a shard into `out`, uint8 (n, H, W, C), contiguous."""
        shard_file = self.shards[shard]
        with self._file(shard) as file:
            if shard_file.offset is not None:
                read_at(file, shard_file.offset + start * out[0].nbytes, out.data.cast("B"))
            elif shard_file.chunks:
                read_chunks(file, shard_file.chunks, start, out)
            else:
                read_compressed(shard_file, start, out)

    def scatter(self, shard: int, start: int, places: np.ndarray, out: np.ndarray,
                repeats: np.ndarray | None = None) -> None:
        """Read row start + i of a shard into out[places[i]], for each i of `places`, int64 (n,).

        With `repeats`, int64 (rows,), row start + i is written to the next repeats[i] of the places.
        """
        raw, row_bytes = self.shards[shard].offset is not None, out[0].nbytes
        if raw and row_bytes >= DIRECT and repeats is None:
            self._scatter_directly(shard, start, places, out)
            return
        rows, done = len(places if repeats is None else repeats), 0
        step = max(1, SCRATCH // row_bytes) if raw else rows             # no chunk is unpacked twice
        scratch = np.empty((min(step, rows), *out.shape[1:]), np.uint8)
        for at in range(0, rows, step):
            block = scratch[:rows - at]
            self.read(shard, start + at, block)
            if repeats is not None:
                block = block[np.repeat(np.arange(len(block)), repeats[at:at + step])]
            where, done = places[done:done + len(block)], done + len(block)
            if row_bytes < SMALL:
                np.put(_items(out), where, _items(block), mode="clip")   # "clip" skips the check of the places
            else:
                out[where] = block

    def _scatter_directly(self, shard, start, places, out) -> None:
        offset, row_bytes = self.shards[shard].offset, out[0].nbytes
        for at in range(0, len(places), MOST):
            rows = [out[place] for place in places[at:at + MOST].tolist()]
            with self._file(shard) as file:
                whole = os.preadv(file, rows, offset + (start + at) * row_bytes) // row_bytes
            for i in range(whole, len(rows)):    # the read was cut short by a signal or by the end of the file
                self.read(shard, start + at + i, rows[i][None])

    def close(self) -> None:
        """Close the files."""
        self._files.close()


def _items(rows: np.ndarray) -> np.ndarray:
    """Return (n, H, W, C) as (n,) items of H·W·C bytes, so that NumPy moves whole rows."""
    size = math.prod(rows.shape[1:])             # -1 would fail without rows
    return rows.reshape(len(rows), size).view(f"V{size}")[:, 0]
