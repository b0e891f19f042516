"""Put the command that the user typed into messages: `tenfold train`, `make train` or `python -m tenfold train`.

Messages in the code speak of `tenfold VERB --option=value`. For a user of make they become `make VERB VARIABLE=value`,
for one who typed `python -m …` they become `python -m tenfold VERB --option=value`.
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from tenfold.data.make_targets import FLAGS, TARGET_OF, TARGETS, words
from tenfold.data.wording import readable

TYPED = "TENFOLD_TYPED"      # environment variable, set for a command that another one starts: what the user typed
LONGEST_LINE = 4000          # characters of a message that are printed
_PACKAGES = ("tenfold", "preprocess", "train", "data", "benchmarks")     # of `python -m` in a checkout
_typed_here = ""             # set by `typed_as`

_VERB = rf"(?<![\w./-])(?<!python -m )tenfold ({'|'.join(TARGET_OF)})(?![\w.-])"
_COMMAND = re.compile(rf"(?:{_VERB}|python -m (benchmarks\.\w+))([^`;\n]*)")
_HELP = re.compile(rf"(?:{_VERB}|python -m benchmarks\.\w+|make [\w-]+) --help")
_OPTION = re.compile(r"(?<![\w./-])(--[a-z]+(?:-[a-z]+)*)(?![\w-])(=| (?=[^\s:;,]*[\d/=…]))?")
_ABOUT = re.compile(r"^(--[a-z]+(?:-[a-z]+)*) (?=\S+: )")        # "--device x: …"
_ONE = r"[\w.]+=[^\s;,)]*[^\s;,):]"
_SET = re.compile(rf"(?<![\w./-])--set[ =]{_ONE}(?: (?:--set[ =])?{_ONE})*")


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


def as_typed(text: str, typed: str) -> str:
    """Translate a message that names `tenfold VERB --option` into the command that the user typed.

    typed: such as "make train", "python -m tenfold report" or "tenfold train". For make, --option=value becomes
    VARIABLE=value. So does "--option value" at the beginning of a message ("--device x: …"), or if the value cannot be
    prose ("--grid train.lr=1,2").
    """
    front, _, verb = typed.rpartition(" ")
    if front != "make":
        return re.sub(_VERB, lambda found: f"{front} {_same_command(found[1], verb)}", text) if front else text
    text = _HELP.sub("make help", text)
    return _options(_COMMAND.sub(lambda found: _command(found, verb), text), verb)


def _command(found: re.Match[str], target: str) -> str:
    """Return the make target, with its variables, that runs a command which a message names."""
    verb, module, rest = found.groups()
    if module:
        under = next(name for name, row in TARGETS.items() if row[0] == module)
    else:
        under = _same_command(TARGET_OF[verb], target)
    first = next((variable.rstrip("!") for option, variable in words(under) if not option), "")
    if first:
        rest = re.sub(r"^ (?=[^\s-])", f" {first}=", rest)
    return f"make {under}{_options(rest, under)}"


def _same_command(verb: str, typed: str) -> str:
    """Return `typed` if it runs the same module as `verb`, like "report" and "augment"; else `verb`."""
    modules = [TARGETS.get(TARGET_OF.get(word, word), (word,))[0] for word in (verb, typed)]
    return typed if modules[0] == modules[1] else verb


def _options(text: str, target: str) -> str:
    known = {option: variable.rstrip("!") for option, variable in words(target) if option and variable}

    def typed(found: re.Match[str]) -> str:
        variable, joint = known.get(found[1]), found[2] or ""
        return found[0] if not variable else f"{variable}=1{joint}" if variable in FLAGS else f"{variable}="
    if "--set" in known:
        text = _SET.sub(lambda found: f'SET="{found[0][6:]}"'.replace(" --set=", " ").replace(" --set ", " "), text)
    return _OPTION.sub(typed, _ABOUT.sub(r"\1=", text))


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
