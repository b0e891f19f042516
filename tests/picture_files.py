"""Picture files made by hand, of kinds that Pillow does not write: what the tests of decoding read."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from tenfold.preprocess.decode import decode

H, W = 17, 23
LIMIT = 10**6
_TYPES = {"u": 1, "i": 2, "f": 3}


def pixels_of(data, *how, **more) -> np.ndarray:
    """The pixels alone of a decoded file."""
    return decode(data, *how, **more).pixels


def grey(seed=0) -> np.ndarray:
    """uint8 (H, W): blocks of 8 pixels, black and white among them."""
    rng = np.random.default_rng(seed)
    page = np.repeat(np.repeat(rng.integers(0, 256, (H // 8 + 1, W // 8 + 1), np.uint8), 8, 0), 8, 1)[:H, :W].copy()
    page[0, :2] = 0, 255
    return page


def colour(seed=0) -> np.ndarray:
    return np.dstack([grey(seed), grey(seed + 1), grey(seed + 2)])


def spread(pixels, dtype, top=None) -> np.ndarray:
    """uint8 pixels over 0..top, of another type; signed ones over all of it."""
    if np.dtype(dtype).kind == "i":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        return np.rint(pixels / 255 * (float(high) - low) + low).clip(low, high).astype(dtype)
    if np.dtype(dtype).kind == "f":
        return (pixels / 255 * (top or 1)).astype(dtype)
    return np.rint(pixels / 255 * (top or np.iinfo(dtype).max)).astype(dtype)


def held(picture, kind, **how) -> bytes:
    out = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(out, kind, **how)
    return out.getvalue()


def chunk(kind: bytes, data: bytes, spoilt=False) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) ^ spoilt)


def png(pixels, bits, more=b"") -> bytes:
    """Grey, grey and alpha, RGB or RGBA of 8 or 16 bits, or grey of fewer; more: chunks after the header."""
    height, width, *rest = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[rest[0] if rest else 1]
    if bits < 8:
        each = pixels.reshape(height, width, 1) >> np.arange(bits - 1, -1, -1) & 1
        rows = np.packbits(each.reshape(height, -1).astype(np.uint8), axis=1)
    else:
        rows = pixels.astype(">u2" if bits == 16 else "u1").reshape(height, -1)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)) + more \
        + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def tiff(pixels, order="<", photometric=None, compression=1, predictor=1, tile=0, planar=1, strip=0, big=False,
         more=(), shift=0) -> bytes:
    """(H, W) or (H, W, samples), any type of number. more: [(tag, type, values), …] besides or instead; shift: so
    many bytes will stand before it."""
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    samples, bits = pixels.shape[2], 8 * pixels.itemsize
    kind = pixels.dtype.kind
    pixels = pixels.astype(pixels.dtype.newbyteorder(order))
    planes = [pixels] if planar == 1 else [pixels[:, :, i:i + 1] for i in range(samples)]
    blocks = [_packed(block, compression, predictor, order)
              for plane in planes for block in _blocks(plane, tile, strip)]
    tags = {256: (4, [pixels.shape[1]]), 257: (4, [pixels.shape[0]]), 258: (3, [bits] * samples),
            259: (3, [compression]), 262: (3, [photometric if photometric is not None else 2 if samples > 2 else 1]),
            277: (3, [samples]), 284: (3, [planar]), 317: (3, [predictor]), 339: (3, [_TYPES[kind]] * samples)}
    if samples in (2, 4):
        tags[338] = (3, [2])
    tags |= {322: (3, [tile]), 323: (3, [tile]), 325: (4, [len(b) for b in blocks])} if tile else \
        {278: (4, [strip or pixels.shape[0]]), 279: (4, [len(b) for b in blocks])}
    tags |= {tag: (form, values) for tag, form, values in more}
    head = struct.calcsize(order + ("8sQ" if big else "4sI"))
    offsets, at = [], head + shift
    for block in blocks:
        offsets.append(at)
        at += len(block)
    tags[324 if tile else 273] = (4, offsets)
    body = b"".join(blocks)
    return _head(order, big, head + len(body)) + body + _directory(tags, order, big, shift + head + len(body))


def _blocks(plane, tile, strip):
    if not tile:
        step = strip or len(plane)
        return [plane[y:y + step] for y in range(0, len(plane), step)]
    padded = np.pad(plane, [(0, -len(plane) % tile), (0, -plane.shape[1] % tile), (0, 0)])
    corners = [(y, x) for y in range(0, len(padded), tile) for x in range(0, padded.shape[1], tile)]
    return [padded[y:y + tile, x:x + tile] for y, x in corners]


def _packed(block, compression, predictor, order) -> bytes:
    if predictor == 2:
        whole = block.view(block.dtype.str.replace("f", "u").replace("i", "u"))
        block = np.concatenate([whole[:, :1], np.diff(whole.astype(whole.dtype.newbyteorder("=")), axis=1)], axis=1) \
            .astype(whole.dtype)
    elif predictor == 3:
        size, (rows, width, samples) = block.itemsize, block.shape
        high = block.astype(block.dtype.newbyteorder(">")).reshape(rows, -1).view(np.uint8)
        high = high.reshape(rows, width * samples, size).swapaxes(1, 2).reshape(rows, -1, samples)
        block = np.concatenate([high[:, :1], np.diff(high, axis=1)], axis=1)
    data = np.ascontiguousarray(block).tobytes()
    if compression == 8:
        return zlib.compress(data)
    if compression == 32773:                     # PackBits, as runs of literal bytes
        return b"".join(bytes([len(data[i:i + 128]) - 1]) + data[i:i + 128] for i in range(0, len(data), 128))
    return data


def _head(order, big, at) -> bytes:
    mark = b"II" if order == "<" else b"MM"
    return mark + (struct.pack(order + "HHHQ", 43, 8, 0, at) if big else struct.pack(order + "HI", 42, at))


def _directory(tags, order, big, at) -> bytes:
    forms = {1: "B", 2: "s", 3: "H", 4: "I", 7: "s", 11: "f", 12: "d"}
    count, entry, room = ("Q", 20, 8) if big else ("H", 12, 4)
    end = at + struct.calcsize(order + count) + entry * len(tags) + room
    body, beyond = b"", b""
    for tag in sorted(tags):
        form, values = tags[tag]
        data = values if isinstance(values, bytes) else struct.pack(f"{order}{len(values)}{forms[form]}", *values)
        many = len(values)
        if len(data) > room:
            where = struct.pack(order + ("Q" if big else "I"), end + len(beyond))
            beyond += data
            data = where
        body += struct.pack(order + ("HHQ" if big else "HHI"), tag, form, many) + data.ljust(room, b"\0")
    return struct.pack(order + count, len(tags)) + body + bytes(room) + beyond
