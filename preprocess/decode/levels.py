"""Scale pictures of more than 8 bits to 0..255: find the range of levels that they use.

A 16-bit file may hold 0..65535, the 12 bits of a camera or plain 0..255, and only the whole set can tell. So a
range holds for all pictures of one kind of number: "unsigned", "signed" or "float". A file that declares its
range goes by that.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from tenfold.data.errors import MachineFault
from tenfold.data.memory import check_room, is_room

WHOLE_NUMBERS = (1, 8, 10, 12, 14, 16, 20, 24, 32)      # usual depths; 1 is a mask of 0 and 1
# the usual ranges of floats, and how much of one must be used, so that a set is never nearly black
FLOATS = ((0.0, 1.0, 0.0), (-0.5, 0.5, 0.0), (-1.0, 1.0, 0.0), (0.0, 255.0, 1 / 16), (0.0, 4095.0, 1 / 16),
          (0.0, 65535.0, 1 / 16), (-128.0, 128.0, 1 / 16))
HOUNSFIELD = (-1024, 3071)   # signed: computed tomography, 12 bits from -1024 on
BYTES_A_PIXEL = 24           # of memory while a picture is decoded, at the most that was measured: RGB with alpha
BYTES_A_JPEG_PIXEL = 12
_CURE = "ask for fewer --workers, or lower source.max_pixels, which sets it aside"
SLACK = 1 / 510              # half a level of 255: what resampling overshoots


TRUNCATED, BROKEN, HEADER = ("damaged: the image data is truncated", "damaged: the image data is broken",
                             "damaged: its header is broken")


class BadPicture(Exception):
    """A picture to set aside; `str()` is the reason that dataset.json records."""
    levels: "Levels | None" = None       # of a deep picture of which nothing is to be seen under the range of the set


def check_size(height: int, width: int, max_pixels: int, each: int = BYTES_A_PIXEL) -> None:
    """Raise BadPicture if there are more pixels than the recipe allows; MachineFault: than there is memory for.

    each: bytes of memory that a pixel takes while it is decoded.
    """
    if width * height > max_pixels:
        raise BadPicture(f"enormous: {width}×{height} pixels")
    check_room(f"a picture of {width}×{height} pixels", each * width * height, "to be decoded", _CURE)


def no_memory(max_pixels: int, name: str) -> BadPicture | MachineFault:
    """Return what to raise where a decoder found no memory, though the size of the picture is allowed.

    The file is at fault if the machine has room for the largest picture that is allowed. Otherwise the build must stop:
    the content of a set does not depend on the machine.
    """
    if is_room(BYTES_A_PIXEL * max_pixels):
        return BadPicture("damaged: it asks for more memory than a picture takes")
    return MachineFault(name or "a picture", "memory is used up in decoding it", _CURE)


@dataclass(frozen=True)
class Frame:
    """One picture of a file: colour uint8 (H, W, 1 or 3), alpha uint8 (H, W) or None."""
    colour: np.ndarray
    alpha: np.ndarray | None = None


@dataclass(frozen=True)
class Deep:
    """One picture of a file whose levels are not yet 0..255."""
    colour: np.ndarray                   # (H, W, 1 or 3), any type of number
    bits: int                            # of a level as stored
    alpha: np.ndarray | None = None      # (H, W), the same type
    declared: tuple | None = None        # (lowest, highest) where the file says its range
    inverted: bool = False               # its lowest level is white
    associated: bool = False             # colours were multiplied by alpha


@dataclass(frozen=True)
class Levels:
    """The lowest and highest level found in one deep picture that declares no range."""
    kind: str                # "unsigned", "signed" or "float"
    bits: int
    low: float
    high: float


def kind_of(pixels: np.ndarray) -> str:
    """Return the kind of number of the levels: "unsigned", "signed" or "float"."""
    return {"u": "unsigned", "i": "signed", "f": "float"}[pixels.dtype.kind]


def levels_of(deep: Deep) -> Levels | None:
    """Return the lowest and highest level of what can be seen; None where the file declares its range.
    BadPicture: levels that are no numbers."""
    if deep.colour.dtype.kind == "f" and not np.isfinite(deep.colour).all():
        raise BadPicture("damaged: pixels that are not numbers (NaN or infinite)")
    if deep.declared:
        return None
    visible = deep.colour
    if deep.alpha is not None and deep.alpha.any():
        visible = deep.colour[deep.alpha > 0]
    return Levels(kind_of(visible), deep.bits, visible.min().item(), visible.max().item())


def usual_range(levels: list[Levels]) -> tuple:
    """Return (lowest, highest): the smallest usual range that holds the levels of these pictures, all of one kind.

    Levels that are all 0 tell nothing: then it is the range of the type.
    """
    low, high = min(f.low for f in levels), max(f.high for f in levels)
    bits = max(f.bits for f in levels)
    if levels[0].kind == "float":
        return _usual_floats(low, high)
    if low < 0:
        ranges = [HOUNSFIELD] + [(-2**(b - 1), 2**(b - 1) - 1) for b in (*WHOLE_NUMBERS[1:], bits)]
        ranges.sort(key=lambda r: r[1] - r[0])
    else:
        top = bits - (levels[0].kind == "signed")
        ranges = [(0, 2**b - 1) for b in (*WHOLE_NUMBERS, top) if (b < top and high > 0) or b == top]
    return next((a, b) for a, b in ranges if a <= low and high <= b)


def exceeds(levels: Levels, low: float, high: float) -> bool:
    """Return whether levels go beyond the range low..high by more than resampling overshoots."""
    slack = SLACK * (high - low)
    return levels.low < low - slack or levels.high > high + slack


def _usual_floats(low: float, high: float) -> tuple:
    for least, most, used in FLOATS:
        slack = SLACK * (most - least)
        if least - slack <= low and high <= most + slack and max(high, -low) >= used * most:
            return least, most
    return min(low, 0.0), max(high, 0.0)


def is_usual(low: float, high: float, pixels: np.ndarray) -> bool:
    """Return whether a range that a file states is a usual one, not just the lowest and highest level that it holds.

    low, high: the range. pixels: of the file, of any shape and kind of number, not empty.
    """
    if high < pixels.max() or low > pixels.min():
        return False
    if pixels.dtype.kind == "f":
        return (low, high) in [f[:2] for f in FLOATS] or (low == 0 and high in [2**b - 1 for b in range(1, 33)])
    return (low, high) in [r for b in range(1, 65) for r in ((0, 2**b - 1), (-2**(b - 1), 2**(b - 1) - 1))]


def to_bytes(deep: Deep, ranges: dict) -> Frame:
    """Scale a deep picture to 0..255.

    ranges: {kind: (lowest, highest)} of the set; a kind that is missing goes by this picture alone.
    """
    found = levels_of(deep)
    low, high = ranges.get(found.kind) or usual_range([found]) if found else deep.declared or ()
    alpha = None
    if deep.alpha is not None:
        alpha = _scaled(deep.alpha, 0, _whole_alpha(deep.alpha, deep.bits, high))
    colour = _scaled(deep.colour, low, high)
    if deep.associated and alpha is not None:
        share = np.maximum(alpha, 1)[:, :, None] / 255
        colour = np.clip(np.rint(colour / share), 0, 255).astype(np.uint8)
    return Frame(255 - colour if deep.inverted else colour, alpha)


def _whole_alpha(alpha: np.ndarray, bits: int, high: float) -> float:
    """The level of alpha that hides all: that of white, unless alpha goes beyond it or is a mask of 0 and 1."""
    most = alpha.max()
    if most == 1:
        return 1
    if 0 < most <= high:
        return high
    return 1 if alpha.dtype.kind == "f" else 2**(bits - (alpha.dtype.kind == "i")) - 1


def _scaled(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    """low..high -> 0..255, uint8; what lies beyond is cut."""
    if pixels.dtype == np.uint8 and (low, high) == (0, 255):
        return pixels
    if pixels.dtype in (np.uint8, np.uint16):            # a table is several times faster than floats
        return _table(8 * pixels.itemsize, low, high)[pixels]
    return _in_bytes(pixels.astype(np.float64 if pixels.itemsize > 2 else np.float32), low, high)


@lru_cache(16)
def _table(bits: int, low: float, high: float) -> np.ndarray:
    return _in_bytes(np.arange(2**bits, dtype=np.float64), low, high)


def _in_bytes(real: np.ndarray, low: float, high: float) -> np.ndarray:
    """As `_scaled`; `real` is used up."""
    real -= low
    real *= 255 / (high - low)
    return np.clip(np.rint(real, out=real), 0, 255, out=real).astype(np.uint8)


def with_alpha_of(deep: Deep, mask: np.ndarray) -> Deep:
    """Return the same picture, transparent where `mask` (H, W) says so."""
    top = np.iinfo(deep.colour.dtype).max
    return replace(deep, alpha=np.where(mask, 0, top).astype(deep.colour.dtype))
