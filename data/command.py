"""What all commands share: the parser of their options, exit codes, one line for a fault, starting other commands."""

import argparse
import atexit
import contextlib
import gc
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from tenfold.data.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_OURS, EXIT_USER, MachineFault, UserFault, machine_fault
from tenfold.data.memory import check_limit
from tenfold.data.out_of_memory import ANYWHERE, is_out_of_memory, used_up
from tenfold.data.process import PARENT, stopped_by_signals
from tenfold.data.quiet import quiet_libraries
from tenfold.data.typed_command import TYPED, TypedStream, in_typed_words, printable_line, typed_command

_STOPPING = (1.0, 20.0)      # seconds that an interrupted command has to end by itself, before and after SIGTERM


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, and whose texts name the command that the user typed."""

    def __init__(self, prog: str, **settings: Any):
        super().__init__(prog=in_typed_words(prog), **settings)

    def error(self, message: str) -> NoReturn:
        """Print the message as one line and exit with the code for a fault of the user's."""
        paths = [word for word in sys.argv[1:] if word.startswith("-") and word in message and os.path.lexists(word)]
        hint = f"write ./{paths[0]} for the file or folder" if paths else f"see {self.prog} --help"
        self.exit(EXIT_USER, f"{self.prog}: {printable_line(' '.join(message.splitlines()))}; {printable_line(hint)}\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(in_typed_words(message), file)

    def add_shards(self) -> None:
        """Add --recipe and --shards, which `train.inputs.named_recipe` reads."""
        self.add_argument("--recipe", help="TOML file (default: the recipe that the shards carry)")
        self.add_argument("--shards", help="folder that `tenfold augment` wrote (default: shards/<recipe name>)")

    def add_device(self) -> None:
        """Add --device, which `train.device.choose_device` reads."""
        self.add_argument("--device", help="cpu, cuda or mps (default: the best there is)")

    def add_verify(self) -> None:
        """Add --verify, which `data.shardset.open_set` takes."""
        self.add_argument("--verify", action="store_true",
                          help="read every byte of the shards first (default: once, and where they look changed)")

    def add_json(self) -> None:
        """Add --json, which `run` reads."""
        self.add_argument("--json", action="store_true",
                          help="print one JSON object as the last line; the rest goes to standard error")


def make_parser(prog: str, description: str, **settings: Any) -> Parser:
    """Make an argument parser that already has --set and --json."""
    parser = Parser(prog=prog, description=description, allow_abbrev=False, **settings)
    parser.add_argument("--set", action="append", default=[], metavar="table.key=value",
                        help="override a recipe key; may be given more than once")
    parser.add_json()
    return parser


def whole_number(text: str, least: int = 0) -> int:
    """Convert an option's text to a whole number from `least`; argparse reports anything else."""
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least}")
    return int(text)


def run(body: Callable[[Any], Any], args: argparse.Namespace) -> int:
    """Call `body(args)`, print its facts, and return the exit code.

    `body` prints for people with `print`, a line at a time; with --json that goes to standard error, and the
    dictionary that `body` returns is printed as the last line of standard output. What is printed names the command
    that the user typed (see `typed_command`), with control characters in names of files and classes as codes.
    """
    for stream in (sys.stdout, sys.stderr):      # file names may be invalid in the terminal's encoding
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # the last garbage collection at exit walks over all of torch, which can take seconds after the budget
    atexit.register(gc.freeze)
    try:
        with stopped_by_signals() as came, quiet_libraries(), \
                contextlib.redirect_stdout(TypedStream(sys.stderr if args.json else sys.stdout)):
            check_limit()
            facts = body(args)
        if args.json:
            print(json.dumps(facts), flush=True)
        return EXIT_OK
    except UserFault as fault:
        print(_one_line(fault), file=sys.stderr)
        return EXIT_USER
    except KeyboardInterrupt as stop:
        return _interrupted(str(stop))
    except BrokenPipeError:                      # `… | head`: the reader has gone
        sys.stdout = None
        return EXIT_OK
    except Exception as error:
        if came:                                 # a library turned the KeyboardInterrupt into another error
            return _interrupted()
        where = getattr(error, "filename", None)
        refusal = machine_fault(error, where or "this machine")
        if not refusal and where and isinstance(error, OSError) and error.strerror:
            # a folder in a file's place, a name too long, …
            refusal = MachineFault(os.fsdecode(where), error.strerror, "look at what lies there")
        if is_out_of_memory(error):
            refusal = used_up(error, "this command", ANYWHERE)
        if refusal:
            print(_one_line(refusal), file=sys.stderr)
            return EXIT_USER
        print(*map(printable_line, traceback.format_exc().splitlines()), sep="\n", file=sys.stderr)
        print("this is a bug in Tenfold: please report it with the lines above", file=sys.stderr)
        return EXIT_OURS


def module_command(module: str, *arguments: object) -> dict[str, Any]:
    """Return `args` and `env` of a subprocess that runs `python -m tenfold.<module>`, whatever folder it starts in.

    The subprocess ends when this process ends, however that happens.
    """
    import tenfold
    root = Path(tenfold.__file__).resolve().parents[1]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    return {"args": [sys.executable, "-m", f"tenfold.{module}", *map(str, arguments)],
            "env": os.environ | {"PYTHONPATH": path, TYPED: typed_command(), PARENT: str(os.getpid())}}


def run_module(module: str, *arguments: object) -> int:
    """Run `python -m tenfold.<module>`, which prints to standard error only, and return its exit code.

    If this command is interrupted, so is the other one, which says so; 130 is returned.
    """
    import subprocess
    process = subprocess.Popen(**module_command(module, *arguments), stdout=2)
    try:
        return process.wait()
    except KeyboardInterrupt:
        for seconds in _STOPPING:                # ctrl-C reaches both, a signal may reach only this process
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                break
            process.terminate()
        return EXIT_INTERRUPTED
    finally:
        process.kill()
        process.wait()


def _one_line(fault: UserFault) -> str:
    return printable_line(" ".join(str(fault).splitlines()))


def _interrupted(how: str = "") -> int:
    print(printable_line(f"interrupted; {how or 'what was finished is kept'}"), file=sys.stderr)
    return EXIT_INTERRUPTED
