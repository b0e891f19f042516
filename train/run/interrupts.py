"""Ctrl-C between two steps, never within one."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def held_back():
    """Yields a function that says whether SIGINT or SIGTERM came; a second one is not held back."""
    came = []

    def note(number, frame):
        if came:
            raise KeyboardInterrupt
        came.append(number)
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False                      # only the main thread is interrupted
        return
    before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
