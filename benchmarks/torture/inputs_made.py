"""Mutate sets and checkpoints that Tenfold made, sign them anew so that their digests are right, and open them."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.torture.mutate import ODD, mutated_bytes, mutated_structure, mutated_value


def _copy(base: Path, here: Path, rng: random.Random) -> Path:
    name = rng.choice(("set raw", "set lz4", "set gzip"))
    shutil.copytree(base / "flips" / name, here / "set")
    (here / "set" / ".verified").unlink(missing_ok=True)
    return here / "set"


def _opened(folder: Path) -> Callable[[], Any]:
    """Read all of a set, as a training does."""
    def read() -> None:
        from benchmarks.torture.flips_read import set_content
        from tenfold.data.shardset import open_set
        from tenfold.train.run.checkpoint import describe
        set_content(folder)
        shards = open_set(folder)
        describe(shards, shards.recipe)
    return read


def index(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    """A set whose dataset.json is mutated, half of the time as a value that is signed anew."""
    folder = _copy(base, here, rng)
    path = folder / "dataset.json"
    if rng.random() < 0.4:
        path.write_bytes(mutated_bytes(path.read_bytes(), rng))
    else:
        _sign(folder, mutated_value(json.loads(path.read_bytes()), rng))
    return _opened(folder)


def _sign(folder: Path, content: Any) -> None:
    from tenfold.data.shardset import write_index
    try:
        write_index(folder, content)
    except (TypeError, AttributeError, ValueError):      # no dictionary
        (folder / "dataset.json").write_text(json.dumps(content))


def shard_header(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    """A set with a shard whose bytes are mutated, mostly in its headers, under an index with its digest."""
    folder = _copy(base, here, rng)
    _mutate_file(folder, rng.choice(("train-00000.h5", "val-00000.h5", "test-00000.h5")), rng)
    return _opened(folder)


def sources_header(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    """A set whose sources.h5 is mutated, under an index with its digest."""
    folder = _copy(base, here, rng)
    _mutate_file(folder, "sources.h5", rng)
    return _opened(folder)


def _mutate_file(folder: Path, name: str, rng: random.Random) -> None:
    from tenfold.data.digests import TRAILER_BYTES, trailer
    path = folder / name
    data, signed = path.read_bytes(), name != "sources.h5"       # which has no trailer
    data = data[:-TRAILER_BYTES] if signed else data
    data = mutated_structure(data, rng) if rng.random() < 0.5 else mutated_bytes(data, rng)
    sha = hashlib.sha256(data)
    data += trailer(sha) if signed else b""
    path.write_bytes(data)
    content = json.loads((folder / "dataset.json").read_bytes())
    for entry in [content["sources"], *content["shards"]]:
        if entry.get("name", "sources.h5") == name:
            entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), content=sha.hexdigest())
    _sign(folder, content)


def checkpoint(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    """A best.pth that is mutated, half of the time as a value that is saved anew."""
    import numpy as np
    import torch

    from tenfold.train.run.checkpoint import save
    path, original = here / "best.pth", base / "runs" / "tiny" / "best.pth"
    if rng.random() < 0.4:
        path.write_bytes(mutated_bytes(original.read_bytes(), rng))
    else:
        odd = (*ODD, torch.zeros(0), torch.full((3,), float("nan")), torch.zeros(2, dtype=torch.int64))
        content = torch.load(original, map_location="cpu", weights_only=True)
        content.pop("digest", None)
        save(path, mutated_value(content, rng, odd))

    def read() -> None:
        from tenfold.predict.model import Model
        model = Model.open(path, "cpu")
        model.probabilities(np.zeros((2, *model.row_shape), np.uint8))
        model.predict([np.zeros((9, 9), np.uint8)])
    return read
