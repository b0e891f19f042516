"""Read sources.h5: what is known of each source image of a set, in columns. A column is read when it is first needed.

So a set of a million sources opens in milliseconds: only headers are read then. `schema.SOURCE_COLUMNS` lists the
columns.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from tenfold.data.errors import AUGMENT_AGAIN, ShardFault, unreadable
from tenfold.data.files import open_file
from tenfold.data.schema import PATH_BYTES, SET_SCHEMA, SOURCE_COLUMNS, SOURCES, SPLITS
from tenfold.data.shard import damaged, open_hdf5, own_dataset, schema_of
from tenfold.data.source_columns import encode_columns

_INK = {"pen": "pen", "lost_components": "lost_components", "lost_share": "lost_share", "edges": "edges",
        "share": "ink_share", "dark_ink": "dark_ink"}        # name in a row's "ink" -> column


@dataclass(frozen=True)
class SourceTable:
    """One row for each source image, as columns; `column(name)` reads one."""
    rows: int
    _load: Callable[[str], np.ndarray]
    _known: dict[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, columns: Mapping) -> "SourceTable":
        """Make a table in memory. columns: as `encode_columns` takes them."""
        return cls(len(columns["path"]), dict(encode_columns(columns)).__getitem__)

    def __len__(self) -> int:
        return self.rows

    def column(self, name: str) -> np.ndarray:
        """Return a column of SOURCE_COLUMNS, or `path_bytes`. ShardFault: it is damaged."""
        if name not in self._known:
            self._known[name] = self._load(name)
        return self._known[name]

    def path(self, row: int) -> str:
        """Return the path of a source image, relative to the folder of the images; "x[12]" in an arrays file."""
        return self.paths([row])[0]

    def paths(self, rows: Iterable[int] | None = None) -> list[str]:
        """Return the paths of some rows, or of all."""
        ends, text = self.column("path_end"), self.column(PATH_BYTES).data
        numbers = range(self.rows) if rows is None else [int(row) for row in rows]
        return [str(text[ends[row - 1] if row else 0:ends[row]], "utf-8", "surrogateescape") for row in numbers]

    def split_names(self) -> list[str]:
        """Return the split of each source: "train", "val", "test", or "" for none."""
        names = (*SPLITS, "")                    # -1 is the last one
        return [names[number] for number in self.column("split").tolist()]

    def in_split(self, split: str) -> np.ndarray:
        """Return which sources are in a split: bool (rows,)."""
        return self.column("split") == SPLITS.index(split)

    def ink(self) -> Iterator[dict | None]:
        """Yield what is known about the ink of each source; None if no ink was looked for."""
        columns = [self.column(name).tolist() for name in _INK.values()]
        for pen, *more in zip(*columns, strict=True):
            yield dict(zip(_INK, (pen, *more), strict=True)) if pen else None

    def row(self, number: int) -> dict:
        """Return all that is known of one source, as plain values; it has "ink" only if ink was looked for."""
        def value(name):
            return self.column(name)[number].tolist()

        def digits(name):
            data = self.column(name)[number].tobytes()
            return data.hex() if any(data) else ""
        values = {"path": self.path(number), "label": value("label"), "split": (*SPLITS, "")[value("split")],
                  "digest": digits("digest"), "size": value("size"), "fingerprint": digits("fingerprint"),
                  "spread": value("spread")}
        return values | ({"ink": {key: value(name) for key, name in _INK.items()}} if value("pen") else {})


def read_source_table(folder: Path) -> SourceTable:
    """Open sources.h5 in `folder`; only its headers are read. ShardFault: missing, damaged or foreign."""
    path = Path(folder) / SOURCES
    try:
        with open_hdf5(path) as f:
            if (schema := schema_of(f)) != SET_SCHEMA:
                raise damaged(path, f"has schema {schema}, this code reads {SET_SCHEMA}")
            rows = own_dataset(f, "label", path).shape[0]
            shapes = {name: (dtype, (rows, *shape)) for name, (dtype, shape, _) in SOURCE_COLUMNS.items()}
            text = own_dataset(f, PATH_BYTES, path).size
            places = {name: _place(f, path, name, dtype, shape)
                      for name, (dtype, shape) in (shapes | {PATH_BYTES: ("|u1", (text,))}).items()}
    except FileNotFoundError:
        raise ShardFault(path, "is missing", AUGMENT_AGAIN) from None
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, IndexError) as error:
        raise unreadable(error, path) or damaged(path, f"cannot be read ({error})") from None
    whole = path.absolute()                      # a column may be read after the current folder has changed
    return SourceTable(rows, lambda name: _read(whole, name, places))


@dataclass(frozen=True)
class _Place:
    """Where a column is stored in the file."""
    offset: int
    dtype: np.dtype
    shape: tuple[int, ...]


def _place(f: h5py.File, path: Path, name: str, dtype: str, shape: tuple[int, ...]) -> _Place:
    """Locate a column. ShardFault: it has another type or shape, or the file is too short to hold it."""
    column = own_dataset(f, name, path)
    if column.dtype != np.dtype(dtype) or column.shape != shape or column.chunks is not None:
        raise damaged(path, f"holds {name} {column.dtype} {column.shape}, not {np.dtype(dtype)} {shape}")
    offset = column.id.get_offset() or 0
    if column.size and not 0 < offset <= path.stat().st_size - column.nbytes:
        raise damaged(path, f"is too short to hold its {name}")
    return _Place(offset, column.dtype, shape)


def _read(path: Path, name: str, places: dict[str, _Place]) -> np.ndarray:
    """Read a column. ShardFault: the file has changed since it was opened, or its values make no sense."""
    place = places[name]
    try:
        with open_file(path) as f:
            values = np.fromfile(f, place.dtype, int(np.prod(place.shape)), offset=place.offset).reshape(place.shape)
    except FileNotFoundError:
        raise ShardFault(path, "is missing", AUGMENT_AGAIN) from None
    except (OSError, ValueError) as error:
        raise unreadable(error, path) or damaged(path, f"cannot be read ({error})") from None
    wrong = {"split": lambda: ((values < -1) | (values >= len(SPLITS))).any(), "label": lambda: (values < 0).any(),
             "path_end": lambda: (np.diff(values, prepend=0) < 0).any()
             or (values[-1:] != places[PATH_BYTES].shape[0]).any()}.get(name)
    if wrong and wrong():
        raise damaged(path, f"holds a {name} that makes no sense")
    return values
