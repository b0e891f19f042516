"""Decode the kinds of TIFF that Pillow reads wrongly or not at all: more than 8 bits, signed, real, odd layouts.

Strips and tiles are unpacked by Pillow's libtiff, as bytes: from a directory written here that calls them one tall
grey picture of 8 bits.
"""

import io
from math import ceil

import numpy as np
from PIL import Image

from tenfold.preprocess.decode import tiff
from tenfold.preprocess.decode.levels import HEADER, TRUNCATED, BadPicture, Deep, Frame, is_usual


def read_page(data: bytes, page: dict) -> Frame | Deep:
    """Decode a page that is `tiff.is_readable`, as it lies in the file: not turned upright."""
    samples = int(page.get(tiff.SAMPLES, (len(page.get(tiff.BITS, (1,))),))[0])
    extra = tuple(map(int, page.get(tiff.EXTRA, ())))
    photometric = tiff.photometric_of(page)
    channels = 3 if photometric == 2 else 1
    if not channels <= samples <= 64:
        raise BadPicture(HEADER)
    if channels == 1 and samples > 2:
        raise BadPicture(f"TIFF of {samples} channels that are not colours")
    pixels = _samples(data, page, samples)
    colour = pixels[:, :, :channels]
    if photometric == 3:
        return _painted(page, colour[:, :, 0])
    meaning = extra[0] if extra else 2 if (channels, samples) == (3, 4) else 0
    alpha = pixels[:, :, channels] if samples > channels and meaning in (1, 2) else None
    return Deep(colour, tiff.bits_of(page), alpha, _declared(page, colour), photometric == 0, meaning == 1)


def _painted(page: dict, index: np.ndarray) -> Frame:
    colours = np.array(page.get(tiff.COLOURS, (0,)))
    count = len(colours) // 3
    if not count or index.max() >= count:
        raise BadPicture("damaged: its palette is broken")
    colours = colours[:3 * count].reshape(3, count).T
    return Frame((colours if colours.max() < 256 else colours >> 8).astype(np.uint8)[index])


def _declared(page: dict, pixels: np.ndarray) -> tuple | None:
    """(lowest, highest) level that the file declares, by its depth or in words, else None."""
    bits = tiff.bits_of(page)
    for low, high in ((tiff.LOWEST_ANY, tiff.HIGHEST_ANY), (tiff.LOWEST, tiff.HIGHEST)):
        if high in page:
            span = min(page.get(low, (0,))), max(page[high])
            if span[1] > span[0] and is_usual(*span, pixels):
                return span
    if pixels.dtype.kind == "u" and bits not in (16, 32, 64):
        return 0, 2**bits - 1
    return None


