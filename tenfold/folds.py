"""The command `tenfold folds`: cross-validate a recipe; each source image is in the test split of one fold.

Everything is written into runs/<recipe>-folds: a folder for each fold with its shards, its run and its score, and
folds.csv with a row for each. One fold by hand: tenfold augment --recipe … --set split.folds=5 --set split.fold=0
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tenfold.data.command import make_parser, run, whole_number
from tenfold.data.files import lock_folder, make_folder
from tenfold.data.leftovers import leftovers_removed
from tenfold.data.process import run_main
from tenfold.data.recipe import read_recipe
from tenfold.experiment import add_options, check_recipe, describe_setting, rate, record, run_recipe
from tenfold.train.csv_file import write_csv


def cross_validate(args: argparse.Namespace) -> dict[str, Any]:
    """Run each fold, print and write a row for each, then their mean; return {"mean_top1", "top1": of each fold}."""
    folds = [read_recipe(args.recipe, [*args.set, f"split.folds={args.folds}", f"split.fold={fold}"])
             for fold in range(args.folds)]
    name = folds[0].name
    check_recipe(folds[0], args)
    out, rows = make_folder(args.out or f"runs/{name}-folds"), []
    top1: dict[int, list[float]] = {}
    with lock_folder(out), leftovers_removed(out):
        for fold, recipe in enumerate(folds):
            result = run_recipe(recipe, out / f"fold-{fold}", args)
            rows.append({"fold": fold, **result.facts})
            write_csv(Path(out) / "folds.csv", rows)
            for views, score in result.scores.items():
                top1.setdefault(views, []).append(score.top1)
                print(f"fold {fold}{_views(views)}: val top-1 {rate(result.run.val_top1)}, test top-1 "
                      f"{score.top1:.4f}, trained in {result.facts['seconds']:.0f} s", flush=True)
    means = {views: sum(found) / len(found) for views, found in top1.items()}
    for views, found in top1.items():
        print(f"{name}{_views(views)}: mean test top-1 of {len(folds)} folds {means[views]:.4f} "
              f"(from {min(found):.4f} to {max(found):.4f}); see {out / 'folds.csv'}")
        if args.record:
            about = " ".join([name, *map(describe_setting, args.set)])
            record(f"{len(folds)}-fold test top-1", f"{about}{_views(views)}, mean {means[views]:.4f}", found)
    return {"mean_top1": means[args.tta], "top1": top1[args.tta]}


def _views(count: int) -> str:
    return f", {count} views" if count > 1 else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tenfold folds`."""
    parser = make_parser("tenfold folds", "Cross-validate a recipe by source image.")
    parser.add_argument("--recipe", required=True, help="TOML file, or the name of a recipe")
    parser.add_argument("--folds", type=partial(whole_number, least=2), default=5,
                        help="how many (default: %(default)s)")
    parser.add_argument("--out", help="folder for all of it (default: runs/<recipe name>-folds)")
    add_options(parser)
    return run(cross_validate, parser.parse_args(argv))


if __name__ == "__main__":
    run_main(lambda started: main())
