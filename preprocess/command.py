"""tenfold augment: a folder of labelled images → shards/<recipe name>/."""

import argparse
import time

from tenfold.data.command import parser, run
from tenfold.data.errors import SourceFault


def arguments():
    made = parser("tenfold augment", "Clean each image once, draw many copies of it, write HDF5 shards.")
    made.add_argument("--recipe", required=True, help="TOML file, such as recipes/letters.toml")
    made.add_argument("--data", help="folder with a sub-folder per class, or .npz (default: the recipe's)")
    made.add_argument("--out", help="folder for the shards (default: shards/<recipe name>)")
    made.add_argument("--workers", type=_count, default=0, help="processes (default: 0, one for each core)")
    only = made.add_mutually_exclusive_group()
    only.add_argument("--preview", metavar="SHEET.png", help="only draw a contact sheet of what the recipe does")
    only.add_argument("--report", action="store_true",
                      help="only look at every image: report.json and classes.png, which a build writes too")
    only.add_argument("--plain", action="store_true", help="every image becomes a test row, as for scoring")
    return made


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0")
    return int(text)


def main(argv=None) -> int:
    return run(augment, arguments().parse_args(argv))


def augment(args) -> dict:
    start = time.monotonic()
    from tenfold.data.recipe import read_recipe
    from tenfold.data.sources.opening import open_source
    recipe = read_recipe(args.recipe, args.set)
    data = args.data or recipe.source.data
    if not data:
        raise SourceFault(args.recipe, "names no images", "give --data=folder")
    source = open_source(data, training=not args.plain)
    print("\n".join(source.remarks))
    if args.preview:
        from tenfold.preprocess.preview import contact_sheet
        contact_sheet(recipe, source, args.preview)
        print(f"{args.preview}: each class as read, cleaned, cut out, and drawn")
        return {"preview": args.preview}

    import joblib

    from tenfold.preprocess.build import build
    out = args.out or f"shards/{recipe.name}"
    index = build(recipe, source, out, args.workers or joblib.cpu_count(), args.plain, args.report)
    found = None
    if not args.plain:
        from tenfold.preprocess.report import tell_report, write_report
        found = write_report(index, source, out)
    seconds = time.monotonic() - start
    tell_sources(index, f"{out}/{'report' if args.report else 'dataset'}.json")
    if found:
        tell_report(found, out)
    if args.report:
        return found | {"seconds": round(seconds, 3), "out": str(out)}
    rows = index["rows"]
    print(f"{out}: {len(index['classes'])} classes, {rows['train']} train, {rows['val']} val and "
          f"{rows['test']} test rows in {len(index['shards'])} shards; {seconds:.1f} s")
    return {"rows": rows, "shards": len(index["shards"]), "skipped": len(index["set_aside"]),
            "seconds": round(seconds, 3), "images_per_second": round(sum(rows.values()) / seconds, 1),
            "digest": index["digest"], "out": str(out)}


def tell_sources(index: dict, file: str) -> None:
    """For people: what was noted of the set, what was set aside, and what is there twice. `file` names all of it."""
    for line in index.get("notes", ()):
        print(line)
    for bad in index["set_aside"][:10]:
        print(f"set aside: {bad['path']} ({bad['reason']})")
    for kind, words in (("two_labels", "the same picture under two labels"),
                        ("two_splits", "the same picture in two splits")):
        for paths in index["duplicates"][kind][:10]:
            print(f"{words}: {', '.join(paths)}")
    more = [f"{len(found)} {words}" for found, words in (
        (index["set_aside"], "images set aside"),
        (index["duplicates"]["same"], "groups of exact duplicates"),
        (index["duplicates"]["two_labels"], "pictures under two labels"),
        (index["duplicates"]["two_splits"], "pictures in two official splits")) if found]
    if more:
        print("; ".join(more) + f" (all named in {file})")
