"""What decoding and cleaning found out about source images: SourceFacts of one image, Facts of many, in columns."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any, overload

import numpy as np
from PIL import Image

from tenfold.data.recipe import Recipe
from tenfold.data.wording import reason
from tenfold.preprocess.clean.polarity import dark_ink_log_odds
from tenfold.preprocess.decode import BadPicture, Decoded, decode_any
from tenfold.preprocess.decode.levels import no_memory
from tenfold.preprocess.survey.fingerprint import fingerprint, fingerprints
from tenfold.preprocess.survey.sorting import BYTES

UNREADABLE = "unreadable"    # first word of the fault of a picture file that the system does not let us read
_DIGEST = 12                 # bytes


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What is known of one source image after it was decoded and cleaned."""
    digest: str = ""                     # of the decoded pixels; "" for a bad picture
    content: str = ""                    # digest of the file or array, whatever it is decoded to; "" for a bad picture
    size: tuple[int, int] = (0, 0)       # height, width as stored, upright
    fault: str = ""                      # why it cannot be used; "" for a good picture
    fingerprint: str = ""                # see preprocess.survey.fingerprint; "" for a bad picture
    spread: float = 0.0                  # standard deviation of its grey levels
    contrast: int = 0                    # its brightest level less its darkest, 0..255
    levels: tuple = ()                   # of a deep picture that declares no range: preprocess.decode.levels.Levels
    several: bool = False                # its file holds more pages or frames
    dark_ink: float = 0.0                # log-odds that its ink is dark, as decoded; 0: unknown, or one tone only
    tones: tuple[int, ...] = ()          # its dark and its light tone, 0..255; () if ink is not looked for
    pen: float = 0.0                     # width of the ink's main strokes, pixels; 0: no ink looked for
    lost: tuple[float, ...] = ()         # removed as dust: (components broader than half the pen, share of the ink)
    edges: int = 0                       # edges of the picture that its ink reaches
    ink: float = 0.0                     # share of the picture that is ink
    two_tone: float = -1.0               # preprocess.clean.ground.two_tone; -1: not looked at


# a row of Facts.columns; facts that most pictures lack (a fault, levels) are kept in dictionaries
COLUMNS = np.dtype([
    ("bad", "?"), ("several", "?"), ("digest", "u1", _DIGEST), ("content", "u1", _DIGEST), ("size", "<i4", 2),
    ("fingerprint", "u1", BYTES), ("spread", "<f8"), ("contrast", "u1"), ("dark_ink", "<f8"), ("tones", "<i2", 2),
    ("pen", "<f8"), ("lost_components", "<i8"), ("lost_share", "<f8"), ("edges", "i1"), ("ink", "<f8"),
    ("two_tone", "<f8")])
# fields of SourceFacts that are stored unchanged in the column of the same name
_UNCHANGED = ("several", "size", "spread", "contrast", "dark_ink", "pen", "edges", "ink", "two_tone")


@dataclass(frozen=True, eq=False)
class Facts(Sequence[SourceFacts]):
    """The facts of n source images in columns, 292 bytes an image; facts[i] is the SourceFacts of image i."""
    columns: np.ndarray                  # COLUMNS (n,); tones -1: ink was not looked for
    faults: dict[int, str] = field(default_factory=dict)         # {row: why it cannot be used}
    levels: dict[int, tuple] = field(default_factory=dict)       # {row: levels of a deep picture}

    @classmethod
    def of(cls, rows: Iterable[SourceFacts]) -> "Facts":
        """Make the columns from the facts of single images."""
        rows = list(rows)
        columns = no_facts(len(rows))
        for name in _UNCHANGED:
            values = np.array([getattr(row, name) for row in rows], COLUMNS[name].base)
            columns[name] = values.reshape(columns[name].shape)
        for name, width in (("digest", _DIGEST), ("content", _DIGEST), ("fingerprint", BYTES)):
            digits = "".join(getattr(row, name) or "00" * width for row in rows)
            columns[name] = np.frombuffer(bytes.fromhex(digits), np.uint8).reshape(-1, width)
        columns["tones"] = np.array([row.tones or (-1, -1) for row in rows], np.int16).reshape(-1, 2)
        columns["lost_components"] = [row.lost[0] if row.lost else 0 for row in rows]
        columns["lost_share"] = [row.lost[1] if row.lost else 0.0 for row in rows]
        columns["bad"] = [bool(row.fault) for row in rows]
        return cls(columns, {i: row.fault for i, row in enumerate(rows) if row.fault},
                   {i: row.levels for i, row in enumerate(rows) if row.levels})

    def __len__(self) -> int:
        return len(self.columns)

    @overload
    def __getitem__(self, row: int) -> SourceFacts: ...
    @overload
    def __getitem__(self, row: slice) -> list[SourceFacts]: ...

    def __getitem__(self, row: int | slice) -> SourceFacts | list[SourceFacts]:
        if isinstance(row, slice):
            return [self[i] for i in range(len(self))[row]]
        row = range(len(self))[row]
        values, good = self.columns[row], row not in self.faults
        digest, content, fingerprint = (values[name].tobytes().hex() if good else ""
                                        for name in ("digest", "content", "fingerprint"))
        return SourceFacts(
            digest, content, fault=self.faults.get(row, ""), fingerprint=fingerprint, levels=self.levels.get(row, ()),
            tones=() if values["tones"][0] < 0 else tuple(values["tones"].tolist()),
            lost=(int(values["lost_components"]), float(values["lost_share"])) if values["pen"] else (),
            **{name: values[name].item() for name in _UNCHANGED if name != "size"}, size=tuple(values["size"].tolist()))

    def __iter__(self) -> Iterator[SourceFacts]:
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Facts) and (self.columns.tobytes(), self.faults, self.levels) == (
            other.columns.tobytes(), other.faults, other.levels)


