"""Open an .npz file of pictures and labels as a Source.

Pictures are uint8 (n, H, W) or (n, H, W, C); labels are whole numbers (n,) or (n, 1), one-hot rows (n, k), or class
names. Their names: `x` and `y`, `images` and `labels`, `data` and `targets`, …; by official splits `x_train`,
`y_train`, `x_test`, `test_images`, …. Optional: `classes` (k,) names, `split` (n,) words, `groups` (n,).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tenfold.data.memory import check_room
from tenfold.data.sources.array_labels import bytes_of_rows, read_labels, text
from tenfold.data.sources.array_roles import find_roles, pair_arrays
from tenfold.data.sources.columns import Runs
from tenfold.data.sources.npz import Npz
from tenfold.data.sources.npz_pictures import Arrays, Members
from tenfold.data.sources.source import Layout, Source
from tenfold.data.sources.split_names import SPLIT_WORDS, bare_split
from tenfold.data.wording import counted, readable, some

LISTED = 500                 # bytes of memory for the listing of an image
_CURES = {                   # advice for pixels that are not uint8, by the kind of their dtype
    "f": "save (x * 255).astype(numpy.uint8) if they lie in 0..1, x.astype(numpy.uint8) if in 0..255",
    "u": "save (x >> 8).astype(numpy.uint8) if all 16 bits are used, x.astype(numpy.uint8) if they lie in 0..255",
    "i": "save x.astype(numpy.uint8) if they lie in 0..255",
    "b": "save x.astype(numpy.uint8) * 255",
}


@dataclass(frozen=True)
class Pair:
    """The pictures and the labels of one split."""
    split: str | None              # "train", "val", "test"; None: the whole set
    pixels: Arrays
    labels: str                    # name of the array

    def __len__(self):
        return self.pixels.shape[0]


def open_arrays(path: Path) -> Source:
    """Open an .npz of pictures and labels. SourceFault: it says what is wrong, and which arrays were found."""
    held = Npz(path)
    roles = find_roles(held)
    named, unused = pair_arrays(held, roles)
    empty = {split: named.pop(split) for split in ("val", "test") if _is_empty(held, named.get(split, ()))}
    pairs = [Pair(split, _pixels(held, x), y) for split, (x, y) in named.items()]
    total = sum(map(len, pairs))
    if not total:
        raise held.fault("holds no image", "give at least two classes of them")
    check_room(path, LISTED * total, f"to list its {total:,} images", "free some memory")
    classes, labels, notes = read_labels(held, [(pair.labels, len(pair)) for pair in pairs],
                                         roles.get(("classes", None)))
    official: Sequence[str | None] = Runs(tuple((pair.split, len(pair)) for pair in pairs))
    splits = {pair.split: [pair.pixels.key] for pair in pairs if pair.split}
    split_key = None if splits else roles.get(("split", None))
    if split_key:
        official = _official(held, split_key, total)
        splits = {split: [split_key] for split in SPLIT_WORDS if split in official}
    groups, group_keys = _groups(held, roles, pairs)
    layout = Layout("arrays", splits, total, unused=unused)
    used = {split_key, roles.get(("classes", None)), *unused, *group_keys} | {
        key for pair in pairs for key in (pair.pixels.key, pair.labels)} | {
        key for split, keys in empty.items() for key in (*keys, roles.get(("groups", split)))}
    notes += [f"{x}: 0 images, so {split} is taken from train" for split, (x, _) in empty.items()]
    facts = path.stat()
    paths = Runs(tuple((pair.pixels.key, len(pair)) for pair in pairs), numbered=True)
    return Source(path, classes, paths, labels, official, Runs((((facts.st_size, facts.st_mtime_ns), total),)), layout,
                  _notes(held, pairs, classes, layout, [*notes, *_left_out(held, used)]),
                  pairs[0].pixels if len(pairs) == 1 else Members(tuple(pair.pixels for pair in pairs)), groups)


def _is_empty(held: Npz, keys: Sequence[str]) -> bool:
    """Return whether these arrays, of pictures and labels, have no row."""
    return bool(keys) and all(held.members[key].shape[:1] == (0,) for key in keys)


def _pixels(held: Npz, key: str) -> Arrays:
    """Locate the pictures of the array `key`. SourceFault: it holds no pictures; the message says how to convert it."""
    member = held.members[key]
    shape = member.shape
    ours = f"give {key} as uint8 (n, H, W) or (n, H, W, C) with C 1, 3 or 4"
    as_bytes = _CURES.get(member.dtype.kind, ours).replace("x.", f"{key}.").replace("(x ", f"({key} ")
    if len(shape) == 4 and shape[3] not in (1, 3, 4) and shape[1] in (1, 3, 4):
        raise held.fault(f"{key} is {member}: channels come first", f"save {key}.transpose(0, 2, 3, 1)" +
                         (f", and {as_bytes}" if member.dtype != np.uint8 else ""))
    if len(shape) == 2 and shape[1]:
        side = round(max(shape[1], 0) ** 0.5)
        raise held.fault(f"{key} is {member}: one long row for each picture", f"save {key}.reshape(-1, {side}, {side})"
                         if side * side == shape[1] else ours)
    if len(shape) not in (3, 4) or (*shape, 1)[3] not in (1, 3, 4) or min(shape[1:]) < 1 or shape[0] < 0:
        raise held.fault(f"{key} is {member}", ours)
    if member.dtype != np.uint8:
        raise held.fault(f"{key} is {member}, where uint8 is wanted", as_bytes)
    if member.fortran:
        raise held.fault(f"{key} is in Fortran order", f"save numpy.ascontiguousarray({key})")
    return held.pixels(key)


def _official(held: Npz, key: str, n: int) -> list[str]:
    """Return the split of each picture, from the words in the array `key`."""
    words = text(held.read(key, bytes_of_rows(n))).tolist()
    if len(words) != n:
        raise held.fault(f"there are {n} images, {key} has {len(words)}", "give train, val or test for each")
    splits = {word: split for word in set(words) if (split := bare_split(word))}
    strange = sorted(set(words) - set(splits))
    if strange:
        raise held.fault(f"{key} holds {strange[0][:40]!r}", "write train, val or test")
    return [splits[word] for word in words]


def _groups(held: Npz, roles: dict, pairs: list[Pair]) -> tuple[list[str] | None, set[str]]:
    """Return (the group of each picture, "" for those of a split without groups; the arrays of groups). None: none.

    An array `groups` without a split counts for all pictures, or for those of train if it is as long.
    """
    keys = {pair.split: roles[("groups", pair.split)] for pair in pairs if ("groups", pair.split) in roles}
    whole, total = roles.get(("groups", None)), sum(map(len, pairs))
    if whole and not keys:
        names = _group_names(held, whole, total)
        if len(names) == total:
            return names, {whole}
        keys = {pairs[0].split: whole}           # None or "train"
    groups: list[str] = []
    for pair in pairs:
        key = keys.get(pair.split)
        names = _group_names(held, key, len(pair)) if key else [""] * len(pair)
        if len(names) != len(pair):
            raise held.fault(f"{pair.pixels.key} has {len(pair)} images, and {key} {len(names)} groups",
                             "give one group a row, or leave groups out")
        groups += names
    return groups if keys else None, set(keys.values())


def _group_names(held: Npz, key: str, count: int) -> list[str]:
    """Return the group of each of `count` pictures, "" for NaN, which belongs to no group."""
    groups = held.read(key, bytes_of_rows(count))
    names = text(groups)
    return np.where(np.isnan(groups.ravel()), "", names).tolist() if groups.dtype.kind == "f" else names.tolist()


def _left_out(held: Npz, used: set[str | None]) -> list[str]:
    """Return the line that names the arrays that are not used, in a list, or []."""
    left = [f"{readable(key[:40])} {held.members[key]}" for key in held.members if key not in used]
    left += [f"{readable(key[:40])} (damaged)" for key in held.damaged]
    return [f"not read: {some(left)}"] if left else []


def _notes(held: Npz, pairs: list[Pair], classes, layout: Layout, notes: list[str]) -> list[str]:
    """Return the notes: first how the file was understood, then a line for everything else to know."""
    named = [f"{pair.pixels.key} and {pair.labels}" + (f" ({pair.split})" if pair.split else "") for pair in pairs]
    official = "" if not layout.splits else f", splits by {next(iter(layout.splits.values()))[0]}" \
        if pairs[0].split is None else f", official split{'s' if len(pairs) > 1 else ''}"
    line = f"{len(classes)} classes ({some(map(readable, classes))}) in {some(named, last=', ')}{official}; " \
           f"{counted(layout.images, 'image')}"
    notes = [*notes, *(f"{x}: {counted(n, 'image')} without labels are not used" for x, n in layout.unused.items())]
    return [f"{held.path}: {note}" for note in (line, *notes)]
