"""Encode the columns of sources.h5, and write the file."""

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tenfold.data.files import publish
from tenfold.data.process import undisturbed
from tenfold.data.schema import PATH_BYTES, SET_SCHEMA, SOURCE_COLUMNS, SOURCES, SPLITS

_TOGETHER = 4096             # paths that are encoded at once


def encode_columns(columns: Mapping) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, column as it is stored) for all columns of sources.h5.

    columns: "path" (n strings) and, if known, "label", "split" (names of splits, "" for none), "digest" and
    "fingerprint" (hexadecimal digits, "" if unknown, or bytes as uint8 (n, …)) and other names of SOURCE_COLUMNS. That
    table says which value is stored for an unknown one.
    """
    unknown = set(columns) - set(SOURCE_COLUMNS) - {"path"}
    assert not unknown, f"sources.h5 has no column {unknown}"
    paths, text = columns["path"], bytearray()
    ends = np.empty(len(paths), np.int64)
    for first in range(0, len(paths), _TOGETHER):
        encoded = [path.encode("utf-8", "surrogateescape") for path in paths[first:first + _TOGETHER]]
        ends[first:first + _TOGETHER] = len(text) + np.cumsum([len(path) for path in encoded])
        text += b"".join(encoded)
    for name, (dtype, shape, unknown_value) in SOURCE_COLUMNS.items():
        given = ends if name == "path_end" else columns.get(name)
        if given is None:
            yield name, np.full((len(paths), *shape), unknown_value, dtype)
        else:
            yield name, np.asarray(_as_numbers(name, given), dtype).reshape(len(paths), *shape)
    yield PATH_BYTES, np.frombuffer(text, np.uint8)


def _as_numbers(name: str, given: Any) -> Any:
    """Convert names of splits and hexadecimal digits to numbers; return other columns as they are."""
    if name == "split":
        names, number = np.asarray(given, "<U5"), np.full(len(given), -1, np.int8)
        for i, split in enumerate(SPLITS):
            number[names == split] = i
        return number
    if name in ("digest", "fingerprint") and not isinstance(given, np.ndarray):
        width, = SOURCE_COLUMNS[name][1]
        return np.frombuffer(bytes.fromhex("".join(digits or "00" * width for digits in given)), np.uint8)
    return given


def write_source_table(folder: Path, columns: Mapping) -> dict:
    """Write sources.h5 whole or not at all; columns as `encode_columns` takes them.

    Returns {"rows", "bytes", "sha256"}, for dataset.json. MachineFault: disk full, no permission.
    """
    with publish(Path(folder) / SOURCES) as temporary, _ErrorKeepingFile(temporary, "w+b") as held:
        with undisturbed(), h5py.File(held, "w") as f:           # HDF5 goes on after an exception in what it calls
            f.attrs["schema"] = SET_SCHEMA
            for name, column in encode_columns(columns):
                f.create_dataset(name, data=column)
        if held.fault:
            raise held.fault
        size = held.seek(0, io.SEEK_END)
        held.seek(0)
        digest = hashlib.file_digest(held, "sha256")
    return {"rows": len(columns["path"]), "bytes": size, "sha256": digest.hexdigest()}


class _ErrorKeepingFile(io.FileIO):
    """A file for HDF5 to write to. It keeps an error (such as a full disk) instead of raising it: HDF5 would crash."""
    fault: OSError | None = None                 # the first error

    def write(self, data: Any) -> int:
        """Write all of `data`, or keep the error."""
        left = memoryview(data).cast("B")
        size = left.nbytes
        try:
            while left:
                left = left[super().write(left):]
        except OSError as error:
            self.fault = self.fault or error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Change the size of the file, or keep the error."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.fault = self.fault or error
            return size or 0
