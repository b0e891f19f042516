"""Find unlabelled pictures and render the plain view that a model takes; without torch, for worker processes."""

from __future__ import annotations

import contextlib
import functools
import glob
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.data.contrast import contrast_note, is_other_contrast
from tenfold.data.errors import MachineFault, SourceFault
from tenfold.data.recipe import Recipe
from tenfold.data.settings import check_count
from tenfold.data.wording import counted, readable, reason, several_frames

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ARRAYS = "not a picture, but a file of arrays: give it to `tenfold score --data`, or its array to Model.predict"
NAMED = 20                   # unreadable pictures that are named on the screen, at most
FEW = 100                    # so few pictures are read in this process, faster than worker processes start
TOGETHER = 16                # pictures in a task of a worker


@dataclass(frozen=True)
class Plain:
    """The plain view of one picture, or the reason why there is none."""
    pixels: NDArray[np.uint8] | None         # (H, W, C)
    fault: SourceFault | None = None
    several: bool = False                    # its file holds more pages or frames, which are not used
    other_polarity: str = ""                 # of its ink, if it clearly is not the polarity of the model's images
    contrast: int = 0                        # its brightest level less its darkest, as decoded
    cut: bool = False                        # deep levels beyond the range of the model's images are cut off


@dataclass
class Noticed:
    """What was noticed in pictures while they were labelled, for the notes about them."""
    pictures: int = 0                        # that could be read
    several: int = 0                         # files with more pages or frames than the one that is used
    polarity: list[tuple[str, str]] = field(default_factory=list)    # (path, its polarity) unlike the model's images
    cut: list[str] = field(default_factory=list)                     # paths of pictures with levels that are cut off
    contrast: list[tuple[str, int]] = field(default_factory=list)    # (path, contrast) unlike the model's images

    def add(self, path: str, plain: Plain, trained: Sequence[int] | None) -> None:
        """Add a picture. trained: the contrast of the model's images, if it is known."""
        if plain.pixels is None:
            return
        self.pictures += 1
        self.several += plain.several
        self.polarity += [(path, plain.other_polarity)] if plain.other_polarity else []
        self.cut += [path] if plain.cut else []
        self.contrast += [(path, plain.contrast)] if is_other_contrast([plain.contrast] * 2, trained) else []

    def notes(self, trained: Sequence[int] | None, most: float) -> list[str]:
        """Return the notes on what more than the share `most` of the pictures have in common, unlike the model's."""
        few = most * self.pictures
        lines = _polarity_lines(self.polarity, self.pictures) if len(self.polarity) > few else []
        if len(self.cut) > few:
            lines.append(f"note: {_of(self.cut, self.pictures)} hold levels beyond the range of the images that this "
                         "model was trained on, and these are cut off: what it says of them may mean little; bring "
                         "them to the same range")
        if trained is not None and len(self.contrast) > few:
            paths, contrast = zip(*self.contrast, strict=True)
            lines.append(contrast_note(_of(paths, self.pictures), (min(contrast), max(contrast)), trained))
        return lines


def _of(paths: Sequence[str], pictures: int) -> str:
    """"3 of 4 pictures, such as a.png,"; without a path if they were given as pixels."""
    return f"{len(paths)} of {counted(pictures, 'picture')}" + (f", such as {readable(paths[0])}," if paths[0] else "")


def left_out_lines(unreadable: Sequence[tuple[str, str]], several: int, pictures: int, rest: str = "") -> list[str]:
    """Return lines for people on what was not labelled.

    unreadable: (path, why); several: files with more frames than the one that is used; rest: where all are named.
    """
    lines = [f"not read: {readable(path)} ({reason})" for path, reason in unreadable[:NAMED]]
    if unreadable:
        lines.append(f"{len(unreadable)} of {pictures} pictures could not be read" + rest * (len(unreadable) > NAMED))
    return several_frames(several) + lines


def _polarity_lines(others: Sequence[tuple[str, str]], pictures: int) -> list[str]:
    """Return the line about pictures whose ink has the opposite polarity of the model's images.

    others: (path, its polarity) of each; pictures: how many there are in all.
    """
    path, polarity = others[0]
    looks, trained = ("light ink on dark", "dark") if polarity == "light" else ("dark ink on light", "light")
    return [f"note: {len(others)} of {counted(pictures, 'picture')} look like {looks}"
            + (f", such as {readable(path)}" if path else "") + f", and this model was trained on {trained} ink: what "
            "it says of them means little; invert them, or train a model on both"]


