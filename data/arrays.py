"""An .npz of pictures and labels -> a Source.

Pictures are uint8 (n, H, W) or (n, H, W, C); labels are whole numbers (n,) or (n, 1), one-hot rows (n, k), or class
names. Their names: `x` and `y`, `images` and `labels`, `data` and `targets`, …; by official parts `x_train`, `y_train`,
`x_test`, `test_images`, …. Optional: `classes` (k,) names, `split` (n,) words, `groups` (n,).
"""

import re
from pathlib import Path

import numpy as np

from data.command import readable
from data.labelled import Layout, Source
from data.labels import read_labels, text
from data.names import some
from data.npz import SAVE, Arrays, Members, Npz
from data.parts import FILLERS, split_named, words_of

# role -> names of it, the first before the next where a file holds several
_ROLES = {
    "pixels": ("x", "images", "image", "data", "imgs", "img", "pixels", "pictures", "features"),
    "labels": ("y", "labels", "label", "targets", "target"),
    "classes": ("classes", "class_names", "classnames", "label_names", "target_names", "names", "categories"),
    "split": ("split", "splits", "subset", "partition"),
    "groups": ("groups", "group"),
}
_ROLE = {name: role for role, names in _ROLES.items() for name in names}
_SHORT = {"tr": "train", "te": "test", "ts": "test"}       # x_tr: for arrays only, a folder of that name may be a class
_CURES = {                   # of pixels that are no uint8, by the kind of their dtype
    "f": "save (x * 255).astype(numpy.uint8) if they lie in 0..1, x.astype(numpy.uint8) if in 0..255",
    "u": "save (x >> 8).astype(numpy.uint8) if all 16 bits are used, x.astype(numpy.uint8) if they lie in 0..255",
    "i": "save x.astype(numpy.uint8) if they lie in 0..255",
    "b": "save x.astype(numpy.uint8) * 255",
}


def open_arrays(path: Path) -> Source:
    """The pictures of an .npz. SourceFault: what is wrong, and which arrays were found."""
    held = Npz(path)
    roles = _roles(held)
    pairs, unused = _pairs(held, roles)
    pixels = [_pixels(held, key) for key, _ in pairs.values()]
    numbers = [part.shape[0] for part in pixels]
    if not sum(numbers):
        raise held.fault("holds no image", "give at least two classes of them")
    classes, labels, notes = read_labels(held, [(y, n) for (_, y), n in zip(pairs.values(), numbers, strict=True)],
                                         roles.get(("classes", None)))
    official = [part for part, n in zip(pairs, numbers, strict=True) for _ in range(n)]
    if ("split", None) in roles and len(pairs) == 1 and None in pairs:
        official = _split(held, roles["split", None], numbers[0])
    groups = _groups(held, roles, dict(zip(pairs, numbers, strict=True)))
    facts = path.stat()
    parts = {part: [x for p, (x, _) in pairs.items() if p == part] for part in pairs if part} or \
        {part: [roles["split", None]] for part in ("train", "val", "test") if part in official}
    layout = Layout("arrays", parts, sum(numbers), unused=unused)
    used = {key for pair in pairs.values() for key in pair} | {roles[role] for role in roles if role[0] in
                                                               ("classes", "split", "groups")} | set(unused)
    return Source(path, classes, [f"{x}[{i}]" for (x, _), n in zip(pairs.values(), numbers, strict=True)
                                  for i in range(n)],
                  labels, official, [(facts.st_size, facts.st_mtime_ns)] * sum(numbers), layout,
                  _remarks(held, pairs, classes, layout, [*notes, *_left_out(held, used)]),
                  pixels[0] if len(pixels) == 1 else Members(tuple(pixels)), groups)


def _role(key: str) -> tuple[str, str | None] | None:
    """(role, part or None) that an array's name tells: "X_train" -> ("pixels", "train"); None: no such role."""
    words = words_of(key)
    if "_".join(words) in _ROLE:
        return _ROLE["_".join(words)], None
    if len(words) == 1:                                            # xtrain, testy
        glued = re.fullmatch(r"([xy])(.+)|(.+)([xy])", words[0])
        words = [word for word in glued.groups() if word] if glued else words
    parts = [split for word in words if (split := _SHORT.get(word) or split_named(word))]
    named = [word for word in words if word not in _SHORT and not split_named(word)]
    telling = [word for word in named if word not in FILLERS] or [word for word in named if word in _ROLE][:1]
    roles = {_ROLE.get(word) for word in telling}                  # one of "y_train_labels", though of two words
    if len(roles) != 1 or None in roles or len(parts) > 1:
        return None
    return roles.pop(), parts[0] if parts else None


