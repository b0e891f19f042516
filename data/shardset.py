"""A set of shards: its dataset.json and sources.h5, and what is checked when it is opened."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tenfold.data.digests import CHECKSUM, DIFFERS, DigestError, read_json, write_json
from tenfold.data.errors import AUGMENT_AGAIN, ShardFault, UserFault, unreadable
from tenfold.data.fields import misfit
from tenfold.data.recipe import Recipe, make_recipe, renewed
from tenfold.data.schema import INDEX, INDEX_FIELDS, SET_SCHEMA, SHARD_NAME, SOURCES, SPLITS
from tenfold.data.shard import Shard, open_shard
from tenfold.data.source_table import SourceTable, read_source_table
from tenfold.data.verified import check_files


def write_index(folder: Path, index: dict) -> None:
    """Write dataset.json, the last file of a set: without it the set is not finished."""
    write_json(folder / INDEX, index)


def read_index(folder: str | Path) -> dict:
    """Read dataset.json. ShardFault: missing (the set is not finished), damaged, of another schema."""
    path = Path(folder) / INDEX
    try:
        index = read_json(path)
    except FileNotFoundError:
        fact = "holds an unfinished set" if Path(folder).is_dir() else "does not exist"
        raise ShardFault(folder, f"{fact} (no {INDEX})", "run `tenfold augment` first, or name the folder "
                         "of the shards") from None
    except DigestError:
        raise ShardFault(path, DIFFERS, AUGMENT_AGAIN) from None
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(error, path) or ShardFault(
            path, f"cannot be read ({getattr(error, 'strerror', None) or error})", AUGMENT_AGAIN) from None
    schema = index.get("schema") if isinstance(index, dict) else None
    if schema != SET_SCHEMA:
        raise ShardFault(path, f"has schema {schema}, this code reads {SET_SCHEMA}", AUGMENT_AGAIN)
    fact = misfit(index, INDEX_FIELDS) or _disagreement(index)
    if fact:
        raise ShardFault(path, f"is damaged ({fact})", AUGMENT_AGAIN)
    return index


def _disagreement(index: dict) -> str:
    """Say what does not fit together in a dataset.json whose fields have the right kinds; "" if all fits."""
    rows = {split: sum(s["rows"] for s in index["shards"] if s["split"] == split) for split in SPLITS}
    names = [shard["name"] for shard in index["shards"]]
    counts = index.get("class_counts", {}).values()
    if rows != index["rows"] or len(set(names)) < len(names):
        return "its list of shards does not add up"
    if not all(SHARD_NAME.fullmatch(s["name"]) and s["name"].startswith(s["split"]) for s in index["shards"]):
        return "a shard's name does not fit its split"
    if not index["classes"] or len(set(index["classes"])) < len(index["classes"]):
        return "it names no classes, or one twice"
    if any(len(of_split) != len(index["classes"]) for of_split in counts):
        return "class_counts does not fit the classes"
    channels = {len(index["mean"]), len(index["std"])}
    return "mean and std do not fit the channels" if not channels <= {0, index["channels"]} else ""


@dataclass(frozen=True)
class ShardSet:
    """A finished set, opened and checked."""
    folder: Path
    index: dict                  # the content of dataset.json
    sources: SourceTable         # a row for each source image; `Shard.sources` holds row numbers of it
    given: Path | None = None    # the folder as people are shown it, where that is not `folder`

    def lasting(self) -> "ShardSet":
        """Return the set with an absolute path, so that it can be used after the current folder has changed."""
        return replace(self, folder=self.folder.absolute(), given=self.shown)

    @property
    def shown(self) -> Path:
        """The folder as it was given, for messages."""
        return self.given or self.folder

    def __repr__(self) -> str:
        rows = ", ".join(f"{self.rows(split)} {split}" for split in SPLITS)
        return f"ShardSet('{self.shown}', {len(self.classes)} classes, {rows} rows)"

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names; a label is an index into them."""
        return tuple(self.index["classes"])

    @property
    def row_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return (*self.index["canvas"], self.index["channels"])

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe by which the set was made."""
        return make_recipe(renewed(self.index["recipe"]), str(self.shown / INDEX))

    def rows(self, split: str) -> int:
        """Return how many rows a split has."""
        return self.index["rows"][split]

    def shards(self, split: str) -> list[Shard]:
        """Return the shards of a split in order; each file is opened, checked and closed."""
        ends = len(self.classes), len(self.sources)
        return [open_shard(self.folder / s["name"], s["rows"], self.row_shape, ends)
                for s in self.index["shards"] if s["split"] == split]

    def class_counts(self, split: str) -> np.ndarray:
        """Return the rows of each class in a split, int64 (classes,)."""
        return sum((np.bincount(shard.labels, minlength=len(self.classes)) for shard in self.shards(split)),
                   np.zeros(len(self.classes), np.int64))


def open_set(folder: str | Path, verify: bool = False) -> ShardSet:
    """Open shards/<name>, after checking that every file exists and holds what was written.

    Files are hashed the first time, and again if the file system says that they changed or were replaced; with
    `verify`, all of them. ShardFault names the file that is not what was written. Prints a note if dataset.json has no
    checksum (older versions wrote none).
    """
    folder = Path(folder)
    index, faults = check_set(folder, verify)
    if faults:
        raise faults[0]
    if CHECKSUM not in index:
        print(f"note: {folder / INDEX} is of an older version: it lacks a checksum and the version of its pixels; "
              f"{AUGMENT_AGAIN} to add them")
    sources = read_source_table(folder)
    if len(sources) != index["sources"]["rows"]:
        raise ShardFault(folder / SOURCES, f"has {len(sources)} rows, {INDEX} says {index['sources']['rows']}",
                         AUGMENT_AGAIN)
    return ShardSet(folder, index, sources)


def check_set(folder: Path, verify: bool) -> tuple[dict, list[UserFault]]:
    """Read dataset.json and check the files that it names. verify: also those that were checked before.

    Returns (dataset.json, a fault for each file that is not what was written). ShardFault: there is no finished set,
    or dataset.json itself is damaged.
    """
    index = read_index(folder)
    return index, check_files(folder, [*index["shards"], index["sources"] | {"name": SOURCES}], verify)
