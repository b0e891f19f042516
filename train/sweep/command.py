"""tenfold sweep: which settings do best, by a grid or a search, within one budget for all trials.

    tenfold sweep --recipe R --grid train.lr=0.001,0.002 train.batch=128,256
    tenfold sweep --recipe R --search train.lr=log:1e-4..1e-2 model.dropout=0..0.5 --trials 20

The same command goes on with a sweep that was interrupted or killed: what was finished or pruned is
kept, the trial that was under way goes on from its last.pth, and failed ones are tried again.
Keys of [source], [split], [clean], [draw] and [shards] make shards of their own, shards/<recipe>-<digest>,
by the preprocessing command, and the trials that agree in them share them.
"""

import argparse
import contextlib
import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote

from tenfold.data.command import make_parser, run
from tenfold.data.errors import RecipeFault, ShardFault, TrainingFault
from tenfold.data.files import make_folder, only_one, publish
from tenfold.data.networks import check_network
from tenfold.data.recipe import digest_of, parse_duration, pixels_digest, recipe_tables
from tenfold.data.schema import INDEX
from tenfold.train.inputs import named_recipe
from tenfold.train.sweep.leaderboard import keep_best, line, row, write_standings
from tenfold.train.sweep.search import PRUNERS, Grid, Search
from tenfold.train.sweep.space import check, parse_space, said, with_settings
from tenfold.train.sweep.trial import new_trial, open_book, read_trials, run_process, run_trial, why

CLOSING = 4.0                # seconds for the table and the picture, of the budget
AROUND = 1.0                 # seconds that a trial takes beyond its own budget: its process, and ours
WORTH = 0.9                  # of its share: a trial that has less left is not begun
PIXELS = ("source", "split", "clean", "draw", "shards")


def arguments():
    parser = make_parser("tenfold sweep", "Try settings of a recipe, within one budget for all of them.")
    parser.add_argument("--recipe", help="TOML file (default: the recipe that the shards carry)")
    parser.add_argument("--shards", help="folder that `tenfold augment` wrote (default: shards/<recipe name>)")
    parser.add_argument("--data", help="images, where keys vary that change the shards (default: the recipe's)")
    parser.add_argument("--out", help="folder for the sweep (default: runs/<recipe name>-sweep)")
    parser.add_argument("--grid", nargs="+", action="extend", default=[], metavar="table.key=a,b",
                      help="every combination of these values")
    parser.add_argument("--search", nargs="+", action="extend", default=[], metavar="table.key=[log:]low..high",
                      help="ranges or values, from which Optuna chooses; poor trials are pruned")
    parser.add_argument("--trials", type=_count, default=20, help="of a --search (default: %(default)s)")
    parser.add_argument("--pruner", choices=PRUNERS, default="median",
                      help="which trials of a --search end early (default: %(default)s)")
    parser.add_argument("--budget", help="45s, 30m, 2h for the whole sweep, in equal shares "
                                       "(default: the recipe's for each trial)")
    parser.add_argument("--device", help="cpu, cuda or mps (default: the best there is)")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1")
    return int(text)


def main(argv=None) -> int:
    return run(sweep, arguments().parse_args(argv))


def sweep(args) -> dict:
    if bool(args.grid) == bool(args.search):
        raise RecipeFault("--grid and --search", "are both given" if args.grid else "are both missing",
                          "give one of them, such as --grid train.lr=0.001,0.002")
    recipe, shards = named_recipe(args)
    keys = parse_space(args.grid or args.search, "--grid" if args.grid else "--search")
    check(recipe, keys)
    in_model = [key for key in keys if key.name.startswith("model.")]
    if in_model:
        check(recipe, in_model, lambda made: check_network(made.model.name, made.model.args))
    if args.data:
        recipe = replace(recipe, source=replace(recipe.source, data=args.data))
    out = make_folder(args.out or f"runs/{recipe.name}-sweep")
    with only_one(out) as lock:
        return Sweep(args, recipe, shards, keys, out, lock).run()


