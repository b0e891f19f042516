"""The command `tenfold compare`: train and score recipes on the same images, each within its budget.

Everything is written into one folder, runs/<a>-<b>-compare: a folder for each recipe with its shards, its run and its
score, and compare.csv with a row for each. Nothing is written outside it.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tenfold.data.command import make_parser, run
from tenfold.data.errors import RecipeFault
from tenfold.data.files import lock_folder, make_folder
from tenfold.data.leftovers import leftovers_removed
from tenfold.data.process import run_main
from tenfold.data.recipe import Recipe, read_recipe
from tenfold.experiment import (
    Result,
    add_options,
    check_recipe,
    describe_setting,
    rate,
    record,
    run_recipe,
)
from tenfold.train.csv_file import write_csv

LONGEST_NAME = 100           # characters of the recipes' names that are used in the folder's name


def compare(args: argparse.Namespace) -> dict[str, Any]:
    """Run each recipe, print and write a row for each; return {name of the recipe: its figures}."""
    recipes: dict[str, Recipe] = {}
    for path in args.recipes:
        recipe = read_recipe(path, args.set)
        if recipe.name in recipes:
            raise RecipeFault(path, f"is a second recipe of the name '{recipe.name}'", "rename one")
        check_recipe(recipe, args)
        recipes[recipe.name] = recipe
    out = make_folder(args.out or Path("runs") / folder_name(list(recipes)))
    facts: dict[str, dict[str, Any]] = {}
    tested, first = dict[str, set[str]](), next(iter(recipes))
    with lock_folder(out), leftovers_removed(out):
        for name, recipe in recipes.items():
            result = run_recipe(recipe, out / name, args)
            facts[name] = result.facts
            write_csv(out / "compare.csv", [{"recipe": each, **row} for each, row in facts.items()])
            _print_result(result, args)
            tested[name] = _tested(result)
            if tested[name] != tested[first]:
                print(f"note: {name} was scored on other test images than {first}, as the recipes' [split], seed or "
                      "images differ: their accuracies cannot be compared")
    best = max(facts, key=lambda name: facts[name]["top1"])
    print(f"best: {best}, test top-1 {facts[best]['top1']:.4f}; see {out / 'compare.csv'}")
    return facts


def folder_name(names: Sequence[str]) -> str:
    """Return the name of the folder, "a-b-compare"; for many or long names, the first ones and a count."""
    joined = "-".join(names)
    kept = list(names)
    while len(joined) > LONGEST_NAME and len(kept) > 1:
        kept.pop()
        joined = "-".join([*kept, f"and-{len(names) - len(kept)}-more"])
    return f"{joined[:2 * LONGEST_NAME]}-compare"


def _tested(result: Result) -> set[str]:
    """Return the paths of the images that were scored."""
    sources = result.scores[1].shards.sources
    return set(sources.paths(row for row, tested in enumerate(sources.in_split("test").tolist()) if tested))


def _print_result(result: Result, args: argparse.Namespace) -> None:
    """Print a line for each number of views, and record it if --record is given."""
    facts, recipe = result.facts, result.recipe
    about = (f"{' '.join([recipe.name, *map(describe_setting, args.set)])}, "
             f"{Path(args.data or recipe.source.data).name}: {facts['epochs']} epochs in {facts['seconds']:.0f} of "
             f"{facts['budget_seconds']:.0f} s, training top-1 {rate(facts['train_top1'])}, "
             f"best val {rate(facts['val_top1'])}, test macro-F1 {facts['macro_f1']:.4f}")
    for views, score in result.scores.items():
        line = about + (f", {views} views" if views > 1 else "")
        print(f"{line}: test top-1 {score.top1:.4f}", flush=True)
        if args.record:
            record("test top-1", line, [score.top1])


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tenfold compare`."""
    parser = make_parser("tenfold compare", "Train and score recipes on the same images, each within its budget.")
    parser.add_argument("recipes", nargs="+", metavar="recipe.toml")
    parser.add_argument("--out", help="folder for all of it (default: runs/<names of the recipes>-compare)")
    add_options(parser)
    return run(compare, parser.parse_args(argv))


if __name__ == "__main__":
    run_main(lambda started: main())
