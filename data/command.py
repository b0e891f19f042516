"""What every command does alike: --set, --json, exit codes, one line for a fault."""

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

from tenfold.data.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_OURS, EXIT_USER, MachineFault, UserFault, machine_fault
from tenfold.data.targets import TARGETS, UNDER_MAKE, as_typed


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are one line too."""

    def error(self, message):
        self.exit(EXIT_USER, _typed(f"{self.prog}: {message}; see {self.prog} --help\n"))


def parser(prog: str, description: str) -> Parser:
    """A parser that already has --set and --json."""
    made = Parser(prog=prog, description=description, allow_abbrev=False)
    made.add_argument("--set", action="append", default=[], metavar="table.key=value",
                      help="override a recipe key; may be given more than once")
    made.add_argument("--json", action="store_true",
                      help="print one JSON object as the last line; the rest goes to standard error")
    return made


def run(body, args) -> int:
    """Call `body(args)`, print its facts, and return the exit code.

    `body` prints for people with `print`; with --json that goes to standard error, and the
    dictionary it returns is the last line of standard output. What people read speaks of `python -m …` and
    --option=value in the code; whoever typed a make target and VARIABLE=value reads that instead.
    """
    for stream in (sys.stdout, sys.stderr):      # file names need not be valid in the terminal's code
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _as_interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:      # not where a shell had it ignored
        signal.signal(signal.SIGINT, _as_interrupt)
    try:
        with contextlib.redirect_stdout(_Typed(sys.stderr if args.json else sys.stdout)):
            facts = body(args)
        if args.json:
            print(json.dumps(facts), flush=True)
        return EXIT_OK
    except UserFault as fault:
        print(_one_line(fault), file=sys.stderr)
        return EXIT_USER
    except KeyboardInterrupt as stop:
        print(_typed(f"interrupted; {str(stop) or 'what was finished is kept'}"), file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:                      # `… | head`: nobody reads on
        sys.stdout = None
        return EXIT_OK
    except Exception as error:
        where = getattr(error, "filename", None)
        fault = machine_fault(error, where or "this machine")
        if not fault and where and isinstance(error, OSError) and error.strerror:
            # a folder in a file's place, a name too long, …
            fault = MachineFault(os.fsdecode(where), error.strerror, "look at what lies there")
        if fault:
            print(_one_line(fault), file=sys.stderr)
            return EXIT_USER
        traceback.print_exc()
        print("this is a fault of Tenfold's, not yours", file=sys.stderr)
        return EXIT_OURS


def module_command(module: str, *arguments) -> dict:
    """The `args` and `env` of a subprocess that runs `python -m tenfold.<module>`, whatever folder it starts in."""
    import tenfold
    root = Path(tenfold.__file__).resolve().parents[1]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    return {"args": [sys.executable, "-m", f"tenfold.{module}", *map(str, arguments)],
            "env": os.environ | {"PYTHONPATH": path}}


def readable(name: str) -> str:
    """A class name as one line of what a terminal and a font can show."""
    return "".join(c if c.isprintable() else "·" for c in name)


def _one_line(fault: UserFault) -> str:
    return _typed(" ".join(str(fault).splitlines()))


def _typed(text: str) -> str:
    """A message in the words of the command line, or, below a make target, in make's."""
    target = os.environ.get(UNDER_MAKE)
    return as_typed(text, target) if target in TARGETS else text


class _Typed:
    """A stream for people, to which everything is `_typed`."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text: str) -> int:
        return self.stream.write(_typed(text))

    def __getattr__(self, name):
        return getattr(self.stream, name)


def _as_interrupt(number, frame):
    """KeyboardInterrupt, but not inside a finaliser, where Python would print it and go on: again, a moment later."""
    while frame:
        if frame.f_code.co_name in ("remove", "__del__"):      # weakref's callback, and a class's own
            threading.Timer(0.01, os.kill, (os.getpid(), number)).start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt
