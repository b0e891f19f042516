"""Peers that load through PyTorch's DataLoader: one function each, set up as its documentation advises.

Each takes the folder that `prepare` filled, image uint8 (rows, H, W, C) and label int64 (rows,), writes what
it needs there, and returns `open(workers)`, which returns a function that makes an epoch of shuffled (image,
label) batches of uint8 tensors. Pixels are raw wherever a format holds them, which is kindest to it.
"""

import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.loading import Epochs
from benchmarks.loading_datasets import BATCH, ByBlock, Memmap, PerItem, Sampler
from benchmarks.synthetic import write_files, write_set
from tenfold.data.vision import torchvision

FILES = 10_000               # rows that are also kept as one file each; a hundred thousand say nothing more


def prepare(folder: Path, image: np.ndarray, label: np.ndarray) -> None:
    """What several share: two .npy, our shards, one HDF5 file, a folder of image files a class, tars."""
    import h5py
    np.save(folder / "image.npy", image)
    np.save(folder / "label.npy", label)
    write_set(folder / "shards", image, label)
    with h5py.File(folder / "all.h5", "w") as f:
        f["image"], f["label"] = image, label
    write_files(folder / "files", image[:FILES], label[:FILES])
    write_tars(folder / "tars", image, label)


def ours(folder: Path, image: np.ndarray, label: np.ndarray, engine: str) -> Callable[..., Any]:
    """Our own engine, in the form of the peers."""
    import torch

    from tenfold.data.shardset import open_set
    from tenfold.data.tables import Train
    from tenfold.train.batches import open_batches
    from tenfold.train.device import keep_freed_memory
    keep_freed_memory()                          # as a training run does

    def opened(workers: int) -> Any:
        how = Train(engine=engine, workers=workers, batch=BATCH)
        return Epochs(open_batches(open_set(folder / "shards"), "train", how, 0, torch.device("cpu"), shuffle=True))
    return opened


def loaders(dataset: Any, make: Any = None, **how: Any) -> Callable[..., Any]:
    """`open(workers)` of a DataLoader or its subclass; workers live on between epochs, which helps every peer."""
    from torch.utils.data import DataLoader

    def opened(workers: int) -> Any:
        loader = (make or DataLoader)(dataset, num_workers=workers, persistent_workers=workers > 0, **how)
        return lambda: ((batch["x"], batch["y"]) if isinstance(batch, dict) else batch for batch in loader)
    return opened


def h5py_by_item(folder: Path, image: np.ndarray, label: np.ndarray) -> Any:
    """A DataLoader that reads each row by one h5py read."""
    return loaders(PerItem(folder / "all.h5"), batch_sampler=Sampler(len(label), lists=True))


def as_it_is(batch: Any) -> Any:
    """Return a batch unchanged: it is one already."""
    return batch


def h5py_by_block(folder: Path, image: np.ndarray, label: np.ndarray) -> Any:
    """A DataLoader that reads blocks of neighbouring rows."""
    return loaders(ByBlock(folder / "all.h5"), batch_sampler=Sampler(len(label), blocks=True), collate_fn=as_it_is)


def getitems(folder: Path, image: np.ndarray, label: np.ndarray) -> Any:
    """A memory map of the pixels in a data set with `__getitems__`: PyTorch asks it for a batch's rows by one call."""
    return loaders(Memmap(folder / "image.npy", label), batch_size=BATCH, shuffle=True, collate_fn=as_it_is)


def open_grey(path: Path) -> Any:
    """Read an image file as grey."""
    from PIL import Image
    with Image.open(path) as image:
        return image.convert("L")


def image_folder(folder: Path, image: np.ndarray, label: np.ndarray) -> Any:
    """DataLoader(ImageFolder, shuffle=True); bytes stay bytes, without the floats of ToTensor."""
    torchvision()
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import PILToTensor
    grey = {"loader": open_grey} if image.shape[3] == 1 else {}      # its own loader makes RGB of all
    return loaders(ImageFolder(folder / "files", PILToTensor(), **grey), batch_size=BATCH, shuffle=True)


def write_tars(folder: Path, image: np.ndarray, label: np.ndarray) -> None:
    """Eight tars of raw pixels (.x) and raw labels (.y), as webdataset and DALI take them."""
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(label)), 8)):
        with tarfile.open(folder / f"{number}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for row in rows:
                for kind, value in (("x", image[row]), ("y", label[row])):
                    member = tarfile.TarInfo(f"{row:08}.{kind}")
                    member.size = value.nbytes
                    tar.addfile(member, BytesIO(value.tobytes()))


def from_bytes(sample: Any, shape: tuple[int, ...]) -> Any:
    """(pixels, label) of a sample of raw bytes."""
    return np.frombuffer(sample["x"], np.uint8).reshape(shape), int.from_bytes(sample["y"], "little")


def stack(rows: Any) -> Any:
    """A batch of tensors from rows (pixels, label)."""
    import torch
    pixels, labels = zip(*rows, strict=True)
    return torch.from_numpy(np.stack(pixels)), torch.tensor(labels)


def webdataset(folder: Path, image: np.ndarray, label: np.ndarray) -> Any:
    """Shards shuffled, then a buffer of 1000 samples; batches made inside the workers (README, FAQ)."""
    import webdataset as wds
    paths = sorted(map(str, (folder / "tars").iterdir()))
    dataset = (wds.WebDataset(paths, shardshuffle=len(paths)).shuffle(1000)
               .map(partial(from_bytes, shape=image.shape[1:])).batched(BATCH, collation_fn=stack))
    return loaders(dataset, wds.WebLoader, batch_size=None)


def streaming(folder: Path, image: np.ndarray, label: np.ndarray) -> Any:
    """MDS shards of 64 MB with an array column of fixed type and shape; py1e, its default, shuffles ("Shuffling")."""
    torchvision()                                                    # it imports it
    from streaming import MDSWriter, StreamingDataLoader, StreamingDataset
    columns = {"x": "ndarray:uint8:" + ",".join(map(str, image.shape[1:])), "y": "int"}
    with MDSWriter(out=str(folder / "mds"), columns=columns) as out:
        for pixels, kind in zip(image, label.tolist(), strict=True):
            out.write({"x": pixels, "y": kind})
    dataset = StreamingDataset(local=str(folder / "mds"), shuffle=True, batch_size=BATCH)
    return loaders(dataset, StreamingDataLoader, batch_size=BATCH)


def litdata_rows(start: int, folder: Path) -> Iterator[Any]:
    """Yield a thousand rows of the two .npy files, for litdata to pack."""
    image, label = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("image", "label"))
    for row in range(start, min(start + 1000, len(label))):
        yield {"x": np.array(image[row]), "y": int(label[row])}


def litdata(folder: Path, image: np.ndarray, label: np.ndarray) -> Any:
    """Chunks of 64 MB of arrays in a local folder, which it maps into memory; rows and chunks shuffled (README)."""
    from litdata import StreamingDataLoader, StreamingDataset, optimize
    optimize(partial(litdata_rows, folder=folder), list(range(0, len(label), 1000)), str(folder / "chunks"),
             chunk_bytes="64MB", num_workers=2)
    # "auto" decodes a hundred neighbours anew for each picture of 224×224×3: 1,500 images/s for 9,000
    dataset = StreamingDataset(str(folder / "chunks"), shuffle=True, batch_decode="all")
    return loaders(dataset, StreamingDataLoader, batch_size=BATCH)
