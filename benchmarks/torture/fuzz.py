"""Fuzz the readers of recipes, dataset.json, arrays files and shards with atheris, guided by coverage.

    python -m benchmarks.torture.fuzz recipe --seconds 30

It ends with 0 where every input was refused in one line or read, else with libFuzzer's code and the input's bytes.
Without atheris it says so and ends with 0: pip install atheris (Linux). `shard` finds inputs at which HDF5 itself does
not come back from reading an attribute; in a set, a digest refuses damage before HDF5 sees it.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tenfold.data.errors import UserFault
from tenfold.data.schema import INDEX


def targets(folder: Path) -> dict[str, Callable[[bytes], object]]:
    """Return {name: the reader, to which bytes are given as a file}."""
    from tenfold.data.recipe import read_recipe
    from tenfold.data.shard import open_shard
    from tenfold.data.shardset import read_index
    from tenfold.data.sources.opening import open_source

    def kept(data: bytes, name: str) -> Path:
        (folder / name).write_bytes(data)
        return folder / name
    return {"recipe": lambda data: read_recipe(kept(data, "r.toml")),
            "index": lambda data: read_index(kept(data, INDEX).parent),
            "npz": lambda data: open_source(kept(data, "a.npz")),
            "shard": lambda data: open_shard(kept(data, "s.h5"), 4, (4, 5, 1), (2, 4))}


def seeds(folder: Path, name: str) -> Path:
    """Write one sound file of the kind into a folder of its own, from which the fuzzer starts; return the folder."""
    import h5py
    import numpy as np
    corpus = folder / "corpus"
    corpus.mkdir()
    x, numbers = np.zeros((4, 4, 5, 1), np.uint8), np.arange(4) % 2
    if name == "npz":
        np.savez(corpus / "a.npz", x=x, y=numbers)
    elif name == "shard":
        with h5py.File(corpus / "s.h5", "w") as f:
            f.attrs["schema"], f.attrs["split"] = 1, "train"
            f["image"] = x
            for column in ("label", "source", "copy"):
                f[column] = numbers
    else:
        text = json.dumps({"schema": 2, "classes": ["a", "b"], "canvas": [4, 5]}) if name == "index" else \
            '[draw]\ncanvas = [20, 28]\ncopies = 3\n[model]\nname = "light"\n'
        (corpus / "seed").write_text(text)
    return corpus


def main() -> int:
    """Fuzz one reader; ends the process with libFuzzer's exit code."""
    parser = argparse.ArgumentParser(description="Fuzz a reader, guided by coverage.")
    parser.add_argument("reader", choices=("recipe", "index", "npz", "shard"))
    parser.add_argument("--seconds", type=int, default=30)
    args = parser.parse_args()
    try:
        import atheris
    except ImportError:
        print(f"fuzz {args.reader}: skipped, atheris is not installed")
        return 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with atheris.instrument_imports(include=["tenfold.data"]):
            read = targets(folder)[args.reader]

        def one(data: bytes) -> None:
            with contextlib.suppress(UserFault):
                read(data)
        atheris.Setup([sys.argv[0], f"-max_total_time={args.seconds}", "-max_len=20000", "-rss_limit_mb=3000",
                       "-timeout=20", f"-artifact_prefix={folder}/", str(seeds(folder, args.reader))], one)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
