"""Delay ctrl-C to the end of a training step, so that a checkpoint can be written."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

from tenfold.data.process import STOPS


@contextlib.contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether SIGINT, SIGTERM or SIGHUP came; a second one is not held back.

    Only signals that the process handles by Python are held back: one that is ignored stays ignored, and a SIGTERM
    that nobody handles ends the process as ever. The handlers are put back at the end. Outside the main thread,
    which alone is interrupted, nothing changes.
    """
    came: list[int] = []

    def note(number, frame):
        if came:
            raise KeyboardInterrupt
        came.append(number)
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {s: signal.getsignal(s) for s in STOPS}
    before = {s: handler for s, handler in before.items() if callable(handler)}
    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
