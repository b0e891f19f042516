"""Augment, train and score one recipe in its own folder, as `tenfold compare` and `tenfold folds` do."""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tenfold.data.command import Parser, whole_number
from tenfold.data.errors import MachineFault, SourceFault
from tenfold.data.recipe import Recipe, parse_duration

if TYPE_CHECKING:
    from tenfold.train.run.training import Run
    from tenfold.train.score.scoring import Score


@dataclass(frozen=True)
class Result:
    """The result of one recipe: its training, and its scores by the number of views of each image."""

    recipe: Recipe
    run: "Run"
    scores: "dict[int, Score]"

    @property
    def facts(self) -> dict[str, Any]:
        """The figures of a row in the table."""
        more = {f"top1_{views}_views": score.top1 for views, score in self.scores.items() if views > 1}
        return {"top1": self.scores[1].top1, **more, "macro_f1": self.scores[1].macro_f1,
                "images": self.scores[1].images,
                "train_top1": self.run.history[-1]["train_top1"] if self.run.history else None,
                **{key: self.run.facts[key] for key in ("val_top1", "epochs", "seconds", "budget_seconds")}}


def add_options(parser: Parser) -> None:
    """Add the options that `run_recipe` reads, and --record."""
    parser.add_argument("--data", help="folder, table of labels (.csv) or .npz (default: the recipe's)")
    parser.add_argument("--budget", help="for each training (default: the recipe's)")
    parser.add_argument("--tta", type=partial(whole_number, least=1), default=1, metavar="N",
                        help="also average over N views of each test image")
    parser.add_argument("--workers", type=whole_number, default=0,
                        help="processes that draw (default: 0, one for each core)")
    parser.add_device()
    parser.add_argument("--resume", action="store_true", help="go on with runs that were stopped, take finished ones")
    parser.add_argument("--record", action="store_true",
                        help="also add rows to benchmarks/results.tsv of the checkout (for developers)")


def check_recipe(recipe: Recipe, args: argparse.Namespace) -> None:
    """Refuse what would only be noticed after images were drawn or networks trained.

    That is a recipe without images, more views than it allows, a budget that is none, a device that is not there, and
    a record where there is no table for it.
    """
    if not (args.data or recipe.source.data):
        raise SourceFault(recipe.name, "names no images", "give --data=folder")
    parse_duration(args.budget or recipe.train.budget)
    if args.record:
        _table_of_records()
    from tenfold.train.device import choose_device
    from tenfold.train.score.tta import choose_views
    choose_device(args.device)
    choose_views(args.tta, recipe.draw, recipe.augment)


def run_recipe(recipe: Recipe, folder: Path, args: argparse.Namespace) -> Result:
    """Augment, train and score a recipe; shards go to folder/shards, the run and its score to `folder`.

    args: those of `add_options`. The score over several views goes to folder/tta-<views>.
    """
    from tenfold.data.shardset import open_set
    from tenfold.data.sources.opening import open_images
    from tenfold.preprocess.findings import print_findings
    from tenfold.preprocess.pipeline import augment
    from tenfold.train.device import keep_freed_memory
    from tenfold.train.run.training import train
    from tenfold.train.score.scoring import score
    source = open_images(recipe, args.data)
    print(*source.notes, sep="\n")
    built = augment(recipe, source, folder / "shards", args.workers)
    print_findings(built.index, built.folder / "dataset.json")
    shards = open_set(folder / "shards")
    if not shards.rows("test"):
        raise SourceFault(recipe.name, "has no test images to be scored", "set split.test above 0")
    keep_freed_memory()
    trained = train(shards, recipe, folder, budget=parse_duration(args.budget or recipe.train.budget),
                    device=args.device, resume=args.resume)
    return Result(recipe, trained, {
        views: score(folder / "best.pth", shards, tta=views, device=args.device,
                     out=folder if views == 1 else folder / f"tta-{views}") for views in sorted({1, args.tta})})


def record(question: str, setting: str, values: list[float]) -> None:
    """Add a row to benchmarks/results.tsv, which only a checkout has."""
    _table_of_records().append(question, setting, values)


def _table_of_records() -> ModuleType:
    try:
        from benchmarks import rows
    except ImportError:
        raise MachineFault("--record", "finds no benchmarks/ here", "stand in a checkout of Tenfold") from None
    return rows


def describe_setting(setting: str) -> str:
    """Write a --set assignment for a row; of a path, only the file's name."""
    key, _, value = setting.partition("=")
    return f"{key}={Path(value).name}" if Path(value).is_file() else setting


def rate(value: float | None) -> str:
    """Write a share with four digits, or "none"."""
    return "none" if value is None else f"{value:.4f}"
