"""Write notes for people on a split: groups that are in several official splits, splits far from the wanted size."""

from collections.abc import Sequence

import numpy as np

from tenfold.data.splits.assign import Images
from tenfold.data.tables import Split
from tenfold.data.wording import counted, some


def split_notes(images: Images, splits: np.ndarray, classes: Sequence[str], config: Split) -> list[str]:
    """Return the notes, one per line. splits: as split_sources returns them."""
    return _groups_across(images) + _only_trained(images, splits, classes, config) + _shares_off(
        images, splits, classes, config)


def _groups_across(images: Images) -> list[str]:
    """Return a line on groups that have images in several official splits, in a list, or []."""
    splits_of: dict[str, set[str]] = {}
    for group, split in zip(images.groups or (), images.official, strict=bool(images.groups)):
        if group is not None:
            splits_of.setdefault(group, set()).add(split or "train")
    several = [f"'{group}' ({' and '.join(sorted(splits))})" for group, splits in splits_of.items() if len(splits) > 1]
    return [f"{counted(len(several), 'group')} {'has' if len(several) == 1 else 'have'} images in several official "
            f"splits, which are kept as they are: {some(several, 3)}"] if several else []


def _only_trained(images: Images, splits, classes, config: Split) -> list[str]:
    """Return a line on classes that are only trained on because they are small, in a list, or []."""
    wanted = {split for split in ("val", "test") if getattr(config, split)} - set(images.official)
    if config.small_classes != "train" or not wanted:
        return []
    totals, trained = (np.bincount(images.labels[rows], minlength=len(classes)) for rows in (
        np.isin(splits, ["train", *wanted]), splits == "train"))
    small = [f"'{classes[c]}' ({counted(int(totals[c]), 'image')})" for c in np.flatnonzero(totals == trained)]
    return [f"{counted(len(small), 'class')} too small to be divided, so all images are trained on, and nothing tells "
            f"whether they are recognised: {some(small, 3)}"] if small else []


def _shares_off(images: Images, splits, classes, config: Split) -> list[str]:
    """Return a line on classes of which a split has less than half, or more than twice, the wanted images, or []."""
    rows = np.flatnonzero(np.array([split in (None, "train") for split in images.official]))
    labels, cut = images.labels[rows], splits[rows]
    off = []
    for split in {"test", "val"} - set(images.official):
        want = 1 / config.folds if split == "test" and config.folds else getattr(config, split)
        for c, total in enumerate(np.bincount(labels, minlength=len(classes)).tolist()):
            if config.small_classes == "train" and (cut[labels == c] == "train").all():
                continue                         # a note of its own
            count = want if isinstance(want, int) else want * total
            held = int(np.sum(cut[labels == c] == split))
            if count and not count / 2 <= held <= max(2 * count, 1):
                off.append((abs(held - count) / count, f"{split} gets {held} of {total} images of '{classes[c]}' "
                            f"instead of {round(count, 1)}"))
    worst = [words for _, words in sorted(off, key=lambda one: (-one[0], one[1]))]
    return ["groups are kept whole, so " + some(worst, 3)] if off else []
