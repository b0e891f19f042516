"""The command `tenfold sweep`: find the best settings by a grid or a search, within one budget for all trials.

    tenfold sweep --recipe R --grid train.lr=0.001,0.002 train.batch=128,256
    tenfold sweep --recipe R --search train.lr=log:1e-4..1e-2 model.dropout=0..0.5 --trials 20

The same command continues a sweep that was interrupted or killed: finished and pruned trials are kept, the trial that
was running continues from its last.pth, and failed ones are tried again. If keys of [source], [split], [clean], [draw]
or [shards] vary, each combination of them gets its own shards, shards/<recipe>-<digest>, built by `tenfold augment`.
"""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from tenfold.data.command import make_parser, run, whole_number
from tenfold.data.errors import RecipeFault, ShardFault, SourceFault, TrainingFault
from tenfold.data.files import lock_folder, make_folder
from tenfold.data.leftovers import leftovers_removed
from tenfold.data.networks import check_network
from tenfold.data.recipe import Recipe, parse_duration
from tenfold.train.inputs import named_recipe
from tenfold.train.sweep.leaderboard import line, row
from tenfold.train.sweep.preparation import Preparation, changes_pixels
from tenfold.train.sweep.record import open_record
from tenfold.train.sweep.repeats import repeats_notes
from tenfold.train.sweep.search import PRUNERS, Grid, Search
from tenfold.train.sweep.space import Key, as_set, check, parse_space
from tenfold.train.sweep.trial import Trial, read_trials

if TYPE_CHECKING:
    from tenfold.train.sweep.session import Session


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = make_parser("tenfold sweep", "Try settings of a recipe, within one budget for all of them.")
    parser.add_shards()
    parser.add_argument("--data", help="images, used if the varied keys change the shards (default: the recipe's)")
    parser.add_argument("--out", help="folder for the sweep (default: runs/<recipe name>-sweep)")
    parser.add_argument("--grid", nargs="+", action="extend", default=[], metavar="table.key=a,b",
                        help="every combination of these values")
    parser.add_argument("--search", nargs="+", action="extend", default=[], metavar="table.key=[log:]low..high",
                        help="ranges or values, from which Optuna chooses; poor trials are pruned")
    parser.add_argument("--trials", type=partial(whole_number, least=1), default=20,
                        help="number of trials of a --search (default: %(default)s)")
    parser.add_argument("--pruner", choices=PRUNERS, default="median",
                        help="which trials of a --search end early (default: %(default)s)")
    parser.add_argument("--budget", help="time for the whole sweep, shared equally: 45s, 30m, 2h "
                                         "(default: the recipe's budget for each trial)")
    parser.add_device()
    return run(_sweep, parser.parse_args(argv))


def _sweep(args) -> dict:
    from tenfold.train.sweep.session import Session
    recipe, shards, keys = _asked(args)
    names = [key.name for key in keys]
    out = make_folder(args.out or f"runs/{recipe.name}-sweep")
    with lock_folder(out) as lock, leftovers_removed(out):       # of a sweep that was killed while it wrote
        own_shards = changes_pixels(names)
        if not own_shards:
            _check_set(shards, args)
        # checked before the study is made anew: it may be that of another sweep
        record = open_record(out, recipe, sorted(names) if args.grid else sorted(args.search))
        trials = read_trials(out, names)
        plan = Grid(keys) if args.grid else Search(
            keys, out, trials, args.trials, args.pruner, recipe.seed, recipe.train.most_epochs)
        record.share_out(parse_duration(recipe.train.budget), plan.planned,
                         parse_duration(args.budget) if args.budget else None)
        done = sum(t.ended() for t in trials)
        print(f"{recipe.name}: {plan.planned} trials over {', '.join(names)}; up to {record.share:.0f} s each, "
              f"{record.budget:.0f} s in all" + (f"; {done} are done" if done else ""))
        session = Session(out, lock, plan, trials, record)
        rows = session.run(Preparation(recipe, shards, own_shards), args.device)
        return _report(rows, session)


def _asked(args) -> tuple[Recipe, Path, list[Key]]:
    """Return (the recipe, the folder of its shards, the keys that vary). RecipeFault: a key or value is not allowed."""
    if bool(args.grid) == bool(args.search):
        raise RecipeFault("--grid and --search", "are both given" if args.grid else "are both missing",
                          "give one of them, such as --grid train.lr=0.001,0.002")
    recipe, shards = named_recipe(args)
    keys = parse_space(args.grid or args.search, "--grid" if args.grid else "--search")
    check(recipe, keys)
    in_model = [key for key in keys if key.name.startswith("model.")]
    if in_model:
        check(recipe, in_model, lambda other: check_network(other.model.name, other.model.args))
    if args.data:
        recipe = replace(recipe, source=replace(recipe.source, data=args.data))
    names = [key.name for key in keys]
    if changes_pixels(names) and not recipe.source.data and "source.data" not in names:
        raise SourceFault(recipe.name, "names no images, and each trial makes its own shards", "give --data=folder")
    return recipe, shards, keys


def _report(rows: list[Trial], session: "Session") -> dict:
    """Print the table and what to do next; return the content of --json. TrainingFault: no trial finished."""
    print("best first:")
    for trial in rows:
        print(line(trial))
    out, record, planned = session.out, session.record, session.plan.planned
    tried = sum(t.state != "begun" for t in rows)
    if session.budget_spent:
        print(f"note: the budget is spent after {tried} of {planned} trials; "
              "the same command with a larger --budget goes on")
    elif tried < planned:
        print(f"note: the search chose {tried} different settings in {planned} trials; each was tried once")
    for note in repeats_notes(rows):
        print(note)
    best = rows[0] if rows and rows[0].state == "finished" else None
    if not best:
        raise TrainingFault(out, f"none of {tried} trials finished",
                            next((t.reason for t in rows if t.reason), "give more --budget"))
    table, picture, model = (out / name for name in ("sweep.csv", "sweep.png", "best.pth"))
    print(f"best: trial {best.number}, val top-1 {best.val_top1:.4f}, {as_set(best.settings)}; "
          f"{record.elapsed():.0f} s in all; see {table} and {picture}")
    print(f"score it: tenfold score {quote(str(model))} --shards={quote(os.path.relpath(best.shards))}")
    return {"rows": [row(t) for t in rows], "best": row(best), "csv": str(table), "picture": str(picture),
            "model": str(model), "seconds": round(record.elapsed(), 3), "budget_seconds": record.budget,
            "share_seconds": round(record.share, 3)}


def _check_set(shards: Path, args) -> None:
    """Raise ShardFault if the shards were made from other images than --data, or lack train or val rows."""
    from tenfold.data.image_set import check_images
    from tenfold.data.shardset import read_index
    index = read_index(shards)
    if args.data:
        check_images(shards, index, args.data, args.recipe)
    rows = index["rows"]
    for split in ("train", "val"):
        if not rows[split]:
            raise ShardFault(shards, f"has no {split} rows", f"a sweep needs them: give a recipe with split.{split}")