class Sweep:
    """One session of a sweep. sweep.json holds what all its sessions share, each trial's folder the rest."""

    def __init__(self, args, recipe, shards: Path, keys: list, out: Path, lock):
        self.args, self.recipe, self.shards, self.out, self.lock = args, recipe, shards, out, lock
        self.start, self.names = time.monotonic(), [key.name for key in keys]
        self.draws = any(name.partition(".")[0] in PIXELS for name in self.names)
        if not self.draws:
            _check_set(shards, args)
        self.trials = read_trials(out)
        # before the study, which another search's keys would spoil
        self.book = open_book(out, recipe, sorted(self.names) if args.grid else sorted(args.search))
        self.plan = Grid(keys) if args.grid else Search(
            keys, out, self.trials, args.trials, args.pruner, recipe.seed, recipe.train.epochs)
        self.budget, self.share = self._budgets()
        self.spent, self.late = self.book.get("spent", 0.0), 0.0     # late: seconds a trial took beyond its limit
        self._keep_book()

    def _budgets(self) -> tuple[float, float]:
        """(seconds for the whole sweep, those of each trial): a share, once given, stays, so that trials compare."""
        one, trials = self.book.get("share", parse_duration(self.recipe.train.budget)), self.plan.planned
        if not self.args.budget:
            return trials * (one + AROUND) + CLOSING, one
        budget = parse_duration(self.args.budget)
        share = self.book.get("share", min(one, (budget - CLOSING) / trials - AROUND))
        if share < 1:
            raise TrainingFault("--budget", f"of {budget:g} s leaves {max(share, 0):.1f} s for each of {trials} trials",
                                "give more, or fewer trials")
        return budget, share

    def elapsed(self) -> float:
        """Seconds, those of earlier sessions included."""
        return self.spent + time.monotonic() - self.start

    def run(self) -> dict:
        from tqdm import tqdm
        done = sum(t.ended() for t in self.trials)
        print(f"{self.recipe.name}: {self.plan.planned} trials over {', '.join(self.names)}; up to {self.share:.0f} s "
              f"each, {self.budget:.0f} s in all" + (f"; {done} are done" if done else ""))
        try:
            with tqdm(total=self.plan.planned, desc="sweep", unit="trial", disable=None) as bar:
                while (settings := self.plan.next()) is not None and self._try(settings, bar):
                    bar.update()
        except KeyboardInterrupt:
            kept = sum(t.ended() for t in self._close())
            raise KeyboardInterrupt(f"{kept} trials are kept in {self.out}; the same command goes on") from None
        return self._tell(self._close())

    def _try(self, settings: dict, bar) -> bool:
        """Run a trial unless it was run before. False: the budget leaves it no fair share."""
        trial = next((t for t in self.trials if t.settings == settings), None) or \
            new_trial(self.out, self.trials, settings)
        if not trial.ended():
            bar.set_postfix_str(said(settings))
            fault = self._prepare(trial)
            before = trial.spent() if (trial.folder / "last.pth").exists() else 0.0
            limit = min(self.share, before + self.budget - CLOSING / 2 - self.late - self.elapsed())
            if limit < WORTH * self.share:
                return False
            trial.seconds = before
            if fault:
                trial.state, trial.reason = "failed", fault
                trial.keep()
            else:
                run_trial(trial, limit, self.args.device, self.lock, self.plan.hopeless)
                self.late = max(self.late, trial.seconds - limit)
            keep_best(self.out, self.trials)
            with contextlib.suppress(BrokenPipeError):
                bar.write(line(trial))
        self.plan.tell(trial)
        self._keep_book()
        return True

    def _prepare(self, trial) -> str:
        """The trial's recipe.json, and its shards if they are not the recipe's own. Why not, where it cannot be."""
        try:
            recipe = with_settings(self.recipe, trial.settings)
        except RecipeFault as fault:             # each value is allowed, but not all of them together
            return str(fault)
        weights = Path(recipe.model.weights)
        if weights.is_file():                    # the trial's process stands in the trial's folder
            recipe = replace(recipe, model=replace(recipe.model, weights=str(weights.resolve())))
        with publish(trial.folder / "recipe.json") as temporary:
            temporary.write_text(json.dumps(recipe_tables(recipe), indent=1) + "\n")
        folder = self.shards
        if self.draws:                           # of the sweep's seed: a trial's is its training's alone
            drawn = replace(recipe, seed=self.recipe.seed)
            folder = Path(f"shards/{recipe.name}-{digest_of([pixels_digest(drawn), asdict(recipe.source)])[:12]}")
        trial.shards = str(folder.resolve())
        trial.keep()
        if not self.draws or (folder / INDEX).exists():
            return ""
        log = trial.folder / "augment.log"
        code = run_process(["preprocess", "--recipe", trial.folder / "recipe.json", "--out", folder, "--set",
                            f"seed={self.recipe.seed}"], ".", log, self.lock, lambda: self.elapsed() > self.budget)
        return why(code, log) if code else ""

    def _keep_book(self) -> None:
        book = self.book | {"share": self.share, "spent": self.elapsed()}
        with publish(self.out / "sweep.json") as temporary:
            temporary.write_text(json.dumps(book, indent=1) + "\n")

    def _close(self) -> list:
        keep_best(self.out, self.trials)         # of a session that was killed before it came to it
        self._keep_book()
        return write_standings(self.out, self.trials)

    def _tell(self, rows: list) -> dict:
        """The table, the last lines, and the facts for scripts."""
        print("best first:")
        for trial in rows:
            print(line(trial))
        tried = sum(t.state != "begun" for t in rows)
        if tried < self.plan.planned:
            print(f"note: the budget is spent after {tried} of {self.plan.planned} trials; "
                  "the same command with a larger --budget goes on")
        best = rows[0] if rows and rows[0].state == "finished" else None
        if not best:
            raise TrainingFault(self.out, f"none of {tried} trials finished",
                                next((t.reason for t in rows if t.reason), "give more --budget"))
        table, picture, model = (self.out / name for name in ("sweep.csv", "sweep.png", "best.pth"))
        print(f"best: trial {best.number}, val top-1 {best.val_top1:.4f}, {said(best.settings)}; "
              f"{self.elapsed():.0f} s in all; see {table} and {picture}")
        print(f"score it: tenfold score {quote(str(model))} --shards={quote(os.path.relpath(best.shards))}")
        return {"rows": [row(t) for t in rows], "best": row(best), "csv": str(table), "picture": str(picture),
                "model": str(model), "seconds": round(self.elapsed(), 3), "budget_seconds": self.budget,
                "share_seconds": round(self.share, 3)}


def _check_set(shards: Path, args) -> None:
    from tenfold.data.identity import check_images
    from tenfold.data.shardset import read_index
    index = read_index(shards)
    if args.data:
        check_images(shards, index, args.data, args.recipe)
    rows = index["rows"]
    for split in ("train", "val"):
        if not rows[split]:
            raise ShardFault(shards, f"has no {split} rows", f"a sweep needs them: give a recipe with split.{split}")
