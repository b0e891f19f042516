"""python -m benchmarks.folds: k-fold cross-validation by source image, through the three commands.

Each fold's shards, run and score lie in shards/<name>-fold<i>, runs/<name>-fold<i>. A fold by hand:
    make augment RECIPE=… DATA=… SHARDS=shards/x-fold0 SET="split.folds=5 split.fold=0"
"""

import json
import subprocess
import sys

from benchmarks.rows import append
from data.command import parser, run
from data.recipe import read_recipe


def command(module: str, *arguments) -> dict:
    """Run one of our commands with --json and return what it says; its own fault ends us too."""
    done = subprocess.run([sys.executable, "-m", module, *map(str, arguments), "--json"],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout.splitlines()[-1])


def cross_validate(args) -> dict:
    recipe = read_recipe(args.recipe, args.set)
    sets = [a for s in args.set for a in ("--set", s)]
    scores = []
    for fold in range(args.folds):
        shards, out = (f"{room}/{recipe.name}-fold{fold}" for room in ("shards", "runs"))
        command("preprocess", "--recipe", args.recipe, *(["--data", args.data] if args.data else []), "--out", shards,
                *sets, "--set", f"split.folds={args.folds}", "--set", f"split.fold={fold}")
        trained = command("train", "--recipe", args.recipe, "--shards", shards, "--out", out, *sets,
                          *(["--budget", args.budget] if args.budget else []), *(["--resume"] if args.resume else []))
        scores.append(command("train.score", trained["best"], "--shards", shards, "--tta", args.tta)["top1"])
        print(f"fold {fold}: val top-1 {trained['val_top1']:.4f}, test top-1 {scores[-1]:.4f}, "
              f"trained in {trained['seconds']:.0f} s")
    mean = sum(scores) / len(scores)
    said = [recipe.name, *args.set, *([f"{args.tta} views"] if args.tta > 1 else []), f"mean {mean:.4f}"]
    append(f"{args.folds}-fold test top-1", " ".join(said), scores)
    print(f"{recipe.name}: mean test top-1 of {args.folds} folds {mean:.4f} "
          f"(from {min(scores):.4f} to {max(scores):.4f})")
    return {"mean_top1": mean, "top1": scores}


def main(argv=None) -> int:
    made = parser("python -m benchmarks.folds", "Cross-validate a recipe by source image.")
    made.add_argument("--recipe", required=True)
    made.add_argument("--data", help="folder or .npz (default: the recipe's)")
    made.add_argument("--folds", type=int, default=5)
    made.add_argument("--tta", type=int, default=1, help="views of each test image that are averaged (default: 1)")
    made.add_argument("--resume", action="store_true", help="go on with runs that were stopped, take finished ones")
    made.add_argument("--budget", help="for each fold's training (default: the recipe's)")
    return run(cross_validate, made.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
