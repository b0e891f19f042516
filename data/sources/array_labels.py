"""Read the labels of an arrays file, in any usual form, as class names and whole numbers from 0."""

from collections import Counter

import numpy as np

from tenfold.data.sources.class_names import one_spelling
from tenfold.data.sources.npz import Npz
from tenfold.data.wording import some

_MOST = 2**53                # a float holds every whole number up to here
_CLASSES = 64 << 20          # bytes of the names of all classes, at most
_ROW = 1 << 16               # bytes of one image's label (it may be one-hot) or group name, at most
_EACH = "give each label a name of its own in classes"


def bytes_of_rows(n: int) -> int:
    """Return how many bytes an array with a row for each of n images may have at most."""
    return _ROW * n + (1 << 20)


def text(array: np.ndarray) -> np.ndarray:
    """Convert an array of strings, bytes or numbers to (n,) strings. Bytes that are not UTF-8 are kept, as in paths."""
    return (np.char.decode(array, "utf-8", "surrogateescape") if array.dtype.kind == "S" else array.astype(str)).ravel()


def read_labels(held: Npz, keys: list[tuple[str, int]], classes_key: str | None
                ) -> tuple[tuple[str, ...], np.ndarray, list[str]]:
    """Return (class names, labels of all splits as int64 (n,), notes).

    keys: (array of labels, number of images) of each split. classes_key: the array of class names, if there is one.
    SourceFault: the labels do not fit the images or the names.
    """
    names = None
    if classes_key is not None:
        names = [one_spelling(name) for name in text(held.read(classes_key, _CLASSES)).tolist()]
    if names is not None and len(set(names)) != len(names):
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        raise held.fault(f"{classes_key} names {some(map(repr, twice), 3) or 'a class'} twice", _EACH)
    read = [_numbers_or_names(held, key, n) for key, n in keys]
    columns, wide = [column for column, _ in read], max(wide for _, wide in read)
    texts = {column.dtype.kind == "U" for column in columns}
    if len(texts) > 1:
        raise held.fault(f"{' and '.join(key for key, _ in keys)} are numbers and names", "give one kind in all splits")
    key, y = keys[0][0], np.concatenate(columns)
    if True in texts:
        return _named(held, key, y, names)
    if wide and names is not None and len(names) != wide:
        raise held.fault(f"{key} has {wide} columns, {classes_key} names {len(names)}", "give a name for each column")
    if wide:
        return tuple(names or map(str, range(wide))), y, []
    return _numbered(held, key, y, names)


def _numbers_or_names(held: Npz, key: str, n: int) -> tuple[np.ndarray, int]:
    """Return (labels: int64 or str (n,), number of one-hot columns or 0)."""
    member = held.members[key]
    if member.shape[:1] != (n,) or len(member.shape) > 2:
        raise held.fault(f"there are {n} images, {key} is {member}", "give one label a row")
    raw = held.read(key, bytes_of_rows(n))
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]
    if raw.ndim == 2:
        return _one_hot(held, key, raw), raw.shape[1]
    if raw.dtype.kind in "US":
        return np.array([one_spelling(name) for name in text(raw).tolist()], str), 0
    if not (raw.dtype.kind in "iu" or (raw.dtype.kind == "f" and (np.isfinite(raw) & (raw == np.floor(raw))).all())):
        raise held.fault(f"{key} is {member}" + (", not all whole numbers" if raw.dtype.kind == "f" else ""),
                         f"give one whole number a row: {key}.astype(int)")
    if len(raw) and (raw.max() > _MOST or raw.min() < -_MOST):
        raise held.fault(f"{key} runs from {raw.min()} to {raw.max()}", _EACH)
    return raw.astype(np.int64), 0


def _one_hot(held: Npz, key: str, raw: np.ndarray) -> np.ndarray:
    """Return the column that is 1 in each row."""
    if raw.dtype.kind not in "iufb" or not raw.shape[1] or not (((raw == 0) | (raw == 1)).all()
                                                                and (raw.sum(1) == 1).all()):
        raise held.fault(f"{key} is {held.members[key]}, and not each row has exactly one 1",
                         "give one whole number a row: an image is of one class")
    return raw.argmax(1).astype(np.int64)


def _named(held: Npz, key: str, y: np.ndarray, names: list[str] | None):
    """Return (class names, labels, notes) of labels that are class names."""
    found = sorted(set(y.tolist()))
    strange = [name for name in found if names is not None and name not in set(names)]
    if strange:
        raise held.fault(f"{key} holds {some(map(repr, strange), 4)}, which classes does not name",
                         "give each class of y a name in classes, or leave classes out")
    classes = found if names is None else names
    number = {name: i for i, name in enumerate(classes)}
    return tuple(classes), np.array([number[name] for name in y.tolist()], np.int64), []


def _numbered(held: Npz, key: str, y: np.ndarray, names: list[str] | None):
    """Return (class names, labels, notes) of labels that are whole numbers, from 0 or, if that is certain, from 1."""
    least, most = int(y.min()), int(y.max())
    if names is None and least == 1 and most <= len(y):
        return tuple(map(str, range(1, most + 1))), y - 1, [
            f"{key} begins at 1, so the classes are called 1 to {most}; give classes=… to name them"]
    if names is not None and least >= 1 and most == len(names):
        return tuple(names), y - 1, [
            f"{key} begins at 1 and ends at {most}, so 1 is read as {names[0]!r}, the first of the {most} names"]
    if names is None and (least < 0 or most >= len(y)):          # not all of these numbers have an image
        raise held.fault(f"{key} runs from {least} to {most}, with {len(np.unique(y))} different labels", "number them "
                         f"from 0: numpy.unique({key}, return_inverse=True)[1]")
    names = [str(i) for i in range(most + 1)] if names is None else names
    if least < 0 or most >= len(names):
        raise held.fault(f"{key} runs from {least} to {most}, there are {len(names)} names of classes", _EACH)
    return tuple(names), y, []
