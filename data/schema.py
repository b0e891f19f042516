"""The format on disk, as values that writer and reader share.

shards/<name>/train-00000.h5 …   rows in random order; datasets and attributes as below
shards/<name>/val-00000.h5 …
shards/<name>/test-00000.h5 …
shards/<name>/dataset.json       written last: without it the set is not finished
"""

import re

SCHEMA = 1
SPLITS = ("train", "val", "test")
INDEX = "dataset.json"
SHARD_NAME = re.compile(r"(train|val|test)-\d{5,}\.h5")    # what shard_name makes

# name -> (dtype, shape of a row); image rows are (H, W, C): 0..255, C is 1 (grey) or 3 (RGB)
IMAGE = "image"
COLUMNS = {
    "label": "<i8",      # class index
    "source": "<i8",     # index of the source image in dataset.json
    "copy": "<i8",       # which copy of it; 0 in val and test
}
# attributes of every file: schema (int), split, recipe (digest of the tables the bytes depend on),
# plan (digest of which rows it holds and of the pixels they come from)
ATTRIBUTES = ("schema", "split", "recipe", "plan")

CHUNK_BYTES = 2 << 20    # compressed: whole rows, about 2 MB a chunk
ALIGNMENT = 4096         # contiguous: image bytes begin at a page, fit for mapping and direct reads


def shard_name(split: str, number: int) -> str:
    return f"{split}-{number:05d}.h5"


def chunk_rows(rows: int, row_bytes: int) -> int:
    """Rows in a chunk of a compressed shard: never more than there are."""
    return max(1, min(rows, CHUNK_BYTES // row_bytes))
