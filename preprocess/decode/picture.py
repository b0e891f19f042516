"""Decode a file to one picture: its first frame that is not empty, upright, on white, in 0..255."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tenfold.data.errors import MachineFault
from tenfold.data.out_of_memory import is_out_of_memory
from tenfold.data.recipe import Recipe
from tenfold.preprocess.decode.files import Opened, open_picture
from tenfold.preprocess.decode.levels import BadPicture, Deep, Frame, Levels, check_size, levels_of, no_memory, to_bytes
from tenfold.preprocess.decode.pillow import frame_in_memory, in_words, quiet, stored_orientation
from tenfold.preprocess.decode.reduction import Reduction, reduction_of

WHITE = 252                  # levels from here on are white paper


@dataclass(frozen=True)
class Decoded:
    """A decoded picture, with what was noticed while it was decoded."""
    pixels: np.ndarray                   # uint8 (H, W, channels)
    levels: Levels | None = None         # of a deep picture that declares no range
    several: bool = False                # the file holds more pages or frames
    stored: tuple[int, int] = (0, 0)     # height, width of a picture that was decoded smaller than it is stored

    @property
    def contrast(self) -> int:
        """Its brightest level less its darkest, 0..255; of a large picture, of a part of the pixels."""
        step = max(1, min(self.pixels.shape[:2]) // 256)
        return int(np.ptp(self.pixels[::step, ::step]))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture in its file, upright."""
        height, width = self.pixels.shape[:2]
        return self.stored if any(self.stored) else (height, width)


def decode_any(data: bytes | np.ndarray | Image.Image, path: str, recipe: Recipe, ranges: tuple = ()) -> Decoded:
    """Decode the bytes of a picture file, a uint8 array (H, W, 1, 3 or 4) or a PIL image as the recipe says.

    A JPEG much larger than its copies is decoded smaller than it is stored, unless the recipe cleans; see `reduction`.
    path: the name of the file, for formats without a signature. BadPicture: it cannot be decoded.
    """
    if isinstance(data, np.ndarray):
        check_size(data.shape[0], data.shape[1], recipe.source.max_pixels)
        return Decoded(from_array(data, recipe.clean.channels))
    if isinstance(data, Image.Image):
        return from_pillow(data, recipe.clean.channels, recipe.source.max_pixels, ranges)
    return decode(data, recipe.clean.channels, recipe.source.max_pixels, ranges, path, reduction_of(recipe))


def decode(data: bytes, channels: int, max_pixels: int, ranges: tuple = (), name: str = "",
           reduction: Reduction | None = None) -> Decoded:
    """Decode the first frame that is not empty, upright: uint8 (H, W, channels), grey (ITU-R 601) or RGB.

    What is transparent is laid on white paper, or on black where all ink is white. ranges: ((kind, lowest, highest), …)
    of the set, see `levels`; name: of the file, for formats that have no signature; reduction: how many times smaller a
    JPEG may be decoded.
    BadPicture: not a picture, damaged, larger than `max_pixels`.
    """
    if not data:
        raise BadPicture("empty file")
    with _faults_in_words(max_pixels, name), open_picture(data, max_pixels, name, reduction) as opened:
        frame, levels = _first_shown(opened, _by_kind(ranges))
    return Decoded(_upright(_in_channels(frame, channels), opened.orientation), levels, opened.several, opened.stored)


def from_pillow(picture: Image.Image, channels: int, max_pixels: int, ranges: tuple) -> Decoded:
    """Decode a PIL image, at the frame where it stands, as its file would be; the arguments are those of `decode`."""
    with _faults_in_words(max_pixels):
        check_size(picture.height, picture.width, max_pixels)
        orientation = stored_orientation(picture)
        frame, levels = _first_shown(Opened(iter([frame_in_memory(picture)])), _by_kind(ranges))
    return Decoded(_upright(_in_channels(frame, channels), orientation), levels)


def _by_kind(ranges: tuple) -> dict[str, tuple]:
    return {kind: (low, high) for kind, low, high in ranges}


@contextmanager
def _faults_in_words(max_pixels: int, name: str = "") -> Iterator[None]:
    """Pillow kept quiet; whatever it raises becomes a BadPicture, or a MachineFault that names the file."""
    try:
        with quiet(max_pixels):
            yield
    except BadPicture:
        raise
    except MachineFault as fault:
        raise MachineFault(name or fault.where, fault.fact, fault.cure) from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise BadPicture("enormous: a decompression bomb") from None
    except Exception as error:   # Pillow's plugins raise OSError, SyntaxError, struct.error, … on damage
        raise (no_memory(max_pixels, name) if is_out_of_memory(error) else BadPicture(in_words(error))) from None


def from_array(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Convert a row of an arrays file, uint8 (H, W, 1, 3 or 4), to uint8 (H, W, channels)."""
    if pixels.shape[2] == channels:
        return np.ascontiguousarray(pixels)
    if pixels.shape[2] == 4:
        pixels, reason, _ = _on_paper(Frame(pixels[:, :, :3], pixels[:, :, 3]))
        if reason:
            raise BadPicture(reason)
    return _in_channels(pixels, channels)


def _first_shown(opened: Opened, ranges: dict) -> tuple[np.ndarray, Levels | None]:
    """The first frame with anything on it, else the first of which alpha hides all, else the first."""
    kept: dict[str, tuple[np.ndarray, Levels | None, str]] = {}
    for frame in opened.frames:
        levels = levels_of(frame) if isinstance(frame, Deep) else None
        pixels, reason, hidden = _on_paper(to_bytes(frame, ranges) if isinstance(frame, Deep) else frame)
        blank = reason or (opened.several and _is_even(pixels))
        kept.setdefault("blank" if blank else "hidden" if hidden else "shown", (pixels, levels, reason))
        if "shown" in kept:
            break
    pixels, levels, reason = kept.get("shown") or kept.get("hidden") or kept["blank"]
    if reason:
        bad = BadPicture(reason)
        bad.levels = levels
        raise bad
    return pixels, levels


def _on_paper(frame: Frame) -> tuple[np.ndarray, str, bool]:
    """(the picture on white paper, why there is nothing to see, whether white paper or alpha would hide all of it).

    White ink on a transparent ground, as of many icons, is laid on black instead.
    """
    colour, alpha = frame.colour, frame.alpha
    if alpha is None or alpha.min() == 255:
        return colour, "", False
    if alpha.max() < 4:                      # nobody's ink: a channel that some program left empty
        return colour, "wholly transparent" if _is_even(colour) else "", True
    picture = Image.fromarray(np.dstack([_in_channels(colour, 3), alpha]))
    pixels = _laid_on("white", picture)
    if pixels.min() < WHITE:
        return pixels, "", False
    pixels = _laid_on("black", picture)
    return pixels, "white on white" if _is_even(pixels) else "", True


def _laid_on(ground: str, picture: Image.Image) -> np.ndarray:
    return np.asarray(Image.alpha_composite(Image.new("RGBA", picture.size, ground), picture))[:, :, :3]


def _is_even(pixels: np.ndarray) -> bool:
    return bool((pixels == pixels[:1, :1]).all())


def _in_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    if pixels.shape[2] == channels:
        return np.ascontiguousarray(pixels)
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    return np.asarray(Image.fromarray(pixels).convert("L"))[:, :, None].copy()


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """As EXIF's orientation says, 1 to 8."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    pixels = pixels[::-1 if orientation in (3, 4, 7, 8) else 1, ::-1 if orientation in (2, 3, 6, 7) else 1]
    return np.ascontiguousarray(pixels)
