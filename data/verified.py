"""Compare the files of a set with their digests, and remember which ones were right, so that each is hashed once.

`.verified` in the set's folder holds size, times, inode and device of each file that was right. An entry is valid while
all of these are the same, so a file that was copied or written to is hashed again.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tenfold.data.digests import hash_file
from tenfold.data.errors import AUGMENT_AGAIN, ShardFault, UserFault, unreadable
from tenfold.data.files import publish, read_file

MARK = ".verified"
_SETTLED = 2.0               # a file written less than so many seconds ago might change again without a change of time
_THREADS = 4                 # that hash files; each does 1.3 GB/s
_SHOWN = 1.0                 # seconds until the progress bar appears


def check_files(folder: Path, files: Sequence[dict], verify: bool) -> list[UserFault]:
    """Compare files with what dataset.json says of them; return a fault for each that is not what was written.

    files: dictionaries with "name", "bytes" and "sha256". verify: read all files, also those that were right before and
    have not changed. Without it, nothing is read if a file is missing or has another length.
    """
    marks = _read_marks(folder)
    known = {} if verify else marks
    right, unknown = {}, []
    faults: list[UserFault] = []
    for file in files:
        state = _state(folder / file["name"])
        if state is None:
            faults.append(ShardFault(folder / file["name"], "is missing", AUGMENT_AGAIN))
        elif state[0] != file["bytes"]:
            faults.append(ShardFault(folder / file["name"], f"has {state[0]} bytes, {file['bytes']} were written",
                                     f"it is truncated or foreign: {AUGMENT_AGAIN}"))
        elif known.get(file["name"]) == [file["sha256"], *state]:
            right[file["name"]] = known[file["name"]]
        else:
            unknown.append((file, state))
    if faults and not verify:
        return faults
    now = time.time_ns()
    for (file, state), fault in zip(unknown, _hashed(folder, [file for file, _ in unknown]), strict=True):
        if fault:
            faults.append(fault)
        elif _state(folder / file["name"]) == state and now - max(state[1:3]) > _SETTLED * 1e9:
            right[file["name"]] = [file["sha256"], *state]
    if right != marks:                           # files that are now damaged are dropped as well
        with contextlib.suppress(OSError, UserFault), publish(folder / MARK) as temporary:   # the set may be read-only
            temporary.write_text(json.dumps(right))
    return faults


def _state(path: Path) -> list[int] | None:
    """Return values that change when a file is written to, copied or replaced; None: it does not exist."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev]


def _read_marks(folder: Path) -> dict[str, list]:
    try:
        return dict(json.loads(read_file(folder / MARK)))
    except (OSError, ValueError, TypeError, RecursionError):
        return {}


def _hashed(folder: Path, files: list[dict]) -> list[UserFault | None]:
    """Return, for each file, a fault if its hash differs, else None; several files are read at once."""
    if not files:
        return []

    def compare(file: dict) -> UserFault | None:
        path = folder / file["name"]
        try:
            if hash_file(path, advance).whole == file["sha256"]:
                return None
        except OSError as error:
            return unreadable(error, path) or ShardFault(path, f"cannot be read ({error.strerror})", AUGMENT_AGAIN)
        return ShardFault(path, "is not what was written (its hash differs)", AUGMENT_AGAIN)
    with _progress(folder, sum(file["bytes"] for file in files)) as advance, \
            ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1, len(files))) as pool:
        return list(pool.map(compare, files))


@contextlib.contextmanager
def _progress(folder: Path, total: int) -> Iterator[Callable[[int], Any]]:
    """Yield a function that advances a progress bar by a number of bytes, from any thread."""
    from tqdm.auto import tqdm
    lock = threading.Lock()
    with tqdm(total=total, desc=f"check {folder.name}", unit="B", unit_scale=True, delay=_SHOWN, disable=None,
              leave=False) as bar:
        def advance(count: int) -> None:
            with lock:
                bar.update(count)
        yield advance
