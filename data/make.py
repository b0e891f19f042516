"""Run the commands of a make target (`python -m data.make TARGET`), with arguments from make's variables.

make exports its variables as they were typed, and no shell reads them, so no value can be run as a command.
"""

import io
import os
import shlex
import signal
import subprocess
import sys

from tenfold.data.errors import EXIT_USER, UserFault
from tenfold.data.make_steps import steps, variables
from tenfold.data.make_targets import VARIABLES, check_variables
from tenfold.data.typed_command import LONGEST_LINE, TYPED
from tenfold.data.wording import readable

MADE = ("shards: shards/sample   run: runs/sample   model: best.pth   "
        "report: score.json predictions.csv confusion.png worst.png")


def main(target: str) -> int:
    """Run the commands of a target in turn, and return the exit code of the first that fails."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")    # file names may be invalid in the terminal's encoding
    given, goals = variables(os.environ), os.environ.get("TENFOLD_GOALS", "").split()
    before = set(goals[:goals.index(target)]) if target in goals else set()
    flags = _flags(os.environ.get("MAKEFLAGS", ""))
    try:
        typed = os.environ.get("TENFOLD_VARIABLES", "").split()
        check_variables([name for name in typed if name in given or name not in VARIABLES], goals or [target])
        for under, module, arguments in steps(target, given, before):
            if "s" not in flags or "n" in flags:
                print(as_command([os.environ.get("PY") or "python", "-m", module, *arguments]), flush=True)
            code = 0 if flags & set("nqt") else call(under, module, arguments)
            if code:
                return code
    except UserFault as fault:
        print(readable(" ".join(str(fault).splitlines()), LONGEST_LINE), file=sys.stderr)
        return EXIT_USER
    if target == "demo" and "s" not in flags:
        print(MADE)
    return 0


def as_command(command: list[str]) -> str:
    """Write a command so that a shell can read it; words with control characters are written as $'…', as in bash."""
    return " ".join(shlex.quote(word) if readable(word, len(word)) == word else
                    "$'" + readable(word.replace("\\", r"\\").replace("'", r"\'"), 12 * len(word)) + "'"
                    for word in command)


def _flags(makeflags: str) -> set[str]:
    """Return the one-letter flags that make was given: "n" of "n --no-print-directory -- DATA=x"."""
    first = makeflags.split(" ")[0]
    return set() if first.startswith("--") or "=" in first else set(first.lstrip("-"))


def call(target: str, module: str, arguments: list[str]) -> int:
    """Run the command and return its exit code. Ctrl-C reaches it directly; SIGTERM is passed on."""
    signal.signal(signal.SIGINT, lambda *_: None)
    running = subprocess.Popen([sys.executable, "-m", module, *arguments], env=os.environ | {TYPED: f"make {target}"})
    signal.signal(signal.SIGTERM, lambda *_: running.terminate())
    code = running.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
