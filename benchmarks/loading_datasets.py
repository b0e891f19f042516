"""Datasets and a batch sampler as others write them for a DataLoader: over a memory map, h5py or image files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 256


class Memmap:
    """A dataset over one memory-mapped .npy, from which rows are gathered at random."""

    def __init__(self, path: Path, label: np.ndarray):
        self.image, self.label = np.load(path, mmap_mode="r"), label

    def __len__(self) -> int:
        return len(self.label)

    def __getitems__(self, rows: Any) -> Any:
        import torch
        return torch.from_numpy(self.image[rows]), torch.from_numpy(self.label[rows])


class PerItem:
    """The dataset of most tutorials: one h5py read an image, the file opened in the worker."""

    def __init__(self, path: Path):
        self.path = path
        self.file: Any = None                    # an h5py.File, opened where it is read

    def __getitem__(self, row: Any) -> Any:
        import h5py
        import torch
        self.file = self.file or h5py.File(self.path, "r")
        return torch.from_numpy(self.file["image"][row]), int(self.file["label"][row])


class ByBlock(PerItem):
    """A batch is a block of neighbours: one h5py read a batch."""

    def __getitems__(self, rows: Any) -> Any:
        import h5py
        import torch
        self.file = self.file or h5py.File(self.path, "r")
        block = slice(int(rows[0]), int(rows[-1]) + 1)
        return torch.from_numpy(self.file["image"][block]), torch.from_numpy(self.file["label"][block])


class Files:
    """As torchvision's ImageFolder, decoding with Pillow."""

    def __init__(self, found: Any):
        self.found = found

    def __getitem__(self, row: Any) -> Any:
        import torch
        from PIL import Image
        path, label = self.found[row]
        with Image.open(path) as image:
            return torch.from_numpy(np.array(image)), label


class Sampler:
    """Batches of shuffled rows, or of neighbours in shuffled blocks, as arrays or as lists."""

    def __init__(self, rows: int, blocks: bool = False, lists: bool = False):
        self.rows, self.blocks, self.lists, self.rng = rows, blocks, lists, np.random.default_rng(0)

    def __iter__(self) -> Iterator[Any]:
        count = self.rows // BATCH
        cut = np.arange(self.rows) if self.blocks else self.rng.permutation(self.rows)
        cut = cut[:count * BATCH].reshape(count, BATCH)
        for batch in self.rng.permutation(cut) if self.blocks else cut:
            yield batch.tolist() if self.lists else batch
