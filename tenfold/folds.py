"""tenfold folds: k-fold cross-validation by source image, through the three commands.

Each fold's shards, run and score lie in shards/<name>-fold<i>, runs/<name>-fold<i>. A fold by hand:
    make augment RECIPE=… DATA=… SHARDS=shards/x-fold0 SET="split.folds=5 split.fold=0"
What lies in ./best.pth afterwards is the last fold's.
"""

import sys

from benchmarks.rows import append
from tenfold.compare import add_options, rate, road
from tenfold.data.command import make_parser, run
from tenfold.data.recipe import read_recipe


def cross_validate(args) -> dict:
    recipe, top1 = read_recipe(args.recipe, args.set), {}
    for fold in range(args.folds):
        trained, scores = road(args, args.recipe, f"shards/{recipe.name}-fold{fold}", f"runs/{recipe.name}-fold{fold}",
                               f"split.folds={args.folds}", f"split.fold={fold}")
        for views, score in scores.items():
            top1.setdefault(views, []).append(score["top1"])
            print(f"fold {fold}{_over(views)}: val top-1 {rate(trained['val_top1'])}, test top-1 {score['top1']:.4f}, "
                  f"trained in {trained['seconds']:.0f} s", flush=True)
    means = {views: sum(found) / len(found) for views, found in top1.items()}
    for views, found in top1.items():
        append(f"{args.folds}-fold test top-1",
               " ".join([recipe.name, *args.set]) + f"{_over(views)}, mean {means[views]:.4f}", found)
        print(f"{recipe.name}{_over(views)}: mean test top-1 of {args.folds} folds {means[views]:.4f} "
              f"(from {min(found):.4f} to {max(found):.4f})")
    return {"mean_top1": means[args.tta], "top1": top1[args.tta]}


def _over(views: int) -> str:
    return f", {views} views" if views > 1 else ""


def main(argv=None) -> int:
    parser = make_parser("tenfold folds", "Cross-validate a recipe by source image.")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--folds", type=int, default=5)
    add_options(parser)
    return run(cross_validate, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