def _roles(held: Npz) -> dict[tuple[str, str | None], str]:
    """{(role, part or None): the array that has it}; the first of `_ROLES` where several could."""
    found = {}
    for key in held.members:
        role = _role(key)
        if role:
            found.setdefault(role, []).append(key)

    def place(role, key):
        names = _ROLES[role]
        word = key if key in names else next((w for w in words_of(key) if w in names), "")
        return key not in names, names.index(word) if word else len(names)
    return {role: min(keys, key=lambda key: place(role[0], key)) for role, keys in found.items()}


def _pairs(held: Npz, roles: dict) -> tuple[dict[str | None, tuple[str, str]], dict[str, int]]:
    """({part or None: (its pictures, its labels)}, {pictures without labels: how many})."""
    pictures = {part: key for (role, part), key in roles.items() if role == "pixels"}
    labels = {part: key for (role, part), key in roles.items() if role == "labels"}
    if None in pictures and len(pictures) > 1 and "train" not in pictures:       # x, y, x_test, y_test
        pictures["train"], labels["train"] = pictures.pop(None), labels.pop(None, None) or labels.get("train")
    elif None in pictures and len(pictures) > 1:
        pictures.pop(None)
    if not pictures:
        raise held.fault("names no array of images: x or images, or x_train, x_test", SAVE)
    pairs = {part: (pictures[part], labels[part]) for part in (None, "train", "val", "test")
             if part in pictures and labels.get(part)}
    if not pairs or ("train" in pictures and "train" not in pairs):
        lacking = pictures.get("train") or next(iter(pictures.values()))
        raise held.fault(f"names no labels for {lacking}: y or labels, or y_train, y_test", SAVE)
    paired = {x for x, _ in pairs.values()}
    unused = {x: int(held.members[x].shape[0]) for x in pictures.values()
              if x not in paired and held.members[x].shape}
    return pairs, unused


def _pixels(held: Npz, key: str) -> Arrays:
    """Where the pictures of `key` lie. SourceFault: they are none, and how to make them some."""
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


def _split(held: Npz, key: str, n: int) -> list[str]:
    """The part of each picture, from the words in `key`."""
    words = text(held.read(key)).tolist()
    if len(words) != n:
        raise held.fault(f"there are {n} images, {key} has {len(words)}", "give train, val or test for each")
    parts = {word: split_named(word) for word in set(words)}
    strange = sorted(word for word, part in parts.items() if not part)
    if strange:
        raise held.fault(f"{key} holds {strange[0][:40]!r}", "write train, val or test")
    return [parts[word] for word in words]


def _groups(held: Npz, roles: dict, numbers: dict) -> list[str] | None:
    """The group of each picture, where the file names them."""
    if not any((("groups", part) in roles) for part in numbers):
        return None
    groups = []
    for part, n in numbers.items():
        key = roles.get(("groups", part))
        found = text(held.read(key)).tolist() if key else []
        if len(found) != n:
            raise held.fault(f"there are {n} images in {part or 'all'}, and {len(found)} groups of them",
                             "give one group a row, or leave groups out")
        groups += found
    return groups


def _left_out(held: Npz, used: set[str]) -> list[str]:
    """The line that names arrays which are not read."""
    left = [f"{readable(key[:40])} {held.members[key]}" for key in held.members if key not in used]
    left += [f"{readable(key[:40])} (damaged)" for key in held.damaged]
    return [f"not read: {some(left)}"] if left else []


def _remarks(held: Npz, pairs: dict, classes, layout: Layout, notes: list[str]) -> list[str]:
    """The line that says how the file was understood, then a line for each thing to know."""
    named = [f"{x} and {y}" + (f" ({part})" if part else "") for part, (x, y) in pairs.items()]
    official = "" if not layout.parts else ", official parts" if len(pairs) > 1 else \
        f", parts by {next(iter(layout.parts.values()))[0]}" if None in pairs else ""
    line = f"{len(classes)} classes ({some(map(readable, classes))}) in {some(named, last=', ')}{official}; " \
           f"{layout.images} images"
    notes = [*notes, *(f"{x}: {n} images without labels are not used" for x, n in layout.unused.items())]
    return [f"{held.path}: {text}" for text in (line, *notes)]
