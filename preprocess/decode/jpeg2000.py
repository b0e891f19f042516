"""Read JPEG 2000 files: all 16 bits of their levels, and also where something follows their end."""

from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from tenfold.preprocess.decode.levels import Deep, Frame
from tenfold.preprocess.decode.pillow import frame_of, opened

_START, _END = b"\xff\x4f\xff\x51", b"\xff\xd9"


def precision(data: bytes) -> int:
    """Return the bits of a level, as the SIZ segment has them; 0: there is none."""
    start = data.find(_START)
    return (data[start + 42] & 127) + 1 if 0 <= start < len(data) - 42 else 0


def pixels(data: bytes, picture: Image.Image, max_pixels: int) -> Frame | Deep:
    """Decode a JPEG 2000.

    Pillow spreads other depths over 8 or 16 bits; of the 16 bits of a colour it keeps 8, OpenCV all.
    """
    try:
        frame = frame_of(picture)
    except OSError:
        end = data.find(_END, data.find(_START)) + len(_END)
        if not len(_END) <= end < len(data):
            raise
        with opened(data[:end], ("JPEG2000",), max_pixels) as whole:         # what follows it misled the library
            frame = frame_of(whole)
    if precision(data) != 16:
        return frame
    if isinstance(frame, Deep):
        return replace(frame, declared=None)
    levels = _by_opencv(data) if picture.mode in ("RGB", "RGBA") else None
    if levels is None or levels.dtype != np.uint16 or levels.shape[2:] != (len(picture.mode),):
        return frame
    return Deep(levels[:, :, 2::-1], 16, levels[:, :, 3] if levels.shape[2] == 4 else None)


def _by_opencv(data: bytes) -> np.ndarray | None:
    """uint16 (H, W, 3 or 4), blue first."""
    loud = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(loud)
