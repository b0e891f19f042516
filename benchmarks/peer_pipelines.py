"""Peers that load with their own threads, in the same form as `peer_loaders`; and the list of all peers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peer_loaders as torch_loaders
from benchmarks.loading_datasets import BATCH
from benchmarks.peer_loaders import FILES, ours, stack


def spdl(found: Any, load: Callable[..., Any]) -> Callable[..., Any]:
    """Its pipeline: shuffled paths in batches, each batch loaded by one call, several at a time."""
    from spdl.pipeline import PipelineBuilder
    rng = np.random.default_rng(0)

    def opened(workers: int) -> Callable[..., Any]:
        def epoch() -> Iterator[Any]:
            order = [found[row] for row in rng.permutation(len(found))]
            pipeline = (PipelineBuilder().add_source(order).aggregate(BATCH).pipe(load, concurrency=workers)
                        .add_sink(4).build(num_threads=workers))
            with pipeline.auto_stop():
                yield from pipeline
        return epoch
    return opened


def load_npys(found: Any) -> Any:
    """A batch from .npy files, read by spdl."""
    import spdl.io
    return stack([(spdl.io.load_npy(Path(path).read_bytes()), kind) for path, kind in found])


def spdl_npy(folder: Path, image: np.ndarray, label: np.ndarray) -> Any:
    """A .npy an image and its own reader of them, which "Data Format and Performance" finds the fastest."""
    (folder / "npy").mkdir()
    found = [(str(folder / "npy" / f"{row}.npy"), int(label[row])) for row in range(min(len(label), FILES))]
    for row, (path, _) in enumerate(found):
        np.save(path, image[row])
    return spdl(found, load_npys)


def load_images(found: Any, shape: tuple[int, ...]) -> Any:
    """A batch from image files, decoded by spdl in one call."""
    import spdl.io
    import torch
    paths, labels = zip(*found, strict=True)
    pixels = spdl.io.load_image_batch(list(paths), width=shape[1], height=shape[0],
                                      pix_fmt="gray" if shape[2] == 1 else "rgb24")
    return spdl.io.to_torch(pixels).reshape(-1, *shape), torch.tensor(labels)


def spdl_images(folder: Path, image: np.ndarray, label: np.ndarray) -> Any:
    """A batch of image files decoded by one call ("Best Practices")."""
    import spdl.io
    found = [(str(path), int(path.parent.name)) for path in (folder / "files").glob("*/*")]
    spdl.io.load_image(found[0][0])              # a pipeline drops what fails: without FFmpeg's libraries, all
    return spdl(found, partial(load_images, shape=image.shape[1:]))


def dali(define: Callable[..., Any]) -> Callable[..., Any]:
    """Its iterator for PyTorch over a pipeline that needs no GPU."""
    from nvidia.dali import pipeline_def
    from nvidia.dali.plugin.pytorch import DALIGenericIterator, LastBatchPolicy

    def opened(workers: int) -> Any:
        pipeline = pipeline_def(define, batch_size=BATCH, num_threads=workers, device_id=None)()
        batches = DALIGenericIterator(pipeline, ["x", "y"], reader_name="reader", auto_reset=True,
                                      last_batch_policy=LastBatchPolicy.PARTIAL)
        return lambda: ((batch["x"], batch["y"][:, 0]) for (batch,) in batches)
    return opened


def dali_tars(folder: Path, image: np.ndarray, label: np.ndarray) -> Any:
    """Raw pixels out of tars by readers.webdataset, which maps them into memory; a shuffle buffer of 1024."""
    from nvidia.dali import fn, types
    paths = sorted(map(str, (folder / "tars").iterdir()))

    def define() -> Any:
        x, y = fn.readers.webdataset(paths=paths, ext=["x", "y"], dtypes=[types.UINT8, types.INT64],
                                     random_shuffle=True, name="reader")
        return fn.reshape(x, shape=image.shape[1:]), y
    return dali(define)


def dali_images(folder: Path, image: np.ndarray, label: np.ndarray) -> Any:
    """readers.file and decoders.image, as its first page shows; a shuffle buffer of 1024."""
    from nvidia.dali import fn, types
    kind = types.GRAY if image.shape[3] == 1 else types.RGB

    def define() -> Any:
        x, y = fn.readers.file(file_root=str(folder / "files"), random_shuffle=True, name="reader")
        return fn.decoders.image(x, output_type=kind), y
    return dali(define)


@dataclass(frozen=True)
class Peer:
    """A loader to time: how it is made, and what it can be given."""
    make: Callable
    workers: tuple = (2, 0)  # processes or threads to try; the faster stands in the table
    files: bool = False      # has a file an image, so only the first FILES rows
    decodes: bool = False    # PNG where grey, JPEG where colour


BLOCKS = "by block"          # shuffles blocks of neighbours, never the rows in them
PEERS = {
    "webdataset, raw tars": Peer(torch_loaders.webdataset),
    "mosaicml-streaming, raw MDS": Peer(torch_loaders.streaming),
    "litdata, raw chunks": Peer(torch_loaders.litdata),
    "spdl, .npy files": Peer(spdl_npy, (2, 1), files=True),
    "spdl, image files": Peer(spdl_images, (2,), files=True, decodes=True),
    "DALI on the CPU, raw tars": Peer(dali_tars, (2, 1)),
    "DALI on the CPU, image files": Peer(dali_images, (2,), files=True, decodes=True),
    "DataLoader, __getitems__ of a memory map": Peer(torch_loaders.getitems),
    "ImageFolder + DataLoader": Peer(torch_loaders.image_folder, (2,), files=True, decodes=True),
    "DataLoader over h5py, per item": Peer(torch_loaders.h5py_by_item),
    f"DataLoader over h5py, {BLOCKS}": Peer(torch_loaders.h5py_by_block)}
OURS = {f"ours, {engine}": Peer(partial(ours, engine=engine), (2,)) for engine in ("threads", "memory")}
