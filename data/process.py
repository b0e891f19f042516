"""Begin and end the process of a command: signals, output streams, exit code, and the end together with its parent.

A command imports this module first, and this module imports little, because until `run_main` is called a signal would
print a traceback.
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
    from typing import NoReturn

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)       # signals on which a command ends in an orderly way
LOOK = 0.25                  # seconds between two checks whether a process still runs
PARENT = "TENFOLD_PARENT"    # environment variable of a command: the id of the process with which it ends
_AT_MOST = 5.0               # seconds that an interpreter takes to start; an older process was a shell script before
_UNKNOWN = 0.2               # seconds since the start that are assumed if it is unknown
_own_process = False         # whether `run_main` began this process


def process_began() -> float:
    """Return the `time.monotonic()` at which the system started this process; an estimate if that is unknown.

    On Linux this is field 22 of /proc/self/stat, in clock ticks since boot (proc(5)).
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
    """Call `main(time when this process began)`, which imports and runs a command; end the process with its exit code.

    Until the command handles signals itself, a signal ends the process at once with one line. After `main` has
    returned, signals are ignored, because the work is done.
    """
    global _own_process
    _own_process = True
    before = [number for number in STOPS if is_unhandled(number)]        # the shell may have had one ignored
    for number in before:
        signal.signal(number, _nothing_was_begun)
    from tenfold.data.streams import check_outputs
    check_outputs()
    if parent := os.environ.pop(PARENT, ""):
        end_with(int(parent))
    try:
        code = main(process_began())
    except SystemExit as stop:                   # from argparse, or from a command called by another one
        code = stop.code if isinstance(stop.code, int) else EXIT_OK if stop.code is None else EXIT_USER
    ignore_signals()
    leave(code)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[list[int]]:
    """Raise KeyboardInterrupt inside this context on a signal of STOPS; yield the list of signals that have come.

    An ignored signal, as after `nohup`, stays ignored. On exit, signals are ignored in a command's own process, since
    the work is done; in another process they are handled as before.
    """
    import threading

    came: list[int] = []

    def stop(number: int, frame: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    def again(fault: sys.UnraisableHookArgs) -> None:
        # in a finaliser, or in what a library calls, Python prints an exception and goes on: send the signal again
        if came and issubclass(fault.exc_type, KeyboardInterrupt):
            threading.Timer(0.01, os.kill, (os.getpid(), came[-1])).start()
        else:
            print_fault(fault)
    before = {number: signal.getsignal(number) for number in STOPS if is_unhandled(number)}
    print_fault, sys.unraisablehook = sys.unraisablehook, again
    try:
        for number in before:
            signal.signal(number, stop)
        yield came
    finally:
        sys.unraisablehook = print_fault
        for number, handler in before.items():
            signal.signal(number, handler)
        ignore_signals()


@contextlib.contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """Delay SIGINT, SIGTERM and SIGHUP; yield a function that says whether one came. A second one is not delayed.

    Only signals with a Python handler are delayed: an ignored signal stays ignored, and a SIGTERM without a handler
    still ends the process at once. The handlers are restored on exit. In other threads than the main thread, which
    receives all signals, nothing changes.
    """
    import threading

    came: list[int] = []

    def note(number: int, frame: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    handlers = {number: signal.getsignal(number) for number in STOPS}
    before = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Delay signals to the end of this context, where one that came raises KeyboardInterrupt (see `held_back`).

    For calls into a library that an exception at any moment would leave with a lock held or a file half-closed.
    """
    with held_back() as interrupted:
        yield
    if interrupted():
        raise KeyboardInterrupt


def is_unhandled(number: int) -> bool:
    """Return whether a signal has no handler but the system's, Python's or that of `run_main`."""
    return signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler, _nothing_was_begun)


def _nothing_was_begun(number: int, frame: object) -> None:
    os.write(2, b"interrupted; nothing was begun\n")
    os._exit(EXIT_INTERRUPTED)


def ignore_signals() -> None:
    """Ignore the signals of STOPS, if this process was begun by `run_main`."""
    if _own_process:
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)


def end_with(process: int) -> None:
    """Kill this process within a second after its parent, whose id is `process`, has ended in whatever way.

    A thread watches the parent, because Linux's PR_SET_PDEATHSIG already fires when the thread ends that started this
    process. If there is no memory for a thread, the parent is not watched.
    """
    import threading

    from tenfold.data.out_of_memory import has_started

    def watch() -> None:
        while os.getppid() == process:
            time.sleep(LOOK)
        os.kill(os.getpid(), signal.SIGKILL)
    has_started(threading.Thread(target=watch, daemon=True))


def leave(code: int) -> NoReturn:
    """End this process with an exit code, without the interpreter's clean-up, which takes torch a third of a second.

    Functions registered with atexit are called. If output could not be written, an exit code of 0 becomes 2. Under a
    profiler or debugger the process ends in the usual way.
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
