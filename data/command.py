"""Hold what all commands share: --set, --json, exit codes, one line for a fault, messages in the user's words."""

import argparse
import atexit
import contextlib
import gc
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

from tenfold.data.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_OURS, EXIT_USER, MachineFault, UserFault, machine_fault
from tenfold.data.make_targets import as_typed
from tenfold.data.memory import check_limit
from tenfold.data.out_of_memory import ANYWHERE, is_out_of_memory, used_up
from tenfold.data.process import PARENT, stopped_by_signals
from tenfold.data.quiet import quiet_libraries
from tenfold.data.wording import readable

TYPED = "TENFOLD_TYPED"      # in the environment of a command that another one started: what the user typed
_PACKAGES = ("tenfold", "preprocess", "train", "data", "benchmarks")     # of `python -m` in a checkout
LONGEST_LINE = 4000          # characters of a message that are printed
_INSTEAD = (("out", "choose another --out", "work in another folder"), ("set", "with --set ", "with a recipe's "))
_STOPPING = (1.0, 20.0)      # seconds that an interrupted one is given to end in order, before and after SIGTERM
_typed_here = ""             # set by `typed_as`


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, and whose texts name the command that the user typed."""

    def __init__(self, prog: str, **settings: Any):
        super().__init__(prog=_typed(prog), **settings)

    def error(self, message: str) -> NoReturn:
        """Print the message as one line and exit with the code for a fault of the user's."""
        paths = [word for word in sys.argv[1:] if word.startswith("-") and word in message and os.path.lexists(word)]
        hint = f"write ./{paths[0]} for the file or folder" if paths else f"see {self.prog} --help"
        self.exit(EXIT_USER, f"{self.prog}: {_shown(' '.join(message.splitlines()))}; {_shown(hint)}\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(_typed(message), file)


def make_parser(prog: str, description: str, **settings: Any) -> Parser:
    """Make an argument parser that already has --set and --json."""
    parser = Parser(prog=prog, description=description, allow_abbrev=False, **settings)
    parser.add_argument("--set", action="append", default=[], metavar="table.key=value",
                        help="override a recipe key; may be given more than once")
    parser.add_argument("--json", action="store_true",
                        help="print one JSON object as the last line; the rest goes to standard error")
    return parser


def whole_number(text: str, least: int = 0) -> int:
    """Convert an option's text to a whole number from `least`; argparse reports anything else."""
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least}")
    return int(text)


def run(body: Callable[[Any], Any], args: argparse.Namespace) -> int:
    """Call `body(args)`, print its facts, and return the exit code.

    `body` prints for people with `print`, a line at a time; with --json that goes to standard error, and the
    dictionary it returns is the last line of standard output. Messages in the code speak of `tenfold VERB
    --option=value`; a user who typed `make VERB VARIABLE=value` or `python -m …` reads that instead. Control
    characters in names of files and classes, line breaks included, are printed as codes.
    """
    for stream in (sys.stdout, sys.stderr):      # file names need not be valid in the terminal's code
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # the interpreter's last collection of garbage walks over all of torch, up to seconds that a budget has not
    atexit.register(gc.freeze)
    try:
        with stopped_by_signals() as came, quiet_libraries(), \
                contextlib.redirect_stdout(_Typed(sys.stderr if args.json else sys.stdout)):
            check_limit()
            facts = body(args)
        if args.json:
            print(json.dumps(facts), flush=True)
        return EXIT_OK
    except UserFault as fault:
        print(_one_line(fault, args), file=sys.stderr)
        return EXIT_USER
    except KeyboardInterrupt as stop:
        return _interrupted(str(stop))
    except BrokenPipeError:                      # `… | head`: nobody reads on
        sys.stdout = None
        return EXIT_OK
    except Exception as error:
        if came:                                 # a library made another error of the KeyboardInterrupt
            return _interrupted()
        where = getattr(error, "filename", None)
        refusal = machine_fault(error, where or "this machine")
        if not refusal and where and isinstance(error, OSError) and error.strerror:
            # a folder in a file's place, a name too long, …
            refusal = MachineFault(os.fsdecode(where), error.strerror, "look at what lies there")
        if is_out_of_memory(error):
            refusal = used_up(error, "this command", ANYWHERE)
        if refusal:
            print(_one_line(refusal, args), file=sys.stderr)
            return EXIT_USER
        print(*map(_shown, traceback.format_exc().splitlines()), sep="\n", file=sys.stderr)
        print("this is a fault of Tenfold's, not yours", file=sys.stderr)
        return EXIT_OURS


def module_command(module: str, *arguments: object) -> dict[str, Any]:
    """Return `args` and `env` of a subprocess that runs `python -m tenfold.<module>`, whatever folder it starts in.

    It ends with this process, however that ends.
    """
    import tenfold
    root = Path(tenfold.__file__).resolve().parents[1]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    return {"args": [sys.executable, "-m", f"tenfold.{module}", *map(str, arguments)],
            "env": os.environ | {"PYTHONPATH": path, TYPED: typed_command(), PARENT: str(os.getpid())}}


def run_module(module: str, *arguments: object) -> int:
    """Run `python -m tenfold.<module>`, which prints to standard error only, and return its exit code.

    Where this command is interrupted, that one is too, and says so: 130 is returned.
    """
    import subprocess
    process = subprocess.Popen(**module_command(module, *arguments), stdout=2)
    try:
        return process.wait()
    except KeyboardInterrupt:
        for seconds in _STOPPING:                # ctrl-C has reached it; a signal to this process alone has not
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                break
            process.terminate()
        return EXIT_INTERRUPTED
    finally:
        process.kill()
        process.wait()


def _one_line(fault: UserFault, args: argparse.Namespace) -> str:
    """The fault in a line; what it advises is an option of this command."""
    text = " ".join(str(fault).splitlines())
    for option, advised, instead in _INSTEAD:
        text = text if hasattr(args, option) else text.replace(advised, instead)
    return _shown(text)


def _shown(text: str) -> str:
    """A line of a message as it is printed."""
    return readable(_typed(text), LONGEST_LINE, keep="\t")


def _typed(text: str) -> str:
    """Translate a message that names `tenfold VERB` into the command that the user typed."""
    return as_typed(text, typed_command())


def typed_command() -> str:
    """Return the command that the user typed, such as "make train" or "tenfold train"; the verb may be missing."""
    given = _typed_here or os.environ.get(TYPED)
    if given:
        return given
    module = getattr(getattr(sys.modules["__main__"], "__spec__", None), "name", "")    # that of `python -m`
    return "python -m tenfold " if module.partition(".")[0] in _PACKAGES else "tenfold "


@contextlib.contextmanager
def typed_as(command: str) -> Iterator[None]:
    """Make the messages of the code inside name `command`, such as "tenfold report"."""
    global _typed_here
    before, _typed_here = _typed_here, command
    try:
        yield
    finally:
        _typed_here = before


class _Typed:
    """A text stream that names the command that the user typed in each message, a line.

    A line break inside a message came with a name and is printed as a code, like other control characters.
    """

    def __init__(self, stream: TextIO):
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a line or a part of one, translated."""
        line = text.rstrip("\n")
        return self.stream.write(_shown(line) + text[len(line):])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _interrupted(how: str = "") -> int:
    print(_shown(f"interrupted; {how or 'what was finished is kept'}"), file=sys.stderr)
    return EXIT_INTERRUPTED
