"""Read PNG files without their metadata (which may be damaged, or a bomb), and in all 16 bits."""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from tenfold.preprocess.decode.levels import BROKEN, HEADER, TRUNCATED, BadPicture, Deep, with_alpha_of
from tenfold.preprocess.decode.metadata import MOST_TEXT, orientation_of
from tenfold.preprocess.decode.pillow import opened

_PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")


@dataclass(frozen=True)
class Png:
    """A parsed PNG: size, depth, colour type, transparency and pixel data."""
    data: bytes                          # the file anew, without what is not needed
    width: int
    height: int
    depth: int                           # bits of a level
    colour: int                          # 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha
    clear: tuple = ()                    # tRNS of grey or RGB: the levels that are transparent
    significant: int = 0                 # sBIT: the least of bits that count, 0: not said
    orientation: int = 1
    animated: bool = False
    still: bytes = field(default=b"", repr=False)       # as `data`, without animation


def parsed(data: bytes) -> Png:
    """Parse a PNG. BadPicture: what its pixels depend on is damaged."""
    chunks, whole = _chunks(data)
    if chunks and chunks[0][0] == b"CgBI":
        raise BadPicture("PNG packed for an iPhone app (CgBI), which is not read")
    kept: list[tuple[bytes, bytes, bool]] = []
    held: dict[bytes, bytes] = {}
    found: dict[str, bytes] = {}
    for kind, content, sound in chunks:
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"sBIT"):
            if not sound and kind in (b"IHDR", b"PLTE"):
                raise BadPicture(HEADER if kind == b"IHDR" else "damaged: its palette is broken")
            held.setdefault(kind, content)
        elif kind == b"IDAT" or (kind in _ANIMATION and sound):
            kept.append((kind, content, sound))
        elif sound:
            found = _metadata_in(kind, content) | found          # the first of each kind
    head = held.get(b"IHDR", b"")
    width, height, depth, colour, interlaced = struct.unpack(">IIBBxxB", head) if len(head) == 13 else (0,) * 5
    if colour not in _CHANNELS or not width or not height:
        raise BadPicture(HEADER)
    pixels = b"".join(content for kind, content, _ in kept if kind == b"IDAT")
    if not pixels:
        raise BadPicture("damaged: it holds no image data" if whole else TRUNCATED)
    if not all(sound for _, _, sound in kept):
        bits = width * _CHANNELS[colour] * depth
        _check_packed(pixels, (height + 14) * ((bits + 7) // 8 + 8) * (2 if interlaced else 1))
    clear, chunk = _transparent(held.get(b"tRNS", b""), colour, depth)
    start = [(kind, held[kind]) for kind in (b"IHDR", b"PLTE") if kind in held] + ([(b"tRNS", chunk)] if chunk else [])
    moving = [(kind, content) for kind, content, _ in kept]
    moving.sort(key=lambda chunk: chunk[0] != b"acTL")           # stable: the others stay in their order
    animated = moving[0][0] == b"acTL"
    still = _written([*start, (b"IDAT", pixels)])
    return Png(_written([*start, *moving]) if animated else still, width, height, depth, colour, clear,
               min(held.get(b"sBIT") or b"\0"), orientation_of(**found), animated, still)


def _transparent(chunk: bytes, colour: int, depth: int) -> tuple[tuple, bytes]:
    """(the levels of grey or RGB that are transparent, tRNS as Pillow wants it) out of tRNS; () and b"": none."""
    if colour == 3:
        return (), chunk[:256]
    many = _CHANNELS[colour]
    if colour not in (0, 2) or len(chunk) < 2 * many:
        return (), b""
    clear = struct.unpack_from(f">{many}H", chunk)
    if depth == 16:
        return clear, b""                # read here
    scale = 1 if depth == 1 else 255 // (2**depth - 1)           # Pillow compares levels of 0..255 with it
    return clear, struct.pack(f">{many}H", *(level * scale & 255 for level in clear))


def _chunks(data: bytes) -> tuple[list[tuple[bytes, bytes, bool]], bool]:
    """([(kind, content, whether its checksum is right), …], whether the file goes on to its end)."""
    chunks: list[tuple[bytes, bytes, bool]] = []
    offset = len(_PNG)
    while offset + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, offset)
        content = data[offset + 8:offset + 8 + length]
        if kind == b"IEND":
            return chunks, True
        check = data[offset + 8 + length:offset + 12 + length]
        sound = len(check) == 4 and zlib.crc32(kind + content) == struct.unpack(">I", check)[0]
        chunks.append((kind, content, sound))
        offset += 12 + length
    return chunks, False


def _check_packed(pixels: bytes, most: int) -> None:
    """Pixels whose checksum is wrong or missing are sound if zlib's own, over what they unpack to, is right."""
    try:
        unpack = zlib.decompressobj()
        unpack.decompress(pixels, most)
    except zlib.error:
        raise BadPicture(BROKEN) from None
    if not unpack.eof:
        raise BadPicture(TRUNCATED)


def _written(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    return _PNG + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in [*chunks, (b"IEND", b"")])


def _metadata_in(kind: bytes, content: bytes) -> dict[str, bytes]:
    """What `orientation_of` wants of a chunk."""
    if kind == b"eXIf":
        return {"exif": content}
    if kind == b"iTXt" and content.startswith(b"XML:com.adobe.xmp\0\0"):
        return {"xmp": content}
    if kind == b"zTXt" and content.startswith(b"Raw profile type exif\0\0"):       # ImageMagick's way
        try:
            text = zlib.decompressobj().decompress(content[23:], MOST_TEXT)
            return {"exif": bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))}
        except (zlib.error, ValueError):
            pass
    return {}


def deep_pixels(png: Png, max_pixels: int) -> Deep:
    """Decode all 16 bits of a PNG.

    Pillow keeps 8 of them where there is colour or alpha, so it is asked for either half.
    """
    modes = {0: ("I;16B",), 2: ("RGB;16B", "RGB;16L"), 4: ("RGBA",), 6: ("RGBA;16B", "RGBA;16L")}.get(png.colour)
    if not modes:
        raise BadPicture(HEADER)
    halves = []
    for mode in modes:
        with opened(png.still, ("PNG",), max_pixels) as picture:
            picture.tile = [tile._replace(args=mode) for tile in picture.tile]  # type: ignore[attr-defined]
            halves.append(np.asarray(picture))
    if png.colour == 0:
        pixels = halves[0].astype(np.uint16)[:, :, None]
    elif png.colour == 4:
        pixels = np.ascontiguousarray(halves[0]).view(">u2").astype(np.uint16)
    else:
        pixels = halves[0].astype(np.uint16) << 8 | halves[1]
    channels = 3 if png.colour in (2, 6) else 1
    colour = pixels[:, :, :channels]
    deep = Deep(colour, 16, pixels[:, :, channels] if png.colour > 3 else None, _significant(colour, png.significant))
    return with_alpha_of(deep, (colour == np.array(png.clear, np.uint16)).all(axis=2)) if png.clear else deep


def _significant(pixels: np.ndarray, bits: int) -> tuple | None:
    """The range that sBIT declares. Levels are to be spread over all 16 bits; some programs leave them as they were."""
    if not 1 < bits < 16:
        return None
    if pixels.max() >= 2**bits:
        return 0, 65535
    is_spread = not (pixels & np.uint16(2**(16 - bits) - 1)).any()
    return (0, 65535) if is_spread else (0, 2**bits - 1)
