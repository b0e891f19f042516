"""Find the images that file names put into one series: frames of a video, a burst, copies of a picture made beforehand.

The search for near-duplicates finds only a part of the frames of a video to be alike. The names are believed if its
pairs lie inside what they put together, and pairs drawn at random from a class would not; or if what they put together
changes gradually (see `gradual`).
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tenfold.data.splits.assign import ranks
from tenfold.data.splits.gradual import change_gradually, sample_rows
from tenfold.data.unique import unique

_FEWEST = 8                  # fewer pairs of near-duplicates prove nothing
_SAMPLE = 2000               # of more pairs, so many show which ways to read the names may explain them
_INSIDE = 0.9                # at least this share of the pairs lies inside one series …
_CHANCE = 0.5                # … and at most this share of all pairs of images of a class
_LIKE = 1 / 3                # at least this share of the images of a series has a near-duplicate in it; fewer may be
                             # saved twice, and the names say the kind of a dog, or what was searched for
_MOST = 0.5                  # such series hold at least this share of the pairs; if they are this share of all series,
                             # the others that are no longer are kept whole, too
_HASH = re.compile(r"\.rf\.\w{16,}$")            # ends a name by Roboflow: clip_mp4-12_jpg.rf.<hash>.jpg
_NUMBERS = [re.compile(rf"\D*\d+(?:\D+\d+){{{more}}}") for more in range(3)]     # up to the first number, second, third
_WORD = re.compile(r"[^\W_]+")

Rule = Callable[[str], str]  # the name of an image -> the name of its series


@dataclass(frozen=True)
class Named:
    """The paths of n images, the class folder of each, and its class."""
    paths: Sequence[str]
    homes: Sequence[str]     # "": in none
    labels: np.ndarray       # int64 (n,), index into the classes

    def names(self, rows: Iterable[int]) -> Iterator[str]:
        """Yield the paths of images below their class folders, if they are in some, without suffixes and hashes."""
        for row in rows:
            name = os.path.splitext(self.paths[row])[0][len(self.homes[row]) + bool(self.homes[row]):]
            yield _HASH.sub("", name) if ".rf." in name else name

    def numbered(self, rule: Rule, rows: Iterable[int]) -> tuple[np.ndarray, list[str]]:
        """Return (the number of the series of each of these images, int64; the name of each series).

        What has no name but its class folder is no series: each of its images has a number of its own.
        """
        known: dict[str, int] = {}
        number = np.fromiter((known.setdefault(name if (found := rule(name)) == "…" else found, len(known))
                              for name in self.names(rows)), np.int64)
        return number, list(known)


@dataclass(frozen=True)
class Series:
    """The series of frames that each image belongs to."""
    number: np.ndarray       # int64 (n,): of the series of each image; -1: none
    example: str             # name of the largest series, such as "clip03_frame…"


def find_series(images: Named, links: np.ndarray, looks: np.ndarray) -> Series | None:
    """Return the series that the names tell and the pictures confirm; None: there are none.

    links: pairs of rows that are near-duplicates, int64 (m, 2). looks: a thumbnail of each image, uint8 (n, pixels).
    The rows are in the order of the names. Of several ways to read these, the first that is confirmed is taken; finer
    ones come first. A series lies in one class; over several it only extends if near-duplicates of two classes ask for
    that.
    """
    labels, everything, sample = images.labels, range(len(images.paths)), sample_rows(len(images.paths))
    some = links[::-(-len(links) // _SAMPLE) or 1]
    rows, place = np.unique(np.append(some, sample), return_inverse=True)
    pairs, across = place[:some.size].reshape(some.shape), np.not_equal(*labels[some].T)
    rules = [_begun_by(images, rows.tolist()), *_RULES]
    parts = [images.numbered(rule, rows.tolist())[0] for rule in rules]
    for within in (True, False):
        for i, part in enumerate(parts):
            gradual = within and change_gradually(part[place[some.size:]], labels[sample], looks[sample])
            if gradual or _explain(np.equal(*part[pairs].T), across, within):
                number, names = images.numbered(rules[i] if i else _begun_by(images, everything), everything)
                series = ranks(number * (labels.max() + 1) + labels) if within else number
                whole = _whole(series, labels, None if gradual else links)
                if whole.any():
                    largest = np.argmax(np.bincount(series) * whole)
                    return Series(np.where(whole[series], series, -1), names[number[np.argmax(series == largest)]])
    return None


def _explain(same: np.ndarray, across: np.ndarray, within: bool) -> bool:
    """Return whether a way to read the names explains pairs. same: they have one name; across: they are of two classes.

    within: a series lies in one class; otherwise pairs of two classes must ask for more.
    """
    if within:
        return bool((same & ~across).sum() >= max(_FEWEST, _INSIDE * len(same)))
    return bool(same.sum() >= _INSIDE * len(same) and same[across].sum() >= max(_FEWEST, _INSIDE * across.sum()))


def _whole(series: np.ndarray, labels: np.ndarray, links: np.ndarray | None) -> np.ndarray:
    """Return which series are to be kept whole, bool: none of them if they do not explain the pairs `links`.

    None: all are, but those of classes that consist of hardly more than one.
    """
    size, many, total = np.bincount(series), int(series.max()) + 1, np.bincount(labels)
    parts, count = np.unique(labels * many + series, return_counts=True)
    chance = np.bincount(parts // many, count * (count - 1.0), len(total)) / np.maximum(1, total * (total - 1.0))
    clear = chance[labels] <= _CHANCE            # images of classes that consist of several series
    several = (size > 1) & (np.bincount(series, ~clear) == 0)
    if links is None:
        return several
    links = links[clear[links].all(1)]
    inside = links[np.equal(*series[links].T)]
    if len(inside) < max(_FEWEST, _INSIDE * len(links)):
        return np.zeros(many, bool)
    shown = np.bincount(series[unique(inside.ravel())], minlength=many) >= _LIKE * size
    shown &= np.bincount(series[inside[:, 0]], minlength=many) > 0
    if shown[series[inside[:, 0]]].sum() < max(_FEWEST, _MOST * len(inside)):
        return np.zeros(many, bool)
    return several & (size <= size[shown].max()) if shown.sum() >= _MOST * several.sum() else shown


def _begun_by(images: Named, rows: Sequence[int]) -> Rule:
    """Return a rule: a series is a picture and all whose names begin with its own, as dog12, dog12_flip, dog12 (2).

    It is for the names of `rows`, so that a set of all names is only made where it is needed.
    """
    all_names = images.names(range(len(images.paths)))
    known = {part for name in images.names(rows) for part in _beginnings(name)}.intersection(all_names) \
        if len(rows) < len(images.paths) else set(all_names)
    return lambda name: next((part for part in _beginnings(name) if part in known), name) + "…"


def _beginnings(name: str) -> Iterator[str]:
    """Yield what a name begins with, up to the end of each of its words."""
    for word in _WORD.finditer(name, len(name) - len(_file(name))):
        yield name[:word.end()]


def _before_last(count: int) -> Rule:
    """Return a rule: a series has the same name before the last number (or so many), as clip03_frame0012."""
    def before(name: str) -> str:
        found = _NUMBERS[count - 1].match(_file(name)[::-1])
        return name[:len(name) - found.end()] + "…" if found else name
    return before


def _up_to(count: int) -> Rule:
    """Return a rule: a series has the same name up to the first number (or so many), as dog12_flip and dog12_rot90."""
    def up_to(name: str) -> str:
        found = _NUMBERS[count - 1].match(file := _file(name))
        return name[:len(name) - len(file) + found.end()] + "…" if found else name
    return up_to


def _after_first(name: str) -> str:
    """A series has the same name after the first number, as 0012_clip03."""
    found = _NUMBERS[0].match(file := _file(name))
    return name[:len(name) - len(file)] + "…" + file[found.end():] if found else name


def _last_word(name: str) -> str:
    """A series has the same last word, as dog12, flip_dog12 and rot90_dog12."""
    words = _WORD.findall(file := _file(name))
    return name[:len(name) - len(file)] + "…" + words[-1] if words else name


def _folder(name: str) -> str:
    """A series lies in a folder of its own below the class folder."""
    return name[:len(name) - len(_file(name))] + "…"


def _file(name: str) -> str:
    return name[name.rfind("/") + 1:]


_RULES: tuple[Rule, ...] = (_up_to(3), _before_last(1), _up_to(2), _before_last(2), _up_to(1), _after_first,
                             _last_word, _folder)
