"""The format of shards, sources.h5 and dataset.json on disk, as values that writer and reader share.

shards/<name>/train-00000.h5 …   rows in random order; datasets and attributes as below
shards/<name>/val-00000.h5 …
shards/<name>/test-00000.h5 …
shards/<name>/sources.h5         a row for each source image that could be used, in columns
shards/<name>/dataset.json       written last: without it the set is not finished
"""

import re

from tenfold.data.fields import COUNT

SCHEMA = 1               # of a shard
SET_SCHEMA = 2           # of dataset.json and sources.h5
SPLITS = ("train", "val", "test")
INDEX = "dataset.json"
SOURCES = "sources.h5"
SHARD_NAME = re.compile(r"(train|val|test)-\d{5,}\.h5")    # matches what shard_name returns

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

# sources.h5: name -> (dtype, shape of a row, value if unknown). Stored contiguous and uncompressed. The attribute
# `schema` is SET_SCHEMA. Paths are concatenated in `path_bytes` (uint8), as the file system gives them, so they may not
# be valid UTF-8
PATH_BYTES = "path_bytes"
SOURCE_COLUMNS = {
    "path_end": ("<i8", (), 0),          # end of each path in path_bytes; it begins where the one before ends
    "label": ("<i8", (), 0),             # class index
    "split": ("|i1", (), -1),            # index into SPLITS; -1: in none
    "digest": ("|u1", (12,), 0),         # of the decoded pixels
    "size": ("<i4", (2,), 0),            # height, width as stored, upright
    "fingerprint": ("|u1", (16,), 0),    # similar for pictures that look similar
    "spread": ("<f8", (), 0.0),          # deviation of the grey levels
    "pen": ("<f8", (), 0.0),             # width of the ink's strokes, pixels; 0: no ink was looked for
    "lost_components": ("<i8", (), 0),   # components broader than half the pen that were removed as dust
    "lost_share": ("<f8", (), 0.0),      # share of the ink that was removed as dust
    "edges": ("|i1", (), 0),             # edges of the picture that its ink touches
    "ink_share": ("<f8", (), 0.0),       # share of the picture that is ink
    "dark_ink": ("<f8", (), 0.0),        # log-odds that the ink is dark
}

# dataset.json, in the form that `fields.misfit` takes
SIDE = range(1, 4097)        # of the canvas, pixels
CHANNELS = range(1, 4, 2)
FILE = {"rows": COUNT, "bytes": COUNT, "sha256": str}
COMMON = {"polarity": ("keep", "dark", "light", "each"), "paper": range(-1, 256), "ranges": [[str, float, float]]}
CONTRAST = [range(256), range(256)]      # of the training images, see `contrast`
DUPLICATES = {"same": [[str]], "two_labels": [[str]], "two_splits": [[str]]}
SET_ASIDE = [{"path": str, "reason": str}]
DESCRIBED = {                # what a build says about the images
    "class_counts": {split: [COUNT] for split in SPLITS}, "set_aside": SET_ASIDE, "duplicates": DUPLICATES,
    "near_duplicates": DUPLICATES, "common": COMMON, "recipe": {"source": dict}, "notes": [str], "stamp": str}
INDEX_FIELDS = {f"{key}?": kind for key, kind in DESCRIBED.items()} | {
    "contrast?": (None, CONTRAST), "classes": [str],
    "rows": dict.fromkeys(SPLITS, COUNT), "canvas": [SIDE, SIDE], "channels": CHANNELS,
    "mean": [float], "std": [float], "recipe": {}, "digest": str, "sources": FILE,
    "shards": [FILE | {"split": SPLITS, "name": str}]}

CHUNK_BYTES = 2 << 20    # compressed: whole rows, about 2 MB a chunk
ALIGNMENT = 4096         # contiguous: image bytes begin at a memory page, for mapping and direct reads


def shard_name(split: str, number: int) -> str:
    """Return the file name of a shard: "train-00000.h5"."""
    return f"{split}-{number:05d}.h5"


def chunk_rows(rows: int, row_bytes: int) -> int:
    """Return how many rows a chunk of a compressed shard holds: never more than the shard has."""
    return max(1, min(rows, CHUNK_BYTES // row_bytes))
