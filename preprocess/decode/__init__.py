"""Decode picture files to uint8 pixels; the only files that know EXIF, palettes and decompression bombs.

Read in this order: `picture` (what all others call), `files` (which reader a file has), `pillow` (Pillow asked
quietly), `png`, `jpeg`, `jpeg2000`, `tiff` and `tiff_pixels` (what Pillow reads wrongly, or gives up for damaged
metadata), `levels` (more than 8 bits), `metadata` (how the camera was turned), `reduction` (how much smaller than
stored a photograph may be decoded).
"""

from tenfold.preprocess.decode.files import may_be_deep
from tenfold.preprocess.decode.levels import BadPicture, Levels, exceeds, usual_range
from tenfold.preprocess.decode.picture import Decoded, decode, decode_any, from_array, from_pillow

__all__ = ["BadPicture", "Decoded", "Levels", "decode", "decode_any", "exceeds", "from_array", "from_pillow",
           "may_be_deep", "usual_range"]
