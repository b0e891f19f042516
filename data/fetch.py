"""The command `tenfold fetch NAME`: download a public set into datasets/<name>.npz, which `tenfold augment` reads."""

import argparse
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.data.command import make_parser, run
from tenfold.data.errors import UserFault
from tenfold.data.process import run_main

if TYPE_CHECKING:
    from tenfold.data.public import PublicSplit

SET_NAMES = ("cifar10", "cifar100", "emnist-balanced", "emnist-byclass", "fashion-mnist", "kmnist", "mnist", "sample",
             "svhn")
SLICE = 4096                 # pictures that are written at a time, so that there is no second copy of a large set


def fetch(args: argparse.Namespace) -> dict:
    """Write a named set as an arrays file, unless it exists; return its path and what it holds."""
    path = Path(args.out or f"datasets/{args.name}.npz")
    if args.set:
        raise UserFault("--set", "changes nothing here: a set is written as it is published", "leave it out")
    if path.is_dir():
        raise UserFault(path, "is a folder", "name the file to write, such as " + str(path / f"{args.name}.npz"))
    if path.exists():
        print(f"{path} is there already")
        return {"path": str(path)}
    from tenfold.data.files import make_folder
    from tenfold.data.public import read_set
    splits, classes = read_set(args.name, Path(args.downloads))
    make_folder(path.parent)
    write_arrays(path, splits, classes)
    rows = " + ".join(f"{len(split.labels)} {split.split or ''}".strip() for split in splits)
    print(f"{path}: {rows} images, {len(classes)} classes")
    return {"path": str(path), "images": sum(len(split.labels) for split in splits), "classes": len(classes)}


def write_arrays(path: Path, splits: 'list[PublicSplit]', classes: list[str]) -> None:
    """Write an .npz like numpy.savez, but slice by slice: x uint8 (n, H, W, C), y int64 (n,), classes (k,), and
    split (n,) if the set has official splits."""
    import numpy as np
    from tqdm import tqdm

    from tenfold.data.leftovers import publish_unlocked
    shape = (sum(len(split.labels) for split in splits), *splits[0].upright(splits[0].pixels[:1]).shape[1:])
    columns = {"y": np.concatenate([split.labels for split in splits]).astype(np.int64), "classes": np.array(classes)}
    if splits[0].split:
        columns["split"] = np.repeat([split.split for split in splits], [len(split.labels) for split in splits])
    with publish_unlocked(path) as temporary, zipfile.ZipFile(temporary, "w") as z, \
            tqdm(total=shape[0], desc=path.name, unit="img", unit_scale=True, disable=None) as bar:
        with z.open("x.npy", "w", force_zip64=True) as f:
            np.lib.format.write_array_header_1_0(f, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for split in splits:
                for start in range(0, len(split.labels), SLICE):
                    x = split.upright(split.pixels[start:start + SLICE])
                    f.write(np.ascontiguousarray(x, np.uint8).data)
                    bar.update(len(x))
        for name, column in columns.items():
            with z.open(f"{name}.npy", "w") as f:
                np.lib.format.write_array(f, column, allow_pickle=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser("tenfold fetch", "Write a named public set as an arrays file.")
    parser.add_argument("name", choices=SET_NAMES)
    parser.add_argument("--out", help="file to write (default: datasets/<name>.npz)")
    parser.add_argument("--downloads", default="datasets/downloads",
                        help="folder that torchvision downloads to, or finds its files in (default: %(default)s)")
    return run(fetch, parser.parse_args(argv))


if __name__ == "__main__":
    run_main(lambda started: main())
