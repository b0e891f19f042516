"""The command `tenfold auto`: a folder and a budget in, a recipe, a model and its score out."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tenfold.data.command import Parser, run, whole_number


def main(argv: Sequence[str] | None = None, started: float | None = None) -> int:
    """Run the command; started: the time.monotonic() from which the budget counts."""
    started = time.monotonic() if started is None else started
    parser = Parser("tenfold auto", allow_abbrev=False, description="Look at a folder of labelled images, choose and "
                    "prove a recipe, augment, train and score, all within one budget.")
    parser.add_argument("data", nargs="?", default="", help="folder with a sub-folder per class, "
                                                            "table of labels (.csv), or .npz")
    parser.add_argument("--budget", default="10m", help="time for everything: 45s, 10m, 1h (default: 10m)")
    parser.add_argument("--plan", default="seconds", choices=("seconds", "steps"),
                        help="steps: time nothing, but choose and train what a nominal machine would in the budget, "
                             "however long it takes here: the same recipe each time")
    parser.add_argument("--groups", default="", help="which images stay together in one split, as split.groups of a "
                        "recipe: folder, path:REGEX or a .csv file of path,group (default: folders that look like it)")
    parser.add_argument("--name", default="", help="name of the recipe, shards and run (default: auto-<folder>)")
    parser.add_argument("--workers", type=whole_number, default=0,
                        help="processes that draw copies (default: 0, one for each core)")
    parser.add_device()
    parser.add_argument("--seed", type=whole_number, default=0,
                        help="seed of every split, copy, order and weight (default: 0)")
    parser.add_json()
    return run(lambda args: _auto(args, started), parser.parse_args(argv))


def _auto(args: argparse.Namespace, started: float) -> dict[str, Any]:
    from tenfold.automatic.auto import Automatic
    from tenfold.data.errors import SourceFault
    from tenfold.data.recipe import parse_duration
    if not args.data:
        raise SourceFault("this command", "was given no images", "name their folder: `tenfold auto my_images`")
    from tenfold.train.device import keep_freed_memory
    keep_freed_memory()                          # as in training, and before the machine is timed
    automatic = Automatic(Path(args.data), parse_duration(args.budget), name=args.name, device=args.device,
                          workers=args.workers, seed=args.seed, plan=args.plan, groups=args.groups, copied=True,
                          started=started)
    result = automatic.run()
    print("", *result.lines, sep="\n")
    of = f" of {automatic.budget:.0f}" if automatic.clock.is_timed else ""
    print(f"best.pth is the model, for `tenfold predict`; {automatic.recipe} the recipe; "
          f"{automatic.clock.spent():.0f}{of} s")
    return {"recipe": str(automatic.recipe), "best": result.run.facts["best"], "top1": result.score.top1,
            "macro_f1": result.score.macro_f1, "images": result.score.images, "val_top1": result.run.val_top1,
            "steps": result.run.facts["steps"], "seconds": round(automatic.clock.spent(), 3),
            "budget_seconds": automatic.budget, "lines": result.lines}
