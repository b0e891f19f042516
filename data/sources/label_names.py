"""Find the labels in the names of files: cat.0.jpg, Abyssinian_12.jpg, kana7.png."""

import os
import re
from collections import Counter
from collections.abc import Sequence

from tenfold.data.sources.class_folders import holds_annotations, is_generic
from tenfold.data.sources.class_names import one_spelling
from tenfold.data.sources.label_table import Labelling
from tenfold.data.sources.split_names import bare_split, is_beside, parse_split_name, words_of
from tenfold.data.wording import readable

# words without digits, perhaps a mark, and a number: "great_pyrenees_12", "cat.0", "cat (3)", "kana7"
_NAME = re.compile(r"([^\W\d_]+(?:[ ._\-]+[^\W\d_]+)*)[ ._\-(#]*\d+\)?")
# words that cameras, scanners and programs begin names with
_NO_LABELS = frozenset({"dsc", "dscn", "dscf", "dcim", "pxl", "mvi", "vid", "gopr", "cam", "camera", "frame", "video",
                        "scan", "page", "screenshot", "screen", "shot", "untitled", "file", "sample", "new", "copy",
                        "whatsapp", "signal", "snap", "capture", "id", "nr", "no", "num", "number", "mask", "seg", "x",
                        "im", "pic"})
_SHARE, _FEWEST = 0.95, 2    # of the images of a folder that have such names; images of each class


def labels_in_names(paths: Sequence[str]) -> Labelling | None:
    """Return the labels in the names of the images at `paths`; None: it is not certain that there are any.

    Nearly all names must be words and a number, with at least two different words, and several images of each. A test
    folder without such names is left out.
    """
    folders: dict[str, list[int]] = {}
    for row, path in enumerate(paths):
        folders.setdefault(path.rpartition("/")[0], []).append(row)
    found: dict[int, str] = {}
    for folder, rows in folders.items():
        named = {row: name[1] for row in rows if (name := _NAME.fullmatch(_stem(paths[row])))}
        is_test = bare_split(_last(folder)) == "test" or is_beside(_last(folder))
        if len(named) < _SHARE * len(rows) and (named or not is_test):
            return None
        found |= named
    counts = Counter(found.values())
    if len(counts) < 2 or min(counts.values()) < _FEWEST or any(map(_is_no_label, counts)):
        return None
    first = min(found)
    return Labelling(f"the file names ({readable(_last(paths[first]))}: {readable(found[first])}; source.labels can "
                     "say otherwise)", "file names", found)


def _is_no_label(label: str) -> bool:
    return is_generic(label) or holds_annotations(label) or parse_split_name(label) is not None or all(
        word in _NO_LABELS for word in words_of(label))


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    return os.path.splitext(one_spelling(_last(path)))[0]
