"""One loader in a process of its own: it is checked against the rows of its set, then timed when it is asked."""

import contextlib
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import LeftOut
from benchmarks.loading import rate
from benchmarks.loading_datasets import BATCH
from benchmarks.peer_loaders import FILES
from benchmarks.peer_pipelines import OURS, PEERS

ARRAYS = ("image.npy", "label.npy")
PATIENCE = 400               # seconds until a loader that does not answer is given up


def check(epoch: Callable[[], Any], image: np.ndarray, label: np.ndarray, lossless: bool) -> None:
    """Hold an epoch against the rows: uint8 pictures of the right size, each once with its label.

    Some leave out a last short batch a worker; JPEG (lossless=False) changes pixels, so there labels alone count.
    """
    def marks(pixels: np.ndarray, kinds: Any) -> Any:
        sums = np.asarray(pixels).reshape(len(kinds), -1).sum(1, dtype=np.int64) if lossless else kinds
        return Counter(zip(np.asarray(sums).tolist(), np.asarray(kinds).tolist(), strict=True))
    shape, got = image.shape[1:], Counter[tuple[int, int]]()
    for pixels, kinds in epoch():
        if str(pixels.dtype) != "torch.uint8" or sorted(pixels.shape[1:]) != sorted(shape) or len(pixels) != len(kinds):
            raise ValueError(f"batches of {pixels.dtype} {tuple(pixels.shape)} where uint8 rows of {shape} are due")
        got += marks(pixels, kinds)
    want = marks(image, label)
    extra, missing = (got - want).total(), (want - got).total()
    if extra or missing >= 2 * BATCH:
        raise ValueError(f"an epoch of {len(label)} rows lacks {missing} and has {extra} that are not due")


def serve(pipe: Any, name: str, folder: Path, method: str, at_most: float) -> None:
    """A loader's process: make its set, check an epoch, choose the faster number of workers, then time repeats."""
    multiprocessing.set_start_method(method, force=True)     # or their workers would be spawned as this was
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)                              # progress bars and warnings of ten packages
    os.dup2(log, 2)
    try:
        peer, (image, label) = (OURS | PEERS)[name], (np.load(folder / file, mmap_mode="r") for file in ARRAYS)
        opened, rows = peer.make(folder, image, label), slice(FILES if peer.files else None)
        pipe.send(0)
        pipe.recv()                              # until all have written theirs
        tried: dict[float, tuple[int, Any]] = {}
        for workers in peer.workers:
            epoch = opened(workers)
            if tried:
                rate(epoch, at_most)             # to warm up, as checking does for the first
            else:                                # a fresh loader: DALI's shuffle buffer mixes later epochs
                check(epoch, image[rows], label[rows], lossless=not peer.decodes or image.shape[3] == 1)
            tried[rate(epoch, at_most)] = workers, epoch
        workers, epoch = tried.pop(max(tried))
        del tried                                # and with it the workers of the slower
        pipe.send(workers)
        while pipe.recv():
            pipe.send(rate(epoch, at_most))
    except EOFError:
        pass
    except BaseException as fault:               # whatever it is, the others go on
        pipe.send(" ".join(f"{type(fault).__name__}: {fault}".split())[:200])


class Child:
    """A process that serves one loader."""

    def __init__(self, name: str, folder: Path, at_most: float):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(
            theirs, name, folder, multiprocessing.get_start_method(), at_most))
        self.process.start()
        theirs.close()

    def ask(self) -> float:
        """First its number of workers, then images/s of one repeat at a time."""
        with contextlib.suppress(OSError):       # it is gone; `answer` says so
            self.pipe.send(True)
        return self.answer()

    def answer(self) -> float:
        """Wait for the process's next number. LeftOut: it gives none."""
        if not self.pipe.poll(PATIENCE):
            raise LeftOut(f"no answer within {PATIENCE} s")
        try:
            said = self.pipe.recv()
        except EOFError:
            self.process.join()
            raise LeftOut(f"its process ended with {self.process.exitcode}") from None
        if isinstance(said, str):
            raise LeftOut(said)
        return said

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self.pipe.send(False)
        self.process.join(10)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()
