"""Run `tenfold VERB …`: find the verb's command and hand the arguments on.

A command's module is imported when its verb is typed, so that help and refusals come at once.
"""

import difflib
import importlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tenfold.data.errors import EXIT_OK, EXIT_USER
from tenfold.data.typed_command import typed_as, typed_command
from tenfold.data.wording import readable
from tenfold.version import __version__


@dataclass(frozen=True)
class Verb:
    """One command: the module whose `main(argv)` runs it, its line in the help, arguments that always go first."""

    module: str
    line: str
    arguments: tuple[str, ...] = ()


VERBS = {
    "auto": Verb("tenfold.automatic.command", "a folder and a budget in: choose a recipe, augment, train, score"),
    "augment": Verb("tenfold.preprocess.command", "turn labelled images into shards of augmented copies"),
    "train": Verb("tenfold.train.run.command", "train a classifier on shards within a time budget; writes best.pth"),
    "score": Verb("tenfold.train.score.command", "measure a model on its test rows or on a labelled folder"),
    "predict": Verb("tenfold.predict.command", "label new pictures with a model"),
    "report": Verb("tenfold.preprocess.command", "check every image of a set before it is built", ("--report",)),
    "bench": Verb("tenfold.train.bench.command", "time loader settings on your shards"),
    "sweep": Verb("tenfold.train.sweep.command", "try settings of a recipe by a grid or a search"),
    "compare": Verb("tenfold.compare", "train and score several recipes on the same images"),
    "folds": Verb("tenfold.folds", "cross-validate a recipe by source image"),
    "models": Verb("tenfold.train.models.command", "list the networks with parameters and multiply-adds"),
    "verify": Verb("tenfold.data.verify", "read every byte of a set, and find what is damaged"),
    "fetch": Verb("tenfold.data.fetch", "write a public set as datasets/<name>.npz"),
    "recipes": Verb("tenfold.recipe_files", "list the recipes that come along, or print one"),
}


def main(argv: Sequence[str] | None = None, started: float | None = None) -> int:
    """Run the command that the arguments name, and return its exit code; argv None: this process's arguments.

    started: the time.monotonic() from which the budget of a training counts (default: now).
    """
    started = time.monotonic() if started is None else started
    verb, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    front = typed_command().rpartition(" ")[0]                   # "tenfold" or "python -m tenfold"
    if verb == "help" and rest:                                  # "help train"
        verb, rest = rest[0], ["--help"]
    if verb in ("--help", "-h", "help"):
        print(overview(front))
        return EXIT_OK
    if verb == "--version":
        print(f"tenfold {__version__}")
        return EXIT_OK
    if verb not in VERBS:
        print(f"{front}: {_unknown(verb)} (all of them: {front} --help)", file=sys.stderr)
        return EXIT_USER
    command: Callable[..., int] = importlib.import_module(VERBS[verb].module).main
    more = {"started": started} if verb in ("auto", "train") else {}
    with typed_as(f"{front} {verb}"):
        return command([*VERBS[verb].arguments, *rest], **more)


def overview(front: str) -> str:
    """All verbs with one line each."""
    width = max(map(len, VERBS))
    lines = [f"  {name:{width}}  {verb.line}" for name, verb in VERBS.items()]
    return "\n".join([f"usage: {front} VERB [options]", "", *lines, "",
                      f"{front} VERB --help shows the options of a verb, {front} --version the version."])


def _unknown(word: str) -> str:
    """Return the message for an unknown verb, with the nearest one."""
    if word.startswith("-"):
        return f"the option {readable(word)} stands where a verb belongs"
    close = difflib.get_close_matches(word, VERBS, n=1, cutoff=0.5)
    return f"'{readable(word)}' is not a verb" + (f"; did you mean '{close[0]}'?" if close else "")
