"""Read the orientation from EXIF and XMP, and nothing else; damaged metadata counts as unknown."""

import re

from tenfold.preprocess.decode.tiff import ORIENTATION, directories

MOST_TEXT = 1 << 20          # bytes of unpacked metadata that are looked at


def orientation_of(exif: bytes = b"", xmp: bytes = b"") -> int:
    """Return the orientation, 1 to 8 as EXIF counts; 1 where there is none or it cannot be read."""
    pages = directories(exif.removeprefix(b"Exif\0\0"))
    values = pages[0].get(ORIENTATION, ()) if pages else ()
    if not values:
        match = re.search(rb"tiff:Orientation(?:=\"|>)([1-8])[\"<]", xmp[:MOST_TEXT])
        values = (int(match[1]),) if match else ()
    return int(values[0]) if values and values[0] in range(1, 9) else 1
