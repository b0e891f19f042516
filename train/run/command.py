"""tenfold train: shards → runs/<name>/best.pth, inside a budget."""

import contextlib
import shutil
import time
from dataclasses import fields, replace
from pathlib import Path

from tenfold.data.command import parser, run
from tenfold.data.errors import CheckpointFault, MachineFault, RecipeFault, ShardFault, UserFault

FREE_TO_CHANGE = {"budget", "engine", "workers", "pin_memory"}   # these leave a resumed run the same run


def arguments():
    made = parser("tenfold train", "Train a classifier on shards, inside a budget.")
    made.add_argument("--recipe", help="TOML file (default: the recipe that the shards carry)")
    made.add_argument("--shards", help="folder that `tenfold augment` wrote (default: shards/<recipe name>)")
    made.add_argument("--data", help="the images that the shards are to be made of: refused where they are others")
    made.add_argument("--out", help="folder for the run (default: runs/<recipe name>)")
    made.add_argument("--budget", help="45s, 10m, 1h: the whole command ends before (default: the recipe's)")
    made.add_argument("--resume", action="store_true", help="go on from the run's last.pth, if there is one")
    made.add_argument("--device", help="cpu, cuda or mps (default: the best there is)")
    return made


def main(argv=None, started: float | None = None) -> int:
    started = time.monotonic() if started is None else started
    return run(lambda args: train(args, started), arguments().parse_args(argv))


def train(args, started: float) -> dict:
    from tenfold.data.files import make_folder, only_one
    from tenfold.data.shardset import open_set
    if not args.recipe and not args.shards:
        raise RecipeFault("--recipe", "is missing", "give --recipe recipes/x.toml or --shards shards/x")
    asked, shards_folder = asked_for(args)
    shards = open_set(shards_folder)
    if args.data:
        from tenfold.data.identity import check_images
        check_images(shards.folder, shards.index, args.data, args.recipe)
    if not shards.rows("train"):
        raise ShardFault(shards.folder, "holds no training rows", "name the shards of a recipe, not those of a score")
    make_folder(".")                             # best.pth comes to lie here: better refused now than in an hour
    if Path("best.pth").is_dir():
        raise MachineFault("best.pth", "is a folder, where the model comes to lie", "move it away")
    recipe = _with_shards(asked, shards)
    out = make_folder(args.out or f"runs/{recipe.name}")
    with only_one(out):
        return _train_in(out, recipe, shards, args, started)


def _train_in(out: Path, recipe, shards, args, started: float) -> dict:
    from tenfold.data.recipe import parse_duration
    budget = parse_duration(args.budget) if args.budget else parse_duration(recipe.train.budget)
    last = _last(out, recipe, shards) if args.resume else None

    import torch

    from tenfold.train.device import choose_device
    from tenfold.train.run.clock import Clock
    from tenfold.train.run.loop import Run
    from tenfold.train.run.state import go_on
    device = choose_device(args.device)
    clock = Clock(budget, started, before=last["position"]["seconds"] if last else 0.0)
    run_ = Run(shards, recipe, out, device, clock, resumed=bool(last))
    if last:
        go_on(run_, last)
    print(f"{recipe.name}: {recipe.model.name}, {sum(p.numel() for p in run_.model.parameters()):,} parameters, on "
          f"{device}; {shards.rows('train')} training rows, {run_.train.name} engine; {budget:g} s")
    try:
        if not run_.position.done:
            run_.fit()
    except BaseException:
        if run_.position.step:                   # else what lies in `out` is an earlier run's
            with contextlib.suppress(UserFault, OSError):     # a full disk too: what stopped the run is what is told
                _leave(out, run_.position.history)
        raise
    _leave(out, run_.position.history)
    if not (out / "best.pth").exists():          # of a finished run, and moved away since
        raise CheckpointFault(out / "best.pth", "is gone", "train without --resume")
    at = run_.position
    rate, wait = at.images / max(at.training, 1e-9), at.waiting / max(at.training, 1e-9)
    seconds = clock.elapsed()
    val = at.best_top1 if at.best_top1 == at.best_top1 else None
    print(f"{out / 'best.pth'} (also ./best.pth): val top-1 "
          + ("unknown, no val rows" if val is None else f"{val:.4f}")
          + f"; {at.step} steps, {at.epoch} epochs, {rate:.0f} images/s, {wait:.1%} waiting for data; "
          + (f"first step after {run_.first_step:.1f} s; " if run_.first_step else "") + f"{seconds:.1f} s")
    return {"val_top1": val, "epochs": at.epoch, "steps": at.step, "seconds": round(seconds, 3),
            "budget_seconds": budget, "images_per_second": round(rate, 1), "data_wait_fraction": round(wait, 5),
            "best": str(out / "best.pth"), "device": str(device), "threads": torch.get_num_threads(),
            "first_step_seconds": run_.first_step and round(run_.first_step, 3)}


