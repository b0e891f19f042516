"""EXIF and XMP are read for one thing, how the camera was turned; where they are damaged, that counts as unknown."""

import re

from tenfold.preprocess.decode.tiff import ORIENTATION, directories

MOST_TEXT = 1 << 20          # bytes of unpacked metadata that are looked at


def orientation_of(exif: bytes = b"", xmp: bytes = b"") -> int:
    """1 to 8 as EXIF counts, 1 where nothing is said or it cannot be read."""
    pages = directories(exif.removeprefix(b"Exif\0\0"))
    told = pages[0].get(ORIENTATION, ()) if pages else ()
    if not told:
        match = re.search(rb"tiff:Orientation(?:=\"|>)([1-8])[\"<]", xmp[:MOST_TEXT])
        told = (int(match[1]),) if match else ()
    return int(told[0]) if told and told[0] in range(1, 9) else 1
