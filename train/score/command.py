"""The command `tenfold score MODEL`: how often it is right, and where it is wrong."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.data.command import make_parser, run, run_module, whole_number
from tenfold.data.errors import CheckpointFault, UserFault
from tenfold.data.files import read_file
from tenfold.data.wording import readable
from tenfold.train.score.files import FILES, scored_folder

if TYPE_CHECKING:
    from tenfold.data.recipe import Recipe

CONFUSIONS = 8               # worst confusions that are printed
_NAME = 60                   # characters of a class name in the table


def main(argv: list[str] | None = None) -> int:
    """Score, and return the exit code."""
    parser = make_parser("tenfold score", "Score a model on its test shards, or on a labelled folder.")
    parser.add_argument("model", metavar="MODEL", help="best.pth")
    parser.add_argument("--shards", help="folder of shards (default: shards/<name of the model's recipe>)")
    parser.add_argument("--data", help="labelled folder, table of labels (.csv) or .npz; passes through "
                                       "the plain view first")
    parser.add_argument("--out", help=f"folder for {', '.join(FILES)} (default: the model's; for ./best.pth the "
                                      "folder of the run that it came from, too)")
    parser.add_argument("--tta", type=partial(whole_number, least=1), default=1, metavar="N",
                        help="average over N views of each image: mirrored, turned, shifted, as the recipe draws them")
    parser.add_device()
    parser.add_verify()
    return run(score_command, parser.parse_args(argv))


def score_command(args: argparse.Namespace) -> dict[str, Any]:
    """Open model and images, score, print the result for people, and return the facts of score.json."""
    started = time.monotonic()
    if args.shards and args.data:
        raise UserFault("--shards and --data", "are both given", "choose one")
    if args.set and not args.data:
        raise UserFault("--set", "changes nothing here without --data", "leave it out")
    if not Path(args.model).exists():            # before torch is imported
        raise CheckpointFault(args.model, "does not exist", "run `tenfold train` first, or name another model")
    from tenfold.data.recipe import change_recipe
    from tenfold.data.shardset import open_set
    from tenfold.data.sources.opening import open_images
    from tenfold.train.model_file import Model
    from tenfold.train.score.scoring import check_classes, check_fit, score
    model = Model.open(args.model, args.device)
    model.with_tta(args.tta)                     # refused before a folder of images is prepared
    kept = nullcontext(args.shards or f"shards/{model.recipe.name}")
    if args.data:
        recipe = change_recipe(model.recipe, args.set, "--set")
        source = open_images(recipe, args.data, training=False)
        check_classes(model, source.classes, args.data)        # before images are read
    out = Path(args.out or Path(args.model).parent)
    with plain_shards(recipe, args.data) if args.data else kept as folder:
        shards = open_set(folder, args.verify)
        check_fit(model, shards, args.data)      # in the words of what was given
        replaced = bool(args.data) and (out / FILES[0]).exists()
        result = score(model, shards, tta=args.tta, out=out, started=started)
    for note in result.notes:
        print(note)
    print_score(result.facts)
    run_folder = None if args.out or args.data else folder_of_run(Path(args.model))
    if run_folder:
        copy_files(out, run_folder)
    print(f"see {', '.join(str(out / name) for name in FILES)}"
          + (f"; also in {run_folder}" if run_folder else "")
          + ("; they replace an earlier score's (another --out keeps both)" if replaced else ""))
    return result.facts


@contextmanager
def plain_shards(recipe: Recipe, data: str) -> Iterator[str]:
    """Turn a labelled folder into test shards by the preprocessing command with the recipe that the model carries:
    `train` never imports `preprocess`. Yields their folder; where the command fails, ends with its exit code."""
    from tenfold.data.recipe import recipe_tables
    with scored_folder(recipe.name) as folder:
        carried = folder / "recipe.json"
        carried.write_text(json.dumps(recipe_tables(recipe)))
        code = run_module("preprocess", "--recipe", carried, "--data", data, "--out", folder, "--plain")
        if code:
            raise SystemExit(code)               # the command has said why, in one line
        yield str(folder)


def folder_of_run(model: Path) -> Path | None:
    """Return the folder in runs/ of which `model`, such as ./best.pth, is a copy; None: there is none."""
    if model.resolve().parent.parent == Path("runs").resolve():
        return None                              # it is the original in a run's folder
    size = model.stat().st_size
    for best in sorted(Path("runs").glob("*/best.pth")):
        if best.stat().st_size == size and not best.samefile(model) and read_file(best) == read_file(model):
            return best.parent
    return None


def copy_files(source: Path, folder: Path) -> None:
    """Copy the files of a score into another folder, all of them or none."""
    from tenfold.data.files import publish, publish_together
    with publish_together(folder, FILES) as place:
        for name in FILES:
            with publish(place / name) as temporary:
                shutil.copyfile(source / name, temporary)


def print_score(facts: dict[str, Any]) -> None:
    """Print a table of the classes, the worst confusions and the figures of the whole."""
    from tenfold.train.score.metrics import worst_confusions
    names = {name: readable(name, _NAME) for name in facts["per_class"]}
    wide = max(5, *map(len, names.values()))
    print(f"{'class':{wide}}  precision  recall      F1  images")
    for name, row in facts["per_class"].items():
        print(f"{names[name]:{wide}}  {row['precision']:9.4f}  {row['recall']:6.4f}  {row['f1']:6.4f}  "
              f"{row['support']:6d}")
    for count, true, predicted in worst_confusions(facts["confusion"], facts["classes"])[:CONFUSIONS]:
        print(f"{count} of {readable(true)} taken for {readable(predicted)}")
    more = [f"top-5 {facts['top5']:.4f}"] if "top5" in facts else []
    more += [f"balanced accuracy {facts['balanced_accuracy']:.4f}", f"weighted F1 {facts['weighted']['f1']:.4f}",
             f"calibration error {facts['calibration_error']:.4f}"]
    more += [f"F1 against class size r = {facts['f1_size_r']:.2f}"] if facts["f1_size_r"] is not None else []
    print(", ".join(more))
    views = f" ({facts['tta']} views of each)" if facts["tta"] > 1 else ""
    print(f"test top-1 {facts['top1']:.4f}, macro-F1 {facts['macro_f1']:.4f} on {facts['images']} images{views}; "
          f"{facts['seconds']:.1f} s")
