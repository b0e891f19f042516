"""Make standard output and error never raise: what cannot be written is dropped, and the exit code shows it."""

import contextlib
import errno
import os
import sys
from typing import Any, TextIO

# the reader has gone (`… | head`), or the terminal was closed: not a fault of the command
_NOBODY = {errno.EPIPE, errno.EIO, errno.ECONNRESET}


class Output:
    """A text stream; after the first error nothing more is written to it. `error` is that error, or None."""

    def __init__(self, stream: TextIO, name: str):
        self.stream, self.name = stream, name
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        self._guarded(self.stream.write, text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Write what is buffered, or drop it."""
        self._guarded(self.stream.flush)

    def fault(self) -> str:
        """Return why not everything could be written; "" if all was, or if the reader has gone."""
        lost = self.error is not None and self.error.errno not in _NOBODY
        return f"{self.name}: cannot be written ({self.error.strerror})" if self.error and lost else ""

    def _guarded(self, function: Any, *arguments: Any) -> None:
        if self.error is None:
            try:
                function(*arguments)
            except OSError as error:
                self.error = error
            except ValueError as error:              # the stream was closed
                self.error = OSError(errno.EBADF, str(error))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def check_outputs() -> None:
    """Make sys.stdout and sys.stderr never raise.

    A stream that the caller closed becomes /dev/null. Otherwise the next file that is opened would get its number, and
    messages would be printed into that file.
    """
    while True:
        number = os.open(os.devnull, os.O_RDWR)
        if number > 2:
            os.close(number)
            break
    for name, words in (("stdout", "standard output"), ("stderr", "standard error")):
        stream: Any = getattr(sys, name)
        if not isinstance(stream, Output):
            setattr(sys, name, Output(stream or open(os.devnull, "w"), words))       # noqa: SIM115 (it stays open)


def failed_output() -> str:
    """Flush both streams; return why not everything could be written, "" if everything was."""
    faults = ""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Output):
            stream.flush()
            faults = faults or stream.fault()
        elif stream is not None:                 # this process was not begun by `run_main`
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    return faults
