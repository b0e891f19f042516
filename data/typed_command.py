"""Put the command that the user typed into messages: `tenfold train`, `make train` or `python -m tenfold train`.

Messages in the code speak of `tenfold VERB --option=value`; `make_targets.as_typed` translates them.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from tenfold.data.make_targets import as_typed
from tenfold.data.wording import readable

TYPED = "TENFOLD_TYPED"      # environment variable, set for a command that another one starts: what the user typed
LONGEST_LINE = 4000          # characters of a message that are printed
_PACKAGES = ("tenfold", "preprocess", "train", "data", "benchmarks")     # of `python -m` in a checkout
_typed_here = ""             # set by `typed_as`


def typed_command() -> str:
    """Return the command that the user typed, such as "make train" or "tenfold train"; the verb may be missing."""
    given = _typed_here or os.environ.get(TYPED)
    if given:
        return given
    module = getattr(getattr(sys.modules["__main__"], "__spec__", None), "name", "")    # that of `python -m`
    return "python -m tenfold " if module.partition(".")[0] in _PACKAGES else "tenfold "


@contextlib.contextmanager
def typed_as(command: str) -> Iterator[None]:
    """Inside this context, messages name `command`, such as "tenfold report"."""
    global _typed_here
    before, _typed_here = _typed_here, command
    try:
        yield
    finally:
        _typed_here = before


def in_typed_words(text: str) -> str:
    """Translate a message that names `tenfold VERB` into the command that the user typed."""
    return as_typed(text, typed_command())


def printable_line(text: str) -> str:
    """Return a line of a message as it is printed: translated, and with control characters as codes."""
    return readable(in_typed_words(text), LONGEST_LINE, keep="\t")


class TypedStream:
    """A text stream that prints each line as `printable_line` returns it.

    Every message is one line: a line break inside it came with the name of a file or class, and is printed as a code.
    """

    def __init__(self, stream: TextIO):
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a line or a part of one, translated."""
        line = text.rstrip("\n")
        return self.stream.write(printable_line(line) + text[len(line):])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
