"""tenfold compare recipes/a.toml recipes/b.toml …: recipes side by side, on the same images under the
same budget, through the three commands. Each recipe's shards, run and score lie in shards/<name>, runs/<name>.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.rows import append
from tenfold.data.command import make_parser, module_command, run
from tenfold.data.recipe import read_recipe


def command(module: str, *arguments) -> dict:
    """Run one of our commands with --json and return what it says; its own fault ends us too."""
    done = subprocess.run(**module_command(module, *arguments, "--json"), stdout=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout.splitlines()[-1])


def road(args, recipe: str, shards: str, out: str, *more: str) -> tuple[dict, dict[int, dict]]:
    """Augment, train and score with args.data, .set, .budget, .resume, .tta, and `more` settings: what training
    said, and what the score said by the number of views, one and args.tta. More views than the recipe has are refused
    before the training, not after it."""
    from tenfold.train.score.tta import choose_views
    asked = read_recipe(recipe, (*args.set, *more))
    choose_views(args.tta, asked.draw, asked.augment)
    sets = [word for setting in (*args.set, *more) for word in ("--set", setting)]
    command("preprocess", "--recipe", recipe, "--out", shards, *sets, *(["--data", args.data] if args.data else []))
    trained = command("train", "--recipe", recipe, "--shards", shards, "--out", out, *sets,
                      *(["--budget", args.budget] if args.budget else []), *(["--resume"] if args.resume else []))
    return trained, {views: command("train.score", trained["best"], "--shards", shards, "--tta", views)
                     for views in sorted({1, args.tta})}


def told(setting: str) -> str:
    """A --set for a row: a file by its name alone, wherever it lies on this machine."""
    key, _, value = setting.partition("=")
    return f"{key}={Path(value).name}" if Path(value).is_file() else setting


def rate(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def add_options(made) -> None:
    """What `road` reads."""
    made.add_argument("--data", help="folder or .npz (default: the recipe's)")
    made.add_argument("--tta", type=int, default=1, help="also average over so many views of each test image")
    made.add_argument("--resume", action="store_true", help="go on with runs that were stopped, take finished ones")
    made.add_argument("--budget", help="for each training (default: the recipe's)")


def compare(args) -> dict:
    recipes, facts = [read_recipe(path, args.set) for path in args.recipes], {}
    for path, recipe in zip(args.recipes, recipes, strict=True):
        out = Path("runs") / recipe.name
        trained, scores = road(args, path, f"shards/{recipe.name}", str(out))
        with open(out / "metrics.csv", newline="") as f:
            train_top1 = float(list(csv.DictReader(f))[-1]["train_top1"])
        fact = facts[recipe.name] = {
            "top1": scores[1]["top1"], **{f"top1_{n}_views": score["top1"] for n, score in scores.items() if n > 1},
            "macro_f1": scores[1]["macro_f1"], "train_top1": train_top1,
            **{key: trained[key] for key in ("val_top1", "epochs", "seconds", "budget_seconds")}}
        said = (f"{' '.join([recipe.name, *map(told, args.set)])}, {Path(args.data or recipe.source.data).name}: "
                f"{fact['epochs']} epochs in {fact['seconds']:.0f} of {fact['budget_seconds']:.0f} s, training top-1 "
                f"{train_top1:.4f}, best val {rate(fact['val_top1'])}, test macro-F1 {fact['macro_f1']:.4f}")
        for views, score in scores.items():
            views = f", {views} views" if views > 1 else ""
            append("test top-1", said + views, [score["top1"]])
            print(f"{said}{views}: test top-1 {score['top1']:.4f}", flush=True)
    return facts


def main(argv=None) -> int:
    parser = make_parser("tenfold compare", "Recipes side by side on the same images under the same budget.")
    parser.add_argument("recipes", nargs="+", metavar="recipe.toml")
    add_options(parser)
    return run(compare, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
