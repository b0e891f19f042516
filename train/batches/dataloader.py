"""An engine that uses PyTorch's DataLoader for the same batches: worker processes that read row by row.

This is the usual way to load images with PyTorch, kept as a comparison (`tenfold bench`). Each batch goes from one
process to another through a new shared-memory segment; the page faults of that segment make it slow.
"""

import functools
import os
import signal
import warnings
from collections import OrderedDict
from collections.abc import Generator

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from tenfold.data.errors import MachineFault, UserFault
from tenfold.data.process import STOPS, end_with
from tenfold.data.shard import Shard
from tenfold.data.tables import Train
from tenfold.train.batches.copying import make_copier
from tenfold.train.batches.order import Order
from tenfold.train.batches.reading import Reader
from tenfold.train.device import is_cuda


class Loader:
    """PyTorch's DataLoader as an engine; see `open_batches`."""

    name = "dataloader"

    def __init__(self, files: list[Shard], order: Order, row_shape: tuple[int, ...], config: Train,
                 device: torch.device):
        self.order, self._copier = order, make_copier(device)
        self._batches, self._rows = _Batches(order), _Rows(files, order, row_shape)
        with warnings.catch_warnings():          # about more workers than cores: `tenfold bench` measures what is best
            warnings.simplefilter("ignore")
            self._loader = DataLoader(
                self._rows, batch_sampler=self._batches, collate_fn=_as_it_is,
                worker_init_fn=functools.partial(_begin_worker, os.getpid()),
                num_workers=config.workers, persistent_workers=config.workers > 0,
                generator=torch.Generator(),     # else each epoch takes a number that a resumed run then lacks
                pin_memory=config.pin_memory and is_cuda(device))

    def epoch(self, number: int, first: int = 0) -> Generator[tuple[torch.Tensor, ...], None, None]:
        """Yield the batches of an epoch from `first` on."""
        if not self.order.sizes[first:]:
            return
        self._batches.epoch, self._batches.first = number, first
        with warnings.catch_warnings():          # about more workers than cores, and about a fork while threads run
            warnings.simplefilter("ignore")
            batches = iter(self._loader)
        try:
            while (got := self._next(batches)) is not None:
                if isinstance(got, UserFault):
                    raise got
                yield self._copier.copy(got)
        finally:
            del batches                          # otherwise an error's traceback keeps the workers alive after close()

    @staticmethod
    def _next(batches):
        try:
            return next(batches, None)
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise MachineFault("a worker process", "died, most often for want of shared memory",
                               "choose --set train.workers=0 or --set train.engine=threads") from None

    def close(self) -> None:
        """End the worker processes, or close the files if there are none."""
        self._loader = None                      # its workers end with it
        self._rows.close()


def _as_it_is(batch):
    return batch


def _begin_worker(parent: int, number: int) -> None:
    """Make a worker end when the process that started it ends, and leave ctrl-C to that process."""
    end_with(parent)
    for stop in STOPS:
        signal.signal(stop, signal.SIG_DFL if stop == signal.SIGTERM else signal.SIG_IGN)


class _Batches:
    """A batch_sampler that follows the Order. `epoch` and `first` are set before each epoch."""

    def __init__(self, order: Order):
        self._order, self.epoch, self.first = order, 0, 0

    def __iter__(self):
        return self._order.rows(self.epoch, self.first)

    def __len__(self):
        return len(self._order.sizes) - self.first


class _Rows(Dataset):
    """The rows of a split as a Dataset. It opens the files in the process that reads them."""

    def __init__(self, files: list[Shard], order: Order, row_shape):
        self._files, self._order, self._row_shape = files, order, row_shape
        self._labels = np.concatenate([np.empty(0, np.int64), *(f.labels for f in files)])
        self._reader: Reader | None = None
        self._chunks: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def __len__(self):
        return len(self._labels)

    def __getitems__(self, rows: np.ndarray):
        """Return (image uint8 (B, H, W, C), label int64 (B,)), or the fault, whose type a DataLoader would lose."""
        try:
            reader = self._reader = self._reader or Reader(self._files)
            image = np.empty((len(rows), *self._row_shape), np.uint8)
            shards = np.searchsorted(self._order.starts, rows, "right") - 1
            places = rows - self._order.starts[shards]
            if any(f.offset is None for f in self._files):
                self._from_chunks(reader, shards, places, image)
            else:
                self._from_rows(reader, shards, places, image)
            return torch.from_numpy(image), torch.from_numpy(self._labels[rows])
        except UserFault as fault:
            return fault

    def close(self) -> None:
        """Close the files that this process has opened."""
        if self._reader:
            self._reader.close()
            self._reader = None

    @staticmethod
    def _from_rows(reader: Reader, shards, places, image) -> None:
        """Read each run of consecutive rows at once. In shuffled order most runs are a single row."""
        breaks = np.flatnonzero((np.diff(places) != 1) | (np.diff(shards) != 0)) + 1
        for start, end in zip([0, *breaks], [*breaks, len(places)], strict=True):
            reader.read(shards[start], int(places[start]), image[start:end])

    def _from_chunks(self, reader: Reader, shards, places, image) -> None:
        """Read by chunks: each chunk is decompressed once, and the latest ones are kept, as many as a window holds."""
        size, most = self._order.chunk, 2 + self._order.window_bytes // (self._order.chunk * self._order.row_bytes)
        keys = np.stack([shards, places // size], 1)
        for shard, number in np.unique(keys, axis=0).tolist():
            chunk = self._chunks.pop((shard, number), None)
            if chunk is None:
                rows = min(size, self._files[shard].rows - number * size)
                chunk = np.empty((rows, *self._row_shape), np.uint8)
                reader.read(shard, number * size, chunk)
            self._chunks[shard, number] = chunk  # the last of them is the latest used
            if len(self._chunks) > most:
                self._chunks.popitem(last=False)
            here = np.flatnonzero((keys == (shard, number)).all(1))
            image[here] = chunk[places[here] - number * size]
