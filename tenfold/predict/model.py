"""Predict with a trained model from Python: `tenfold.load("best.pth").predict(["a.jpg", array, pil_image])`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from tenfold.data.errors import SourceFault
from tenfold.data.html import table
from tenfold.data.recipe import PIXELS_VERSION, pixels_note
from tenfold.data.settings import check_count
from tenfold.predict.pictures import (
    Noticed,
    find_pictures,
    left_out_lines,
    nothing_read,
    plain_views,
    read_opened,
)
from tenfold.train import model_file
from tenfold.train.barrier_sleep import sleep_when_busy

if TYPE_CHECKING:
    from PIL import Image

    from tenfold.preprocess.plain_view import View

Answer: TypeAlias = "tuple[View, NDArray[np.float32]] | SourceFault"    # (classes,); or why there are none
Picture: TypeAlias = "str | os.PathLike[str] | bytes | IO[bytes] | NDArray[np.uint8] | Image.Image"


@dataclass(frozen=True)
class Prediction:
    """The prediction for one picture: label, probability, and the probabilities of all classes."""
    label: str                               # the most probable class
    probability: float                       # of that class
    probabilities: dict[str, float] = field(repr=False)      # of every class, in the order of Model.classes
    path: str = field(default="", compare=False)     # of the picture's file; "": it was given as pixels or bytes

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return the `count` most probable classes with their probabilities."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])[:count]


class Predictions(list[Prediction]):
    """A list of predictions that a notebook shows as a table.

    unreadable: (path, why) of the files for which there is no prediction.
    """

    def __init__(self, predictions: Iterable[Prediction] = (), unreadable: Sequence[tuple[str, str]] = ()):
        super().__init__(predictions)
        self.unreadable = list(unreadable)

    def _repr_html_(self) -> str:
        return table(f"{len(self)} predictions", ("", "label", "probability", "next"),
                     [(i, p.label, p.probability, ", ".join(f"{name} {share:.4f}" for name, share in p.top(3)[1:]))
                      for i, p in enumerate(self)])


class Model(model_file.Model):
    """A trained model that classifies pictures of any size and format."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for people on how far its predictions can be trusted."""
        versions = pixels_note(f"{self.shown} was trained on", self.content.get("pixels_version"), "this Tenfold draws",
                               PIXELS_VERSION, "make its shards again and train it again")
        if self.content.get("common") is None and self.recipe.clean.polarity == "auto":
            return (f"note: {self.shown} does not say which polarity its training set has; each picture is judged by "
                    "itself", *versions)
        return versions

    def predict(self, pictures: Picture | Iterable[Picture], *, tta: int = 1, workers: int = 0) -> Predictions:
        """Classify one picture or several: paths, bytes of picture files, open files (such as uploads), uint8 arrays
        (H, W) or (H, W, C) in RGB, PIL images; of a folder's path all pictures in it, sorted; of an array
        (N, H, W, C) or (N, H, W) its N pictures.

        They go through the plain view of the model's own recipe, as its test images did. tta: average over so many
        views of each. workers: processes that read the pictures (0: one for each core where there are many).

        Of several files those that cannot be read are left out and named, on the screen and as `unreadable` of what
        is returned; each prediction names its file. SourceFault: no file can be read, or a picture cannot that was
        given alone, or among pictures without a path, whose place in the list is all that tells them apart.
        """
        tta, workers = check_count("tta", tta), check_count("workers", workers, least=0)
        single = _is_one(pictures)
        given = cast("list[Picture]", [pictures] if single else list(cast("Iterable[Picture]", pictures)))
        several = [picture for each in given for picture in _found(each)]
        paths = [os.fspath(each) if isinstance(each, (str, os.PathLike)) else "" for each in several]
        may_skip, noticed = (len(several) > 1 or not single) and all(paths), Noticed()
        predictions, views = Predictions(), plain_views(several, self.recipe, self.content, workers)
        for path, answer in zip(paths, self.classify(views, tta), strict=True):
            if not isinstance(answer, SourceFault):
                view, probabilities = answer
                noticed.add(path, view, self.contrast)
                predictions.append(self.prediction(probabilities, path))
            elif may_skip:
                predictions.unreadable.append((path, answer.fact))
            else:
                raise answer
        if paths and not predictions:
            raise nothing_read(predictions.unreadable)
        for line in (*left_out_lines(predictions.unreadable, noticed.several, len(paths),
                                     ", all named in .unreadable"),
                     *noticed.notes(self.contrast, self.recipe.source.max_opposite)):
            print(line)
        return predictions

    def prediction(self, probabilities: NDArray[np.float32], path: str = "") -> Prediction:
        """Make the Prediction of the picture at `path` from its probabilities (classes,)."""
        best = int(probabilities.argmax())
        return Prediction(self.classes[best], float(probabilities[best]),
                          dict(zip(self.classes, probabilities.tolist(), strict=True)), path)

    def classify(self, views: Iterable[View | SourceFault], tta: int) -> Iterator[Answer]:
        """Classify plain views in batches, as they come; yield each with its probabilities (classes,).

        The fault of a picture that could not be read is yielded as it is.
        """
        self.with_tta(tta)                       # raises a fault before anything is read
        waiting = iter(views)
        with sleep_when_busy(self.device):
            while batch := list(islice(waiting, self.recipe.train.batch_rows)):
                pixels = [each.pixels for each in batch if not isinstance(each, SourceFault)]
                rows = iter(self.probabilities(np.stack(pixels), tta)) if pixels else iter(())
                for each in batch:
                    yield each if isinstance(each, SourceFault) else (each, next(rows))


def _is_one(pictures: Any) -> bool:
    """Return whether what `predict` was given is one picture, and not several."""
    if isinstance(pictures, np.ndarray):         # (N, H, W) is told from (H, W, C) by its last side
        return pictures.ndim < 3 or (pictures.ndim == 3 and pictures.shape[2] in (1, 3, 4))
    return (not isinstance(pictures, Iterable) or hasattr(pictures, "read") or hasattr(pictures, "getpixel")
            or isinstance(pictures, (str, bytes, bytearray, memoryview, os.PathLike)))


def _found(picture: Picture) -> Sequence[Picture]:
    """Return the paths of all pictures in a folder, the bytes of an open file; another picture as it is."""
    if hasattr(picture, "read"):
        return [read_opened(picture)]
    if isinstance(picture, (str, os.PathLike)) and os.path.isdir(picture):
        return [*find_pictures([os.fspath(picture)])]
    return [picture]
