"""Where the compressed chunks of a shard lie in its file, so that they can be read without HDF5.

HDF5 decompresses under one lock of the process. gzip chunks are plain zlib streams: read at their
offsets and inflated by zlib, which lets go of the interpreter's lock, they use as many cores as
there are reading threads.
"""

from dataclasses import dataclass

import numpy as np

DEFLATE = 1                  # HDF5's number for the gzip filter


@dataclass(frozen=True)
class Chunks:
    """The chunks of one dataset, in the order of its rows; each holds `rows` rows, the last one is padded."""
    rows: int
    offsets: np.ndarray          # int64 (chunks,): in the file
    sizes: np.ndarray            # int64 (chunks,): bytes there
    packed: np.ndarray           # bool (chunks,): False: HDF5 stored it as it is, as it would have grown


def deflated_chunks(image, file_bytes: int) -> Chunks | None:
    """Of an HDF5 dataset whose chunks are whole rows, through the gzip filter alone; None: of another kind.

    ValueError: they are not all there.
    """
    plan = image.id.get_create_plist()
    if plan.get_nfilters() != 1 or plan.get_filter(0)[0] != DEFLATE or image.chunks[1:] != image.shape[1:]:
        return None
    rows = image.chunks[0]
    count = -(-image.shape[0] // rows)
    infos = sorted((image.id.get_chunk_info(i) for i in range(image.id.get_num_chunks())), key=lambda c: c.chunk_offset)
    if [c.chunk_offset[0] for c in infos] != [rows * i for i in range(count)]:
        raise ValueError("chunks are missing")
    packed = np.array([c.filter_mask == 0 for c in infos], bool)
    offsets, sizes = (np.array([getattr(c, name) for c in infos], np.int64) for name in ("byte_offset", "size"))
    if count and (offsets.min() <= 0 or (offsets + sizes).max() > file_bytes):
        raise ValueError("chunks lie beyond the file's end")
    return Chunks(rows, offsets, sizes, packed)