def _leave(out: Path, history: list) -> None:
    """The curves so far, and a copy of the run's best.pth where the user stands."""
    from tenfold.data.files import publish
    from tenfold.train.run.figures import draw_curves
    if history:
        draw_curves(out / "curves.png", history)
    best, here = out / "best.pth", Path("best.pth")
    if best.exists() and not (here.exists() and here.samefile(best)):
        with publish(here) as temporary:
            shutil.copyfile(best, temporary)


def asked_for(args):
    """(the recipe asked for, the folder of shards)."""
    from tenfold.data.recipe import make_recipe, read_recipe
    from tenfold.data.schema import INDEX
    from tenfold.data.settings import override
    from tenfold.data.shardset import read_index
    if args.recipe:
        recipe = read_recipe(args.recipe, args.set)
        return recipe, Path(args.shards or f"shards/{recipe.name}")
    carried, model = read_index(args.shards).get("recipe"), {}
    if isinstance(carried, dict) and isinstance(carried.get("model"), dict):
        model = dict(carried["model"])
    if not isinstance(model.get("args"), dict):
        raise ShardFault(Path(args.shards) / INDEX, "carries no recipe", "run `tenfold augment` again")
    # as a recipe file has it, so that --set model.widths=… finds it
    carried = {**carried, "model": {**model.pop("args"), **model}}
    return make_recipe(override(carried, args.set), f"{args.shards}/dataset.json"), Path(args.shards)


def _with_shards(asked, shards):
    """The recipe as it is trained: the pixels' tables are those the shards were made with."""
    from tenfold.data.recipe import pixel_differences
    different = pixel_differences(shards.recipe, asked)
    if different:
        print(f"note: {shards.folder} was made with other settings than are asked for ({'; '.join(different[:4])}); "
              "it is used as it is (`tenfold augment` makes it anew)")
    made = shards.recipe
    source = replace(asked.source, **{f.name: getattr(made.source, f.name) for f in fields(made.source)
                                      if f.name.startswith("levels")})     # so that scoring reads deep pictures alike
    return replace(asked, seed=asked.seed, source=source, split=made.split, clean=made.clean, draw=made.draw,
                   shards=made.shards)


def _last(out: Path, recipe, shards) -> dict | None:
    """last.pth of the run that is to go on; None: it was killed before it wrote one."""
    from tenfold.data.recipe import make_recipe, recipe_tables
    from tenfold.train.run.checkpoint import load
    path = out / "last.pth"
    if not path.exists():
        print(f"{path} does not exist: beginning at the beginning")
        return None
    last = load(path)
    position = last.get("position")
    if not isinstance(position, dict) or type(position.get("seconds")) is not float:
        raise CheckpointFault(path, "cannot be resumed from (it holds no place in a run)", "train without --resume")
    if last["dataset"] != shards.index["digest"]:
        raise CheckpointFault(path, f"was trained on other shards than {shards.folder}", "train without --resume")
    before, now = (recipe_tables(r) for r in (make_recipe(last["recipe"], str(path)), recipe))
    different = [f"{t}.{k}" for t in ("model", "train", "augment") for k in now[t]
                 if before[t][k] != now[t][k] and k not in FREE_TO_CHANGE]
    if before["seed"] != now["seed"]:
        different.append("seed")
    if different:
        raise CheckpointFault(path, f"was trained with other settings ({', '.join(different)})",
                              "give those again, or train without --resume")
    return last