def nothing_read(unreadable: Sequence[tuple[str, str]], earlier: Path | None = None) -> SourceFault:
    """Return the fault if none of the pictures can be read.

    unreadable: (path, why) of each. earlier: the predictions.csv of an earlier call, which stays.
    """
    path, reason = unreadable[0]
    others = f"; nor can any other of the {len(unreadable)} pictures be read" if len(unreadable) > 1 else ""
    left = f" ({earlier} is of an earlier call)" if earlier else ""
    return SourceFault(path, reason + others, f"give pictures in a format that Tenfold reads, or folders of them{left}")


def find_pictures(patterns: Sequence[str]) -> list[str]:
    """Return the paths of all pictures: of files, of folders with everything in them, of patterns such as *.jpg.

    Each file comes once, in the order asked for and sorted within, however its folder is written. A line is printed for
    a folder with files that are no pictures. SourceFault: one of them matches nothing.
    """
    paths: dict[tuple[str, str], str] = {}
    real_folder = functools.cache(os.path.realpath)
    for each in patterns:
        matches = [each] if os.path.lexists(each) else sorted(glob.glob(each, recursive=True))
        if not matches:
            pattern = glob.has_magic(each)
            raise SourceFault(each, "matches no file" if pattern else "does not exist",
                              "give a picture, a folder of pictures or a pattern such as 'scans/*.jpg'")
        pictures = [path for match in matches for path in _pictures_at(match)]
        if not pictures:
            raise SourceFault(each, "holds no picture", "give a picture, or a folder of pictures")
        for path in pictures:
            above, name = os.path.split(path)
            paths.setdefault((real_folder(above), name), path)
    return list(paths.values())


def _pictures_at(path: str) -> list[str]:
    """Return the path of a file itself, or of a folder those of the pictures in it, at any depth."""
    if not os.path.isdir(path):
        return [path]
    from tenfold.data.sources.listing import Folder, kinds_in_words
    folders = [*Folder(path).walk()]
    if passed := sum((folder.passed for folder in folders), Counter[str]()):
        print(f"{readable(path)}: passed over: {kinds_in_words(dict(passed.most_common()))}")
    return sorted(os.path.join(folder.path, name) for folder in folders for name, _ in folder.pictures)


def read_opened(file: Any) -> bytes:
    """Return the bytes of an open picture file, from its beginning. SourceFault: it is open as text, or unreadable."""
    try:
        with contextlib.suppress(AttributeError, OSError):         # a stream has no beginning to go back to
            file.seek(0)
        content = file.read()
    except (OSError, ValueError) as error:       # ValueError: it is closed, or text of another encoding
        raise SourceFault("picture", f"unreadable: {reason(error)}", "open its file with mode \"rb\"") from None
    if not isinstance(content, (bytes, bytearray)):
        raise SourceFault("picture", f"its file gives {type(content).__name__}, not bytes",
                          "open it with mode \"rb\"")
    return bytes(content)


def plain_views(pictures: Sequence[Any], recipe: Recipe, facts: Mapping[str, Any], workers: int = 0) -> Iterator[Plain]:
    """Yield the plain view of each picture (whatever `read_view` takes) in their order, by worker processes if many.

    facts: the checkpoint's content, which holds what the model's set decided. workers: 0, one for each core.
    """
    workers = check_count("--workers", workers, least=0)
    known = {"common": facts.get("common")}      # all that workers need of it
    if workers == 1 or len(pictures) <= FEW:
        for picture in pictures:
            yield from read_some([picture], recipe, known)
        return
    import joblib

    from tenfold.preprocess.pool import stream
    tasks = ((pictures[i:i + TOGETHER], recipe, known) for i in range(0, len(pictures), TOGETHER))
    for some in stream(read_some, tasks, workers or joblib.cpu_count()):
        yield from some


def read_some(pictures: Sequence[Any], recipe: Recipe, known: Mapping[str, Any]) -> list[Plain]:
    """Return the plain views of a few pictures."""
    from tenfold.preprocess.plain_view import read_view
    views = []
    for picture in pictures:
        try:
            path = os.fspath(picture) if isinstance(picture, Path) else picture
            views.append(Plain(**vars(read_view(path, recipe, known))))
        except SourceFault as fault:
            arrays = str(picture).lower().endswith(".npz")
            views.append(Plain(None, SourceFault(fault.where, _ARRAYS, fault.cure) if arrays else fault))
        except MachineFault as fault:            # it needs too much memory; others may not
            views.append(Plain(None, SourceFault(fault.where, fault.fact, fault.cure)))
    return views
