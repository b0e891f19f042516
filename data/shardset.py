"""A set of shards: its dataset.json, and what is checked when it is opened."""

import contextlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tenfold.data.errors import ShardFault, UserFault
from tenfold.data.files import publish
from tenfold.data.recipe import Recipe, make_recipe
from tenfold.data.schema import INDEX, SCHEMA, SHARD_NAME, SPLITS
from tenfold.data.shard import AGAIN, Shard, file_sha256, open_shard

_KINDS = {"classes": list, "canvas": list, "channels": int, "mean": list, "std": list, "recipe": dict,
          "sources": list, "digest": str, "shards": list, "rows": dict}      # of what must stand in dataset.json


def write_index(folder: Path, index: dict) -> None:
    """dataset.json, written last."""
    with publish(folder / INDEX) as temporary:
        temporary.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def read_index(folder) -> dict:
    """dataset.json. ShardFault: missing (the set is not finished), damaged, of another schema."""
    path = Path(folder) / INDEX
    try:
        index = json.loads(path.read_bytes())
    except FileNotFoundError:
        fact = "holds an unfinished set" if Path(folder).is_dir() else "does not exist"
        raise ShardFault(folder, f"{fact} (no {INDEX})", "run `tenfold augment` first") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ShardFault(path, f"cannot be read ({error})", AGAIN) from None
    found = index.get("schema") if isinstance(index, dict) else None
    if found != SCHEMA:
        raise ShardFault(path, f"has schema {found}, this code reads {SCHEMA}", AGAIN)
    return index


@dataclass(frozen=True)
class ShardSet:
    """A finished set, opened and checked."""
    folder: Path
    index: dict

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.index["classes"])

    @property
    def row_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return (*self.index["canvas"], self.index["channels"])

    @cached_property
    def recipe(self) -> Recipe:
        return make_recipe(self.index["recipe"], str(self.folder / INDEX))

    def rows(self, split: str) -> int:
        return self.index["rows"][split]

    def shards(self, split: str) -> list[Shard]:
        """The split's files in their order, opened one by one and closed again."""
        ends = len(self.classes), len(self.index["sources"])
        return [open_shard(self.folder / s["name"], s["rows"], split, self.row_shape, ends)
                for s in self.index["shards"] if s["split"] == split]

    def class_counts(self, split: str) -> np.ndarray:
        """int64 (classes,): rows of each class."""
        return sum((np.bincount(shard.labels, minlength=len(self.classes)) for shard in self.shards(split)),
                   np.zeros(len(self.classes), np.int64))

    def source_path(self, source: int) -> str:
        return self.index["sources"][source]["path"]


def open_set(folder) -> ShardSet:
    """Open shards/<name>: every file is there, as long as it was and, the first time, byte for byte
    what was written. ShardFault names the file that is not."""
    folder = Path(folder)
    index = read_index(folder)
    try:
        for key, kind in _KINDS.items():
            if not isinstance(index[key], kind):
                raise TypeError(f"{key} is {index[key]!r}"[:80])
        bad = [s for s in index["shards"] if not SHARD_NAME.fullmatch(s["name"]) or not isinstance(s["sha256"], str)
               or type(s["bytes"]) is not int or type(s["rows"]) is not int]
        rows = {split: sum(s["rows"] for s in index["shards"] if s["split"] == split) for split in SPLITS}
    except (KeyError, TypeError) as error:
        raise ShardFault(folder / INDEX, f"is damaged ({error!r})", AGAIN) from None
    if bad or rows != index["rows"]:
        raise ShardFault(folder / INDEX, "is damaged (its list of shards does not add up)", AGAIN)
    _verify(folder, index["shards"])
    return ShardSet(folder, index)


def _verify(folder: Path, shards: list[dict]) -> None:
    """Hash each file once; `.verified` remembers size and time of change of those that were right."""
    marker = folder / ".verified"
    try:
        known = dict(json.loads(marker.read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):
        known = {}
    seen = {}
    for shard in shards:
        path = folder / shard["name"]
        try:
            facts = path.stat()
        except OSError:
            raise ShardFault(path, "is missing", AGAIN) from None
        if facts.st_size != shard["bytes"]:
            raise ShardFault(path, f"has {facts.st_size} bytes, {shard['bytes']} were written",
                             f"it is truncated or foreign: {AGAIN}")
        state = [shard["sha256"], facts.st_size, facts.st_mtime_ns]
        if known.get(shard["name"]) != state and file_sha256(path) != shard["sha256"]:
            raise ShardFault(path, "is not what was written (its hash differs)", f"remove it and {AGAIN}")
        seen[shard["name"]] = state
    if seen != known:
        with contextlib.suppress(OSError, UserFault), publish(marker) as temporary:   # a read-only set is fine
            temporary.write_text(json.dumps(seen))
