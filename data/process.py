"""Tell when this process began, before Python could look at a clock, and end it at once."""

import atexit
import os
import sys
import time
from pathlib import Path
from typing import NoReturn

_AT_MOST = 5.0               # seconds that an interpreter takes to start: an older process was a script's before
_UNKNOWN = 0.2               # seconds, where the system does not tell


def process_began() -> float:
    """Return the `time.monotonic()` at which the system started this process; a guess where it does not tell.

    Linux tells in /proc/self/stat (proc(5): field 22, in clock ticks since boot).
    """
    now = time.monotonic()
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, LookupError, AttributeError):
        age = _UNKNOWN
    return now - (age if 0 <= age <= _AT_MOST else _UNKNOWN)


def leave(code: int) -> NoReturn:
    """End this process with an exit code, without taking the interpreter apart, which takes torch a third of a second.

    For a process without workers: their pools are ended in the usual way only. What was registered to be done at exit
    is done. Under a profiler or debugger, and where a stream cannot be written to the end, it is left in the usual way.
    """
    try:
        plain = sys.gettrace() is None and sys.getprofile() is None
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        plain = False
    if plain:
        atexit._run_exitfuncs()
        os._exit(code)
    sys.exit(code)
