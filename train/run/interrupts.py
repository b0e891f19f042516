"""Delay ctrl-C to the end of a training step, so that a checkpoint can be written."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

from tenfold.data.process import STOPS


@contextlib.contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """Delay SIGINT, SIGTERM and SIGHUP; yield a function that says whether one came. A second one is not delayed.

    Only signals with a Python handler are delayed: an ignored signal stays ignored, and a SIGTERM without a handler
    still ends the process at once. The handlers are restored on exit. In other threads than the main thread, which
    receives all signals, nothing changes.
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
