"""What is to be said of a split: groups that lie across official parts, parts that are far from what was asked for."""

import numpy as np

from tenfold.data.splits.assign import Images, listed
from tenfold.data.tables import Split


def remarks_on_split(images: Images, splits, classes, asked: Split) -> list[str]:
    """Lines for people. splits: as split_sources returns them."""
    return _groups_across(images) + _shares_off(images, splits, classes, asked)


def _groups_across(images: Images) -> list[str]:
    """A line on groups that have images in several official parts."""
    parts = {}
    for group, part in zip(images.groups or (), images.official, strict=bool(images.groups)):
        if group is not None:
            parts.setdefault(group, set()).add(part or "train")
    several = [f"'{group}' ({' and '.join(sorted(found))})" for group, found in parts.items() if len(found) > 1]
    return [f"{len(several)} groups have images in several official parts, which are kept as they are: "
            + listed(several, 3)] if several else []


def _shares_off(images: Images, splits, classes, asked: Split) -> list[str]:
    """A line on classes of which a part that was cut holds less than half, or more than twice, what was asked for."""
    rows = np.flatnonzero(np.array([part in (None, "train") for part in images.official]))
    labels, cut = images.labels[rows], splits[rows]
    off = []
    for part in {"test", "val"} - set(images.official):
        want = 1 / asked.folds if part == "test" and asked.folds else getattr(asked, part)
        for c, total in enumerate(np.bincount(labels, minlength=len(classes)).tolist()):
            count = want if isinstance(want, int) else want * total
            held = int(np.sum(cut[labels == c] == part))
            if count and not count / 2 <= held <= max(2 * count, 1):
                off.append((abs(held - count) / count, f"{part} gets {held} of {total} images of '{classes[c]}' "
                            f"instead of {round(count, 1)}"))
    worst = [words for _, words in sorted(off, key=lambda one: (-one[0], one[1]))]
    return ["groups are kept whole, so " + listed(worst, 3)] if off else []
