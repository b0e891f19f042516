"""The format of shards, sources.h5 and dataset.json on disk, as values that writer and reader share.

shards/<name>/train-00000.h5 …   rows in random order; datasets and attributes as below
shards/<name>/val-00000.h5 …
shards/<name>/test-00000.h5 …
shards/<name>/sources.h5         a row for each source image that could be used, in columns
shards/<name>/dataset.json       written last: without it the set is not finished
"""

import re

SCHEMA = 1               # of a shard
SET_SCHEMA = 2           # of dataset.json and sources.h5
SPLITS = ("train", "val", "test")
INDEX = "dataset.json"
SOURCES = "sources.h5"
SHARD_NAME = re.compile(r"(train|val|test)-\d{5,}\.h5")    # what shard_name makes

# name -> (dtype, shape of a row); image rows are (H, W, C): 0..255, C is 1 (grey) or 3 (RGB)
IMAGE = "image"
COLUMNS = {
    "label": "<i8",      # class index
    "source": "<i8",     # row of the source image in sources.h5
    "copy": "<i8",       # which copy of it; 0 in val and test
}
# attributes of every file: schema (int), split, recipe (digest of the tables the bytes depend on),
# plan (digest of which rows it holds and of the pixels they come from)
ATTRIBUTES = ("schema", "split", "recipe", "plan")

# sources.h5: name -> (dtype, shape of a row, value where it is not known). Stored contiguous and uncompressed. The
# attribute `schema` is SET_SCHEMA. Paths lie one behind the other in `path_bytes` (uint8): as the file system gives
# them, so not always UTF-8
PATH_BYTES = "path_bytes"
SOURCE_COLUMNS = {
    "path_end": ("<i8", (), 0),          # of each path in path_bytes; it begins where the one before ends
    "label": ("<i8", (), 0),             # class index
    "split": ("|i1", (), -1),            # index into SPLITS; -1: in none
    "digest": ("|u1", (12,), 0),         # of the decoded pixels
    "size": ("<i4", (2,), 0),            # height, width as decoded
    "fingerprint": ("|u1", (16,), 0),    # alike for pictures that look alike
    "spread": ("<f8", (), 0.0),          # deviation of the grey levels
    "pen": ("<f8", (), 0.0),             # width of the ink's strokes, pixels; 0: no ink was looked for
    "lost_components": ("<i8", (), 0),   # what was taken for dust: components broader than half the pen,
    "lost_share": ("<f8", (), 0.0),      # and its share of the ink
    "edges": ("|i1", (), 0),             # edges of the picture that its ink touches
    "ink_share": ("<f8", (), 0.0),       # share of the picture that is ink
    "dark_ink": ("<f8", (), 0.0),        # log-odds that the ink is dark
}

CHUNK_BYTES = 2 << 20    # compressed: whole rows, about 2 MB a chunk
ALIGNMENT = 4096         # contiguous: image bytes begin at a page, fit for mapping and direct reads


def shard_name(split: str, number: int) -> str:
    """Return the file name of a shard: "train-00000.h5"."""
    return f"{split}-{number:05d}.h5"


def chunk_rows(rows: int, row_bytes: int) -> int:
    """Return how many rows a chunk of a compressed shard holds: never more than there are."""
    return max(1, min(rows, CHUNK_BYTES // row_bytes))
