"""The command `tenfold augment`: a folder of labelled images → shards/<recipe name>/."""

import argparse
import time
from pathlib import Path

from tenfold.data.command import make_parser, run, whole_number


def main(argv: list[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    parser = make_parser("tenfold augment", "Clean each image once, draw many copies of it, write HDF5 shards; as "
                         "`tenfold report`, only look at the images.")
    parser.add_argument("--recipe", required=True, help="TOML file, such as recipes/letters.toml")
    parser.add_argument("--data", help="folder with a sub-folder per class, table of labels (.csv), or .npz "
                                       "(default: the recipe's)")
    parser.add_argument("--out", help="folder for the shards (default: shards/<recipe name>)")
    parser.add_argument("--workers", type=whole_number, default=0, help="processes (default: 0, one for each core)")
    parser.add_argument("--verify", action="store_true", help="read every byte of a finished set, and make again what "
                                                              "is damaged (default: only what looks changed)")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--preview", metavar="SHEET.png",
                      help="only draw a contact sheet of what the recipe does, as PNG or JPEG")
    only.add_argument("--report", action="store_true",
                      help="only look at every image: report.json and classes.png, which a build writes too")
    only.add_argument("--plain", action="store_true", help="every image becomes a test row, as for scoring")
    return run(augment, parser.parse_args(argv))


def augment(args: argparse.Namespace) -> dict:
    """Do what the parsed command line asks for, and return what --json prints."""
    start = time.monotonic()
    from tenfold.data.recipe import read_recipe
    from tenfold.data.sources.opening import open_images
    recipe = read_recipe(args.recipe, args.set)
    source = open_images(recipe, args.data, training=not args.plain)
    print(*source.notes, sep="\n")
    if args.preview:
        from tenfold.preprocess.preview import contact_sheet
        shown, classes = contact_sheet(recipe, source, args.preview), len(source.classes)
        drawn = "each class" if shown == classes else f"{shown} of {classes} classes"
        print(f"{args.preview}: {drawn} as read, cleaned, cut out, and drawn")
        return {"preview": args.preview}

    from tenfold.preprocess import pipeline
    from tenfold.preprocess.findings import augment_and_report, print_findings
    from tenfold.preprocess.report import print_report
    out = args.out or f"shards/{recipe.name}"
    if args.report:
        report = pipeline.report(recipe, source, out, args.workers)
        print_findings(report.index, report.folder / "report.json")
        if report.folder != Path(out):
            print(f"{out} holds another finished set, so this report is in {report.folder}")
        print_report(report.facts, report.folder)
        return report.facts | {"seconds": round(time.monotonic() - start, 3), "out": str(report.folder)}

    built = augment_and_report(recipe, source, out, args.workers, args.plain, args.verify)
    seconds, rows = time.monotonic() - start, built.rows
    print(f"{out}: {len(built.index['classes'])} classes, {rows['train']} train, {rows['val']} val and "
          f"{rows['test']} test rows in {built.shards} shards; {seconds:.1f} s")
    return {"rows": rows, "shards": built.shards, "skipped": built.skipped,
            "seconds": round(seconds, 3), "images_per_second": round(sum(rows.values()) / seconds, 1),
            "digest": built.digest, "out": str(out)}
