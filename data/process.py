"""Begin and end the process of a command: its signals, its streams, its exit code, its end with its parent.

A command imports this module first, and it imports little: a signal before `run_main` handles it is a traceback.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import time

from tenfold.data.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USER

TYPE_CHECKING = False        # as in `typing`, which takes some milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import NoReturn

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)       # each ends a command in order
LOOK = 0.25                  # seconds between two looks at whether a process lives on
PARENT = "TENFOLD_PARENT"    # in the environment of a command: the process that it ends with
_AT_MOST = 5.0               # seconds that an interpreter takes to start: an older process was a script's before
_UNKNOWN = 0.2               # seconds, where the system does not tell
_own_process = False         # whether `run_main` began this process


def process_began() -> float:
    """Return the `time.monotonic()` at which the system started this process; a guess where it does not tell.

    Linux tells in /proc/self/stat (proc(5): field 22, in clock ticks since boot).
    """
    now = time.monotonic()
    try:
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as f:
            ticks = int(f.read().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, LookupError, AttributeError):
        age = _UNKNOWN
    return now - (age if 0 <= age <= _AT_MOST else _UNKNOWN)


def run_main(main: Callable[[float], int]) -> NoReturn:
    """Call `main(when this process began)`, which imports a command and runs it; end the process with its exit code.

    A signal before the command itself handles them ends the process at once, with one line: nothing was begun. When
    `main` has returned, signals are ignored: all is done.
    """
    global _own_process
    _own_process = True
    before = [number for number in STOPS if is_unhandled(number)]        # not where a shell had it ignored
    for number in before:
        signal.signal(number, _nothing_was_begun)
    from tenfold.data.streams import check_outputs
    check_outputs()
    if parent := os.environ.pop(PARENT, ""):
        end_with(int(parent))
    try:
        code = main(process_began())
    except SystemExit as stop:                   # of argparse, or of a command that another one started
        code = stop.code if isinstance(stop.code, int) else EXIT_OK if stop.code is None else EXIT_USER
    ignore_signals()
    leave(code)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[list[int]]:
    """Raise KeyboardInterrupt inside when a signal asks for the end; yield the list of those that came.

    A signal that is ignored, as after `nohup`, stays ignored. Afterwards the work is done: in a command's own process
    signals are then ignored, in another's they are handled as before.
    """
    import threading

    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        while frame:
            # inside a finaliser (weakref's callback, a class's own) Python would print it and go on: a moment later
            if frame.f_code.co_name in ("remove", "__del__"):
                threading.Timer(0.01, os.kill, (os.getpid(), number)).start()
                return
            frame = frame.f_back
        raise KeyboardInterrupt
    before = {number: signal.getsignal(number) for number in STOPS if is_unhandled(number)}
    try:
        for number in before:
            signal.signal(number, stop)
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        ignore_signals()


def is_unhandled(number: int) -> bool:
    """Whether a signal is left to the system, to Python's own handler, or to `run_main`'s."""
    return signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler, _nothing_was_begun)


def _nothing_was_begun(number: int, frame: object) -> None:
    os.write(2, b"interrupted; nothing was begun\n")
    os._exit(EXIT_INTERRUPTED)


def ignore_signals() -> None:
    """Ignore what would stop a command whose work is done, in a process of its own."""
    if _own_process:
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)


def end_with(process: int) -> None:
    """End this process within a second after its parent, number `process`, has ended, however that ended.

    (Linux's PR_SET_PDEATHSIG would fire as soon as the thread ends that started this process.) If memory is too short
    for a thread, nothing is watched, and the work of this process will say so.
    """
    import threading

    from tenfold.data.out_of_memory import has_started

    def watch() -> None:
        while os.getppid() == process:
            time.sleep(LOOK)
        os.kill(os.getpid(), signal.SIGKILL)
    has_started(threading.Thread(target=watch, daemon=True))


def leave(code: int) -> NoReturn:
    """End this process with an exit code, without taking the interpreter apart, which takes torch a third of a second.

    What was registered to be done at exit is done. A stream that could not be written makes an exit code of 0 a 2.
    Under a profiler or debugger the process is left in the usual way.
    """
    from tenfold.data.streams import failed_output
    plain = sys.gettrace() is None and sys.getprofile() is None
    if plain:
        atexit._run_exitfuncs()
    if (fault := failed_output()) and code == EXIT_OK:
        print(f"{fault}; the work itself is done", file=sys.stderr)
        code = EXIT_USER
        failed_output()
    if plain:
        os._exit(code)
    sys.exit(code)
