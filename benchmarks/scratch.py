"""Give a benchmark a folder for what it writes: on the disk of the folder where it runs, and ignored by git."""

import tempfile
from pathlib import Path

PLACE = Path("shards")       # /tmp may lie in memory, or be small; `make clean` removes what a killed run left here


def scratch_folder() -> tempfile.TemporaryDirectory:
    """Return a new folder under shards/, as a context manager that yields its path and removes it at the end."""
    PLACE.mkdir(exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="benchmark-", dir=PLACE)
