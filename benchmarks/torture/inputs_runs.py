"""Mutate the files of runs that Tenfold reads again (of a sweep, the automatic mode, a report, a training to resume).

Half of the JSON files are mutated as values and signed anew, so that their checksums are right. They are read as the
command that goes on reads them, up to where it would train.
"""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.torture.mutate import ODD, mutated_bytes, mutated_value

_LRS = (0.01, 0.03)
_DRAFT = {"name": "small", "about": "a small network",
          "settings": {"seed": 0, "draw.canvas": [32, 32], "model.name": "convnet", "train.epochs": 3},
          "reasons": {"seed": "", "draw.canvas": "fits", "model.name": "", "train.epochs": "more than fits"}}
_AUTO: dict[str, Any] = {"schema": 2, "call": {"images": "x", "budget": 20.0}, "seconds": 3.5, "scoring": 1.0,
                         "done": False, "weights": "", "per_class": 0, "chosen": _DRAFT,
         "trials": [{"name": "small", "round": 0, "seconds": 2.0, "val_top1": 0.5, "val_rows": 9, "fault": "",
                     "best": ""}]}


def run_file(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    """A file of a sweep, of the automatic mode or of a report that is mutated."""
    return rng.choice((_sweep, _sweep, _auto, _report))(base, here, rng)


def _mutate(path: Path, rng: random.Random) -> None:
    """Mutate a file in its place; a JSON file half of the time as a value that is signed anew."""
    from tenfold.data.digests import CHECKSUM, write_json
    data = path.read_bytes()
    if path.suffix == ".json" and rng.random() < 0.5:
        content = mutated_value({k: v for k, v in json.loads(data).items() if k != CHECKSUM}, rng)
        if isinstance(content, dict):
            write_json(path, content)
        else:
            path.write_text(json.dumps(content))
    else:
        path.write_bytes(mutated_bytes(data, rng))


def _sweep(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    from tenfold.data.recipe import read_recipe
    from tenfold.train.sweep.leaderboard import keep_best, write_leaderboard
    from tenfold.train.sweep.record import open_record
    from tenfold.train.sweep.search import Search
    from tenfold.train.sweep.space import parse_space
    from tenfold.train.sweep.trial import Trial, new_trial, read_trials
    recipe = read_recipe(base / "convnet.toml")
    trials: list[Trial] = []
    for lr, state in zip(_LRS, rng.choice((("finished", "begun"), ("finished", "pruned"))), strict=True):
        trial = new_trial(here, trials, {"train.lr": lr})
        trial.state, trial.val_top1, trial.epochs, trial.seconds, trial.curve = state, 0.5, 2, 1.5, [0.25, 0.5]
        trial.shards = str(base / "shards")
        trial.save()
        shutil.copy(base / "runs" / "tiny" / "metrics.csv", trial.folder)
    search = rng.random() < 0.2                  # Optuna's study takes longer
    space = ["train.lr=0.001..0.1"] if search else ["train.lr"]
    open_record(here, recipe, space).save()
    if search:
        (here / "study.db").write_bytes(rng.randbytes(50))
    _mutate(rng.choice([path for path in here.rglob("*") if path.is_file() and path.suffix != ".db"]), rng)

    def read() -> None:
        record = open_record(here, recipe, space)
        found = read_trials(here, ["train.lr"])
        for trial in found:
            trial.spent()
        if search:
            plan = Search(parse_space(space, "--search"), here, found, 4, "median", 0, 3)
            plan.next()
        record.share_out(60.0, 4, None)
        keep_best(here, found)
        write_leaderboard(here, found)
        record.save()
    return read


def _auto(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    from tenfold.automatic.choices import write_recipe
    from tenfold.automatic.state import State
    from tenfold.automatic.summary import race_line
    from tenfold.data.digests import write_json
    write_json(here / "auto.json", _AUTO)
    _mutate(here / "auto.json", rng)

    def read() -> None:
        state = State.resumed(here, _AUTO["call"]) or State(_AUTO["call"])
        if state.trials:
            race_line(state.trials)
        if state.chosen:
            state.chosen.recipe("auto")
            write_recipe(state.chosen, here / "auto.toml", ["made by a test"])
        state.save(here, state.seconds + 1.0)
    return read


def _report(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    from tenfold.data.shardset import open_set
    from tenfold.data.source_table import read_source_table
    from tenfold.data.sources.opening import open_source
    from tenfold.preprocess.report import print_report, write_report
    folder = base / "flips" / "set raw"
    index = open_set(folder).index
    source, table = open_source(base / "pictures"), read_source_table(folder)
    write_report(index, table, source, here)
    _mutate(here / "report.json", rng)
    return lambda: print_report(write_report(index, table, source, here), here)


def last_checkpoint(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    """A last.pth that is mutated and signed anew, of a training that goes on from it."""
    import torch

    from tenfold.data.recipe import read_recipe
    from tenfold.data.shardset import open_set
    from tenfold.train.run.checkpoint import save
    from tenfold.train.run.training import train
    shutil.copytree(base / "runs" / "tiny", here / "run")
    path = here / "run" / "last.pth"
    if rng.random() < 0.2:
        path.write_bytes(mutated_bytes(path.read_bytes(), rng))
    else:
        odd = (*ODD, torch.zeros(0), torch.full((3,), float("nan")), torch.zeros(2, dtype=torch.int64))
        content = torch.load(path, map_location="cpu", weights_only=True)
        content.pop("digest", None)
        content["position"] |= {"done": False}
        save(path, mutated_value(content, rng, odd))
    recipe, shards = read_recipe(base / "convnet.toml"), open_set(base / "shards")
    return lambda: train(shards, recipe, here / "run", budget=5.0, device="cpu", resume=True)
