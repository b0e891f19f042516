"""The command `tenfold verify`: read every byte of a set, and compare its files with their digests."""

import argparse
import time
from pathlib import Path
from typing import Any

from tenfold.data.command import make_parser, run
from tenfold.data.errors import RecipeFault, ShardFault
from tenfold.data.process import run_main
from tenfold.data.wording import counted

_NAMED = 20                  # damaged files that are printed


def main(argv: list[str] | None = None) -> int:
    """Run the command, and return its exit code: 2 if a file is damaged."""
    parser = make_parser("tenfold verify", "Read every byte of a set, and compare it with the digests that were "
                                           "written with it.")
    parser.add_argument("--shards", help="folder that `tenfold augment` wrote (default: shards/<recipe name>)")
    parser.add_argument("--recipe", help="TOML file, or the name of a recipe")
    return run(verify, parser.parse_args(argv))


def verify(args: argparse.Namespace) -> dict[str, Any]:
    """Check the set that the command line names, and return what --json prints. ShardFault: a file is damaged."""
    from tenfold.data.recipe import read_recipe
    from tenfold.data.shardset import check_set
    if not args.shards and not args.recipe:
        raise RecipeFault("--shards", "is missing", "give --shards shards/x or --recipe recipes/x.toml")
    start = time.monotonic()
    folder = Path(args.shards or f"shards/{read_recipe(args.recipe, args.set).name}")
    index, faults = check_set(folder, verify=True)
    files, seconds = len(index["shards"]) + 1, time.monotonic() - start
    total = sum(file["bytes"] for file in (*index["shards"], index["sources"]))
    for fault in faults[:_NAMED]:
        print(f"{fault.where}: {fault.fact}")
    if faults:
        raise ShardFault(folder, f"{len(faults)} of {counted(files, 'file')} are not what was written",
                         "run `tenfold augment` again, which makes those anew")
    print(f"{folder}: {counted(files, 'file')} are what was written; {total / 1e6:,.1f} MB in {seconds:.1f} s")
    return {"shards": str(folder), "files": files, "bytes": total, "seconds": round(seconds, 3)}


if __name__ == "__main__":
    run_main(lambda started: main())
