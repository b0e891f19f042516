"""Tell whether a file is a picture, and what it is otherwise.

A file with the suffix of a picture is taken for one without opening it, and one with that of a text for none. Any other
file is identified by its first bytes: it is a picture if Tenfold can decode its format.
"""

import os
import stat

from tenfold.data.files import open_file
from tenfold.data.sources.formats import DECODED, HEAD, HEIC, SUFFIXES, TEXTS, identify

# raw camera files: they begin like TIFF files, but a TIFF decoder only finds a thumbnail in them
RAW = frozenset({".nef", ".nrw", ".cr2", ".arw", ".sr2", ".srf", ".dng", ".pef", ".srw", ".3fr", ".iiq", ".kdc",
                 ".dcr", ".erf", ".mef", ".mos", ".fff", ".rwl", ".gpr"})
SPECIAL, BROKEN, UNREADABLE = "special file", "broken link", "unreadable file"
_LONGEST = 12                # characters of a suffix; a longer one is part of the name


def is_folder(entry: os.DirEntry) -> bool:
    """Return whether a directory entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:                              # a link that leads to itself
        return False


def examine_file(entry: os.DirEntry) -> tuple[str, tuple[int, int] | None, bool]:
    """Return (kind in words, stamp, whether the file was opened to find out) of a file.

    stamp: (size in bytes, time of change in ns) of a picture; None: it is not a picture.
    """
    suffix = os.path.splitext(entry.name)[1].lower()
    try:
        facts = entry.stat()
    except OSError:                              # a broken link; decoding will report one named like a picture
        return (suffix, (0, 0), False) if suffix in SUFFIXES else (BROKEN, None, False)
    if not stat.S_ISREG(facts.st_mode):
        return SPECIAL, None, False
    stamp = facts.st_size, facts.st_mtime_ns
    if suffix in SUFFIXES or suffix in TEXTS:
        return suffix, stamp if suffix in SUFFIXES else None, False
    try:
        with open_file(entry.path) as f:
            kind = identify(f.read(HEAD))
    except OSError:
        return UNREADABLE, None, True
    is_picture = (kind in DECODED or kind == HEIC) and suffix not in RAW
    plain = suffix if 1 < len(suffix) <= _LONGEST and suffix[1:].replace("_", "").isalnum() and \
        not suffix[1:].isdigit() else ""
    if is_picture:
        return plain or "without suffix", stamp, True
    return plain or f"without suffix ({kind or ('unknown' if facts.st_size else 'empty')})", None, True
