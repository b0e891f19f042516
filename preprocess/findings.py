"""Print what a build found (notes, unusable images, duplicates); build, report and print, as `tenfold augment` does."""

from pathlib import Path

from tenfold.data.recipe import Recipe
from tenfold.data.source_table import read_source_table
from tenfold.data.sources.source import Source
from tenfold.data.wording import counted
from tenfold.preprocess import pipeline
from tenfold.preprocess.report import print_report, write_report


def augment_and_report(recipe: Recipe, source: Source, out: Path | str, workers: int, plain: bool,
                       verify: bool = False) -> pipeline.BuildResult:
    """Build shards, write the report on the images unless the build is plain, and print what was found.

    The arguments, and what is returned, are those of `pipeline.augment`.
    """
    built = pipeline.augment(recipe, source, out, workers, plain, verify)
    facts = None if plain else write_report(built.index, read_source_table(built.folder), source, out)
    print_findings(built.index, built.folder / "dataset.json")
    if facts:
        print_report(facts, out)
    return built


def print_findings(index: dict, file: Path) -> None:
    """Print notes, images that were set aside, and duplicates. file: the file that names all of them."""
    for line in index.get("notes", ()):
        print(line)
    for bad in index["set_aside"][:10]:
        print(f"set aside: {bad['path']} ({bad['reason']})")
    for kind, words in (("two_labels", "the same picture under two labels"),
                        ("two_splits", "the same picture in two splits")):
        for paths in index["duplicates"][kind][:10]:
            print(f"{words}: {', '.join(paths)}")
    counts = [f"{counted(len(items), noun)} {words}" for items, noun, words in (
        (index["set_aside"], "image", "set aside"),
        (index["duplicates"]["same"], "group", "of exact duplicates"),
        (index["duplicates"]["two_labels"], "picture", "under two labels"),
        (index["duplicates"]["two_splits"], "picture", "in two official splits")) if items]
    if counts:
        print("; ".join(counts) + f" (all named in {file})")
