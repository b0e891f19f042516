"""Open each kind of file as the commands do, and return all that is read of it, to be compared."""

import contextlib
import hashlib
import io
from pathlib import Path
from typing import Any


def _digest(*parts: Any) -> str:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part if isinstance(part, (bytes, memoryview)) else repr(part).encode())
    return sha.hexdigest()


def _plain(value: Any) -> Any:
    """A checkpoint's content with tensors as bytes, to be compared."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if hasattr(value, "numpy"):
        return (str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes())
    return repr(value)


def model_content(path: Path) -> Any:
    """Return what a command reads of a model, as plain values."""
    from tenfold.train.model_file import Model
    model = Model.open(path, "cpu")
    return _plain({"weights": dict(model.network.state_dict()), **model.content})


def last_content(path: Path) -> Any:
    """Return what a resumed run reads of its last.pth, as plain values."""
    from tenfold.train.run.checkpoint import load
    return _plain(load(path))


def set_content(folder: Path) -> Any:
    """All that is read of a set: dataset.json, every column of sources.h5, every row of every shard."""
    import numpy as np

    from tenfold.data.schema import PATH_BYTES, SOURCE_COLUMNS, SPLITS
    from tenfold.data.shardset import open_set
    from tenfold.train.batches.reading import Reader
    shards = open_set(folder)
    parts: list[Any] = [sorted(shards.index.items()), shards.recipe]
    parts += [shards.sources.column(name).tobytes() for name in (*SOURCE_COLUMNS, PATH_BYTES)]
    for split in SPLITS:
        files = shards.shards(split)
        parts += [(file.labels.tobytes(), file.sources.tobytes()) for file in files]
        reader = Reader(files)
        try:
            for number, file in enumerate(files):
                rows = np.empty((file.rows, *shards.row_shape), np.uint8)
                reader.read(number, 0, rows)
                parts.append(rows.tobytes())
        finally:
            reader.close()
    return _digest(*parts)


def built(recipe: Path, source: Path, out: Path) -> Any:
    """The content of the set in `out` after `augment` was run on it again."""
    from tenfold.data.recipe import read_recipe
    from tenfold.data.sources.opening import open_source
    from tenfold.preprocess import pipeline
    with contextlib.redirect_stdout(io.StringIO()):
        pipeline.augment(read_recipe(str(recipe), []), open_source(source), out, 1)
    return set_content(out)


def npz_content(path: Path) -> Any:
    """Labels, classes and pixels of an arrays file, as a build reads them."""
    from tenfold.data.sources.opening import open_source
    source = open_source(path)
    reader = source.reader(path.parent)
    if any("not read:" in note for note in source.notes):        # people are told
        print("note: ", *source.notes)
    return _digest(source.labels.tobytes(), source.classes, source.official,
                   *(reader.read(row, name).tobytes() for row, name in enumerate(source.paths)))   # type: ignore
