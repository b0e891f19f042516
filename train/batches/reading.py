"""Rows of a split's shards into buffers that the caller owns."""

import os

import numpy as np

from data.errors import ShardFault
from data.shard import Shard, read_compressed


class Reader:
    """Opens the files in the process that reads them; `read` may be called from several threads."""

    def __init__(self, shards: list[Shard]):
        self.shards = shards
        self._files = [None if s.offset is None else os.open(s.path, os.O_RDONLY) for s in shards]

    def read(self, shard: int, start: int, out: np.ndarray) -> None:
        """Rows start … start + len(out) of a shard into `out`, uint8 (n, H, W, C), contiguous."""
        one, file = self.shards[shard], self._files[shard]
        try:
            if file is None:
                read_compressed(one, start, out)
            else:
                _read_at(file, one.offset + start * out[0].nbytes, memoryview(out).cast("B"))
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError) as error:
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
