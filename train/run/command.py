"""The command `tenfold train`: train on shards within a budget, into runs/<name>/best.pth."""

import time
from pathlib import Path

from tenfold.data.command import make_parser, run


def main(argv: list[str] | None = None, started: float | None = None) -> int:
    """Run the command; `started`: the time.monotonic() from which the budget counts."""
    started = time.monotonic() if started is None else started
    parser = make_parser("tenfold train", "Train a classifier on shards, inside a budget.")
    parser.add_shards()
    parser.add_argument("--data", help="the images that the shards are to be made of: refused where they are others")
    parser.add_argument("--out", help="folder for the run (default: runs/<recipe name>)")
    parser.add_argument("--budget", help="45s, 10m, 1h: the whole command ends before (default: the recipe's)")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last.pth, if there is one")
    parser.add_device()
    parser.add_verify()
    return run(lambda args: _train(args, started), parser.parse_args(argv))


def _train(args, started: float) -> dict:
    from tenfold.data.files import make_folder
    from tenfold.data.recipe import parse_duration
    from tenfold.data.shardset import open_set
    from tenfold.train.inputs import named_recipe
    recipe, folder = named_recipe(args)
    shards = open_set(folder, args.verify)
    if args.data:
        from tenfold.data.image_set import check_images
        check_images(shards.folder, shards.index, args.data, args.recipe)
    budget = parse_duration(args.budget or recipe.train.budget)
    out = Path(args.out or f"runs/{recipe.name}")
    make_folder(".")                             # best.pth is copied here: refuse now, not after the training
    from tenfold.train.run.best_copy import check_copy, copied_here
    check_copy()
    from tenfold.train.device import keep_freed_memory
    from tenfold.train.run.training import train
    keep_freed_memory()
    with copied_here(out / "best.pth", args.resume):
        trained = train(shards, recipe, out, budget=budget, device=args.device, resume=args.resume, started=started)
    facts, first = trained.facts, trained.facts["first_step_seconds"]
    print(f"{facts['best']} (also ./best.pth): val top-1 "
          + ("unknown, no val rows" if trained.val_top1 is None else f"{trained.val_top1:.4f}")
          + (f"; {facts['steps']} steps, {facts['epochs']} epochs, {facts['images_per_second']:.0f} images/s, "
             f"{facts['data_wait_fraction']:.1%} waiting for data; " if facts["steps"] else "; ")
          + (f"first step after {first:.1f} s; " if first else "") + f"{facts['seconds']:.1f} s")
    return facts
