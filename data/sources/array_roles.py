"""Tell from the names of the arrays in an .npz which are pictures, labels, class names, splits and groups."""

import re

from tenfold.data.sources.npz import SAVE, Npz
from tenfold.data.sources.split_names import FILLERS, bare_split, words_of

# role -> usual names of such an array; if a file has several, the name that comes first here counts
_ROLES = {
    "pixels": ("x", "images", "image", "data", "imgs", "img", "pixels", "pictures", "features"),
    "labels": ("y", "labels", "label", "targets", "target"),
    "classes": ("classes", "class_names", "classnames", "label_names", "target_names", "names", "categories"),
    "split": ("split", "splits", "subset", "partition"),
    "groups": ("groups", "group"),
}
_ROLE = {name: role for role, names in _ROLES.items() for name in names}
_SHORT = {"tr": "train", "te": "test", "ts": "test"}       # as in x_tr; for arrays only: a folder "tr" may be a class


def _role(key: str) -> tuple[str, str | None] | None:
    """Return (role, split or None) from the name of an array: "X_train" -> ("pixels", "train"); None: it has none."""
    words = words_of(key)
    if "_".join(words) in _ROLE:
        return _ROLE["_".join(words)], None
    if len(words) == 1:                                            # xtrain, testy
        glued = re.fullmatch(r"([xy])(.+)|(.+)([xy])", words[0])
        words = [word for word in glued.groups() if word] if glued else words
    splits = [split for word in words if (split := _SHORT.get(word) or bare_split(word))]
    named = [word for word in words if word not in _SHORT and not bare_split(word)]
    telling = [word for word in named if word not in FILLERS] or [word for word in named if word in _ROLE][:1]
    roles = {_ROLE.get(word, "") for word in telling}              # one of "y_train_labels", though of two words
    if len(roles) != 1 or "" in roles or len(splits) > 1:
        return None
    return roles.pop(), splits[0] if splits else None


def find_roles(held: Npz) -> dict[tuple[str, str | None], str]:
    """Return {(role, split or None): name of the array}; of several arrays, the one whose name is first in `_ROLES`."""
    candidates: dict[tuple[str, str | None], list[str]] = {}
    for key in held.members:
        role = _role(key)
        if role:
            candidates.setdefault(role, []).append(key)

    def place(role, key):
        names = _ROLES[role]
        word = key if key in names else next((w for w in words_of(key) if w in names), "")
        return key not in names, names.index(word) if word else len(names)
    return {role: min(keys, key=lambda key: place(role[0], key)) for role, keys in candidates.items()}


def pair_arrays(held: Npz, roles: dict) -> tuple[dict[str | None, tuple[str, str]], dict[str, int]]:
    """Return ({split or None: (array of pictures, array of labels)}, {array without labels: number of pictures})."""
    pictures = {split: key for (role, split), key in roles.items() if role == "pixels"}
    labels = {split: key for (role, split), key in roles.items() if role == "labels"}
    if None in pictures and len(pictures) > 1 and "train" not in pictures:       # x, y, x_test, y_test
        pictures["train"], labels["train"] = pictures.pop(None), labels.pop(None, None) or labels.get("train")
    elif None in pictures and len(pictures) > 1:
        pictures.pop(None)
    if not pictures:
        raise held.fault("names no array of images: x or images, or x_train, x_test", SAVE)
    pairs = {split: (pictures[split], labels[split]) for split in (None, "train", "val", "test")
             if split in pictures and labels.get(split)}
    if not pairs or ("train" in pictures and "train" not in pairs):
        lacking = pictures.get("train") or next(iter(pictures.values()))
        raise held.fault(f"names no labels for {lacking}: y or labels, or y_train, y_test", SAVE)
    paired = {x for x, _ in pairs.values()}
    unused = {x: int(held.members[x].shape[0]) for x in pictures.values()
              if x not in paired and held.members[x].shape}
    return pairs, unused
