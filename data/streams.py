"""Make standard output and error never raise: what cannot be written is dropped, and the exit code says so."""

import contextlib
import errno
import os
import sys
from typing import Any, TextIO

# nobody reads any more (`… | head`), or the terminal was closed: no fault of the command's
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
        """Say why not everything could be written, or "": all was, or nobody reads on."""
        lost = self.error is not None and self.error.errno not in _NOBODY
        return f"{self.name}: cannot be written ({self.error.strerror})" if self.error and lost else ""

    def _guarded(self, function: Any, *arguments: Any) -> None:
        if self.error is None:
            try:
                function(*arguments)
            except OSError as error:
                self.error = error
            except ValueError as error:              # it was closed meanwhile
                self.error = OSError(errno.EBADF, str(error))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def check_outputs() -> None:
    """Make sys.stdout and sys.stderr never raise. A stream that the caller closed becomes /dev/null; otherwise the next
    file that is opened would take its number, and be printed into."""
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
    """Flush both streams; return why not everything could be written, or ""."""
    faults = ""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Output):
            stream.flush()
            faults = faults or stream.fault()
        elif stream is not None:                 # this process was not begun by `run_main`
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    return faults
