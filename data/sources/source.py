"""The labelled images that were found: a Source with its columns, and how its layout was understood."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tenfold.data.files import read_file

if TYPE_CHECKING:
    from tenfold.data.sources.npz_pictures import Arrays, Members
    from tenfold.data.sources.thinning import SomePictures


@dataclass(frozen=True)
class Layout:
    """How a folder or an arrays file was understood; stored in dataset.json."""
    kind: str                                    # "class folders", "official splits", "arrays", "label table" or
                                                 # "file names"
    splits: dict[str, list[str]]                 # folders, arrays or tables of each official split
    images: int
    passed_over: dict[str, int] = field(default_factory=dict)      # skipped files and folders, by kind
    unused: dict[str, int] = field(default_factory=dict)           # images in folders or arrays that are not used
    by_content: dict[str, int] = field(default_factory=dict)       # images known by their first bytes, by suffix


@dataclass(frozen=True)
class Source:
    """Labelled images, not yet decoded: columns of equal length, in an order that only depends on names."""
    root: Path
    classes: tuple[str, ...]
    paths: Sequence[str]           # relative to root, or "x[12]" in an arrays file
    labels: np.ndarray             # int64, index into classes
    official: Sequence[str | None]     # official split: "train", "val", "test", or None
    stamps: Sequence[tuple[int, int]]  # size in bytes and time of change in ns, to notice changes
    layout: Layout
    notes: list[str]               # for people: how it was understood, what is odd or not used
    arrays: "Arrays | Members | SomePictures | None" = None
    groups: list[str] | None = None              # images of the same group stay in the same split
    homes: list[str] | None = None               # the class folder of each image, relative to root: "train/cat"; of
                                                 # images whose labels are not their folders', the folder of all
    is_listed: bool = True                       # any picture below root is read; False: only those a table names

    def __len__(self):
        return len(self.paths)

    def reader(self, scratch: Path) -> "FolderReader | Arrays | Members | SomePictures":
        """Return the reader of the pictures; a compressed arrays file is first unpacked into `scratch`."""
        return self.arrays.mapped(scratch) if self.arrays else FolderReader(self.root)

    def facts(self) -> dict:
        """Return how the source was understood, as plain values for dataset.json."""
        facts = asdict(self.layout)
        return {"kind": facts.pop("kind"), "parts": facts.pop("splits"), **facts, "remarks": list(self.notes)}


@dataclass(frozen=True)
class FolderReader:
    """Reads the picture files of a folder."""
    root: Path

    def read(self, row: int, path: str) -> bytes:
        """Return the bytes of the picture file at `path`, not yet decoded."""
        return read_file(self.root / path)

    @property
    def shape_of_each(self) -> tuple[int, ...] | None:
        """None: the pictures may differ."""
        return None
