"""Check that each class of a source has images to train on, and write notes on class names that look odd."""

import numpy as np

from tenfold.data.errors import SourceFault
from tenfold.data.sources.class_names import appearance, look_alikes
from tenfold.data.sources.source import Source
from tenfold.data.wording import quoted, readable, some

NO_IMAGE = "no usable image"
_NAMED = 8                   # classes in one line
_HELD_OUT = ("val", "test")


def check_learnable(source: Source) -> None:
    """Raise SourceFault if a class has no image, or none to train on; the message names the classes."""
    counts = _counts(source)
    total = sum(counts.values())
    empty = [name for name, n in zip(source.classes, total, strict=True) if not n]
    if empty:
        raise no_usable_image(source, list(map(quoted, empty)), _cure_of_empty(source))
    if set(counts) == {None}:
        return
    given = [split for split in _HELD_OUT if split in counts]
    if "train" not in counts and None not in counts:
        raise SourceFault(source.root, f"has a {' and a '.join(given)} split but no train split",
                          "give a folder that holds a train split too, or one split alone")
    learnt = counts.get("train", 0) + counts.get(None, 0)
    lacking = [i for i, n in enumerate(learnt) if not n]
    if lacking:
        raise SourceFault(source.root, _lacks(source, counts, lacking, learnt), _cure(source, lacking, learnt))


def class_notes(source: Source) -> list[str]:
    """Return notes, one per line, on class names that look alike and on classes that an official split lacks."""
    notes = []
    alike = look_alikes(source.classes)
    if alike:
        pairs = [" and ".join(map(quoted, group)) for group in alike]
        notes.append(f"class names that look alike are classes of their own: {some(pairs, _NAMED)}; "
                     "rename those that are one class")
    counts = _counts(source)
    for split in _HELD_OUT:
        lacking = [name for name, n in zip(source.classes, counts[split], strict=True) if not n] \
            if split in counts else []
        if lacking:
            notes.append(f"the {split} split has no image of {_kinds(lacking)} "
                         f"{some(map(readable, lacking), _NAMED)}")
    return [f"{source.root}: {note}" for note in notes]


def no_usable_image(source: Source, classes: list[str], cure: str) -> SourceFault:
    """Return the fault of classes without a usable image. classes: their names, perhaps with a reason."""
    return SourceFault(source.root, f"class {classes[0]} has {NO_IMAGE}" if len(classes) == 1 else
                       f"{len(classes)} classes have {NO_IMAGE}: {some(classes, _NAMED)}", cure)


def _cure_of_empty(source: Source) -> str:
    if source.arrays:
        return "number the labels from 0 without gaps, or remove what has no image from classes"
    passed = some(f"{n} {kind}" for kind, n in source.layout.passed_over.items())
    return "add images to each or remove it" + (f" (passed over: {passed})" if passed else "")


def _counts(source: Source) -> dict:
    """Return the number of images of each class, by official split: {"train": int64 (classes,), None: …}."""
    official = np.array([split or "" for split in source.official])
    return {split or None: np.bincount(source.labels[official == split], minlength=len(source.classes))
            for split in sorted(set(official.tolist()))}


def _kinds(names: list) -> str:
    return f"{len(names)} classes:" if len(names) > 1 else "class"


def _lacks(source: Source, counts: dict, lacking: list[int], learnt) -> str:
    """Say which classes have no training image, and in which splits their images are."""
    named = []
    for i in lacking:
        where = " and ".join(split for split in _HELD_OUT if split in counts and counts[split][i])
        twin = _twin(source, i, learnt)
        named.append(f"{quoted(source.classes[i])} (only in {where}" +
                     (f"; train has {quoted(twin)}, another name)" if twin else ")"))
    return f"no training image of {_kinds(named)} {some(named, _NAMED)}"


def _twin(source: Source, label: int, learnt) -> str | None:
    """Return the class that has training images and a name that looks like that of class `label`, or None."""
    return next((name for i, name in enumerate(source.classes) if learnt[i]
                 and appearance(name) == appearance(source.classes[label])), None)


def _cure(source: Source, lacking: list[int], learnt) -> str:
    if all(_twin(source, i, learnt) for i in lacking):
        return "give one class the same name, to the letter, in every split"
    return "add training images of each, or remove it from the other splits"