def _samples(data: bytes, page: dict, samples: int) -> np.ndarray:
    """(H, W, samples) in the byte order of this machine."""
    height, width = tiff.size_of(page)
    if tiff.first(page, tiff.COMPRESSION) in (1, 8, 32946) and \
            tiff.bits_of(page) * samples * height * width > 8 * 1100 * len(data):      # no deflate packs better
        raise BadPicture(TRUNCATED)
    offsets = page.get(tiff.STRIPS, page.get(tiff.TILES, ()))
    counts = page.get(tiff.COUNTS, page.get(tiff.TILE_COUNTS, ()))
    planes, deep = (samples, 1) if tiff.first(page, tiff.PLANAR) == 2 else (1, samples)
    tiled = tiff.STRIPS not in page
    if tiled:
        high, wide = (int(page.get(tag, (0,))[0]) for tag in (tiff.TILE_HEIGHT, tiff.TILE_WIDTH))
    else:
        high, wide = min(height, tiff.first(page, tiff.ROWS, height)), width
    if high < 1 or wide < 1 or high * wide > 4 * (height + 1024) * (width + 1024):
        raise BadPicture(HEADER)
    across, down = ceil(width / wide), ceil(height / high)
    if len(offsets) < planes * across * down:
        raise BadPicture(TRUNCATED)
    rows = down * high if tiled else height
    out = []
    for plane in range(planes):
        mine = slice(plane * across * down, (plane + 1) * across * down)
        shape = high, rows * across, -(-wide * deep * tiff.bits_of(page) // 8)
        whole = _unpacked(data, page, (offsets[mine], counts[mine]), shape)
        blocks = _numbers(whole, page, wide, deep, "<" if data[:2] == b"II" else ">")
        if tiled:
            blocks = blocks.reshape(down, across, high, wide, deep).swapaxes(1, 2).reshape(rows, across * wide, deep)
        out.append(blocks[:height, :width])
    return out[0] if planes == 1 else np.concatenate(out, axis=2)


def _unpacked(data: bytes, page: dict, blocks: tuple[tuple, tuple], shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 (rows, bytes in a row): all strips or tiles one below the other. shape: (rows in a block, rows, bytes)."""
    offsets, counts = blocks
    high, rows, wide = shape
    if tiff.first(page, tiff.COMPRESSION) == 1:      # counts are often wrong, and not needed
        found = [data[int(at):int(at) + min(high, rows - i * high) * wide] for i, at in enumerate(offsets)]
        whole = np.frombuffer(b"".join(found), np.uint8)
        if whole.size < rows * wide:
            raise BadPicture(TRUNCATED)
        if tiff.first(page, tiff.FILL) == 2:
            whole = np.packbits(np.unpackbits(whole, bitorder="little"))
        return whole.reshape(rows, wide)
    counts = counts or tuple(max(0, len(data) - int(at)) for at in offsets)
    tiff.check_there(data, offsets, counts)
    tags = {tiff.WIDTH: (wide,), tiff.HEIGHT: (rows,), tiff.ROWS: (high,), tiff.BITS: (8,), tiff.SAMPLES: (1,),
            tiff.PHOTOMETRIC: (1,), tiff.COMPRESSION: page[tiff.COMPRESSION], tiff.STRIPS: offsets,
            tiff.COUNTS: counts, tiff.FILL: (tiff.first(page, tiff.FILL),)}
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None       # these are bytes, and were counted
    try:
        with Image.open(io.BytesIO(tiff.file_of(data, tags)), formats=("TIFF",)) as picture:
            return np.asarray(picture).reshape(rows, wide)
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _numbers(rows: np.ndarray, page: dict, width: int, samples: int, order: str) -> np.ndarray:
    """(rows, width, samples) of the file's type of number, out of bytes (rows, n)."""
    bits, form = tiff.bits_of(page), {2: "i", 3: "f"}.get(tiff.first(page, tiff.FORMAT), "u")
    shape = len(rows), width, samples
    predictor = tiff.first(page, tiff.PREDICTOR) if tiff.first(page, tiff.COMPRESSION) != 1 else 1
    if bits not in (8, 16, 32, 64) or (form == "f" and bits == 8):
        if form != "u" or bits > 32 or predictor != 1:
            raise BadPicture(f"TIFF of {bits} bits of a kind that is not read")
        return _odd_bits(rows, bits, order)[:, :width * samples].reshape(shape)
    size = bits // 8
    if predictor == 3:                           # Adobe's TIFF Technical Note 3: bytes of like weight lie together
        rows = np.cumsum(rows.reshape(len(rows), -1, samples), axis=1, dtype=np.uint8)
        rows = rows.reshape(len(rows), size, width * samples).swapaxes(1, 2)
        return np.ascontiguousarray(rows).view(f">f{size}").reshape(shape).astype(f"f{size}")
    pixels = np.ascontiguousarray(rows).view(f"{order}u{size}").reshape(shape).astype(f"u{size}")
    if predictor == 2:
        pixels = np.cumsum(pixels, axis=1, dtype=pixels.dtype)
    return pixels.view(f"{form}{size}")


def _odd_bits(rows: np.ndarray, bits: int, order: str) -> np.ndarray:
    """Whole numbers packed without gaps, or 24 bits in the order of the file."""
    if bits == 24 and order == "<":
        rows = rows[:, :rows.shape[1] // 3 * 3].reshape(len(rows), -1, 3)[:, :, ::-1].reshape(len(rows), -1)
    flat = np.unpackbits(rows, axis=1)
    flat = flat[:, :flat.shape[1] // bits * bits].reshape(len(rows), -1, bits)
    out = np.zeros(flat.shape[:2], np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32)
    for bit in range(bits):
        out <<= out.dtype.type(1)
        out |= flat[:, :, bit]
    return out
