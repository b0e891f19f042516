"""The command `tenfold predict MODEL IMAGES`: label pictures that have no labels yet."""

from __future__ import annotations

import argparse
import contextlib
import gc
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.data.command import make_parser, run, whole_number
from tenfold.data.errors import CheckpointFault, UserFault
from tenfold.data.wording import readable
from tenfold.predict.pictures import find_pictures, left_out_lines

if TYPE_CHECKING:
    from tenfold.predict.files import Labelled

FEW_LINES = 20               # pictures whose labels are printed one by one


def main(argv: list[str] | None = None) -> int:
    """Label pictures, and return the exit code."""
    parser = make_parser("tenfold predict", "Label pictures with a model; writes predictions.csv and a contact sheet.")
    parser.add_argument("model", metavar="MODEL", help="best.pth")
    parser.add_argument("images", metavar="IMAGES", nargs="+",
                        help="a picture, a folder with pictures at any depth, or a pattern such as 'scans/*.jpg'")
    parser.add_argument("--out", help="folder for predictions.csv and predictions.png "
                                      "(default: runs/<name of the model's recipe>-predictions)")
    parser.add_argument("--all", action="store_true", help="write the probability of every class")
    parser.add_argument("--tta", type=partial(whole_number, least=1), default=1, metavar="N",
                        help="average over N views of each picture")
    parser.add_argument("--workers", type=whole_number, default=0,
                        help="processes that read pictures (default: 0, one for each core if there are many pictures)")
    parser.add_device()
    return run(predict_command, parser.parse_args(argv))


def predict_command(args: argparse.Namespace) -> dict[str, Any]:
    """Find the pictures, label them, write the files and print the labels."""
    if args.set:
        raise UserFault("--set", "changes nothing here: a model's own recipe is followed", "leave it out")
    if not Path(args.model).exists():            # refused before torch is imported
        raise CheckpointFault(args.model, "does not exist", "run `tenfold train` first, or name another model")
    paths = find_pictures(args.images)
    from tenfold.predict.files import check_out, label_files
    if args.out:
        check_out(Path(args.out))
    with _no_garbage_collection():
        from tenfold.predict.model import Model
        model = Model.open(args.model, args.device)
    out = Path(args.out or f"runs/{model.recipe.name}-predictions")
    result = label_files(model, paths, out, tta=args.tta, every_class=args.all, workers=args.workers)
    for note in (*model.notes, *result.noticed.notes(model.contrast, model.recipe.source.max_opposite)):
        print(note)
    _print_labels(result, out)
    return {"predictions": [{"path": row.path, "label": row.label, "probability": row.probability}
                            for row in result.rows],
            "unreadable": [{"path": path, "reason": reason} for path, reason in result.unreadable],
            "csv": str(result.csv), "sheet": str(result.sheet), "seconds": round(result.seconds, 3),
            "images_per_second": round(len(paths) / max(result.seconds, 1e-9), 1)}


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Turn garbage collection off while torch is imported, because it takes a sixth of the import and finds nothing."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _print_labels(result: Labelled, out: Path) -> None:
    """Print a line for each of a few pictures, else one for each class; then what could not be read."""
    if len(result.rows) <= FEW_LINES:
        for row in result.rows:
            others = ", ".join(f"{readable(name)} {share:.4f}" for name, share in row.others)
            print(f"{readable(row.path)}: {readable(row.label)} {row.probability:.4f}"
                  + (f" ({others})" if others else ""))
    else:
        for label, count in Counter(row.label for row in result.rows).most_common():
            print(f"{count:7d}  {readable(label)}")
    pictures = "1 picture" if len(result.rows) == 1 else f"{len(result.rows)} pictures"
    print(f"{pictures} labelled in {result.seconds:.1f} s; see {result.csv}, {result.sheet}"
          + ("; they replace an earlier call's (another --out keeps both)" if result.replaced else ""))
    for line in left_out_lines(result.unreadable, result.noticed.several, len(result.rows) + len(result.unreadable),
                               f", all named in {out / 'unreadable.csv'}"):
        print(line)