def no_facts(count: int) -> np.ndarray:
    """Return `count` rows of COLUMNS in which nothing is known."""
    columns = np.zeros(count, COLUMNS)
    columns["tones"] = columns["two_tone"] = -1
    return columns


def examine_source(reader: Any, listed: int, path: str, recipe: Recipe,
                   ranges: tuple = ()) -> tuple[SourceFacts, np.ndarray | None]:
    """Decode one source image; return the facts that need no cleaning, and its pixels (None: a bad picture).

    listed: its position in the listing of the source. ranges: SetDecisions.ranges, for deep pictures.
    """
    try:
        data = _read(reader, listed, path, recipe)
        decoded = decode_any(data, path, recipe, ranges)
    except BadPicture as bad:
        return SourceFacts(fault=str(bad), levels=astuple(bad.levels) if bad.levels else ()), None
    hexadecimal, spread = fingerprint(decoded.pixels)
    levels = astuple(decoded.levels) if decoded.levels else ()
    facts = SourceFacts(pixels_digest(decoded.pixels), content_digest(data), decoded.size, fingerprint=hexadecimal,
                        spread=spread, contrast=decoded.contrast, levels=levels, several=decoded.several)
    if recipe.clean.polarity != "keep":
        vote, *tones = dark_ink_log_odds(decoded.pixels)
        facts = replace(facts, dark_ink=vote, tones=tuple(tones))
    return facts, decoded.pixels


def examine_together(pixels: np.ndarray) -> Facts:
    """Return the facts of n pictures of one size, uint8 (n, H, W, C), for a recipe without cleaning or polarity."""
    columns, shape = no_facts(len(pixels)), repr(pixels.shape[1:]).encode()
    columns["digest"] = np.frombuffer(b"".join(_digest(one, shape) for one in pixels), np.uint8).reshape(-1, _DIGEST)
    columns["content"] = columns["digest"]       # they are taken as they are stored
    columns["size"] = pixels.shape[1:3]
    columns["fingerprint"], columns["spread"] = fingerprints(pixels)
    columns["contrast"] = pixels.max((1, 2, 3)) - pixels.min((1, 2, 3))
    return Facts(columns)


def load_source(reader: Any, listed: int, path: str, recipe: Recipe, ranges: tuple = ()) -> Decoded:
    """Read and decode one source image; arguments as for `examine_source`. BadPicture: it cannot be decoded."""
    return decode_any(_read(reader, listed, path, recipe), path, recipe, ranges)


def _read(reader: Any, listed: int, path: str, recipe: Recipe) -> bytes | np.ndarray | Image.Image:
    """Read one source image without decoding it. BadPicture: it cannot be read."""
    try:
        return reader.read(listed, path)
    except OSError as error:
        raise BadPicture(f"{UNREADABLE}: {reason(error)}") from None
    except MemoryError:
        raise no_memory(recipe.source.max_pixels, path) from None


def content_digest(data: bytes | np.ndarray | Image.Image) -> str:
    """Return a digest of a picture as it is stored: of the bytes of its file, or of an array or PIL image."""
    if isinstance(data, np.ndarray):
        return pixels_digest(data)
    content, kind = (data.tobytes(), repr((data.mode, data.size))) if isinstance(data, Image.Image) else (data, "file")
    return hashlib.blake2b(content, digest_size=_DIGEST, key=kind.encode()).hexdigest()


def pixels_digest(pixels: np.ndarray) -> str:
    """Return a digest of decoded pixels, uint8 (H, W, C), and their shape."""
    return _digest(pixels, repr(pixels.shape).encode()).hex()


def _digest(pixels: np.ndarray, shape: bytes) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=_DIGEST, key=shape).digest()
