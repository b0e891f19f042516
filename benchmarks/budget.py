"""Hold trainings to their budgets while other processes come and go: python -m benchmarks.budget --shards S.

Each run is `tenfold train` in a process of its own, with a random budget and a plan that is far too long. Beside it up
to three busy processes start and stop at random. A run's time is taken from outside, from its start to its end.

The network is that of the recipe that the shards carry. A larger one takes longer for a step, an evaluation and a
checkpoint: --recipe trains that of another recipe on the same shards, and --set changes keys of either, such as
--recipe tiny91_better --set model.width=2.
"""

import argparse
import contextlib
import json
import multiprocessing
import random
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event

from benchmarks import rows
from tenfold.data.command import make_parser, module_command, run, whole_number

_MOST_BUSY = 3               # processes beside a run
_LATE = 0.02                 # of the budget
_USED = 0.9


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = make_parser("python -m benchmarks.budget", "Hold trainings to their budgets under changing load.")
    parser.add_argument("--shards", default="shards/sample", help="a set with val rows (default: the sample's)")
    parser.add_argument("--recipe", help="TOML file of what is trained (default: the recipe that the shards carry)")
    parser.add_argument("--runs", type=whole_number, default=100)
    parser.add_argument("--least", type=float, default=10.0, help="seconds of the shortest budget")
    parser.add_argument("--most", type=float, default=60.0, help="seconds of the longest budget")
    parser.add_argument("--record", action="store_true", help="add a row to benchmarks/results.tsv")
    return parser


def _spin(stop: Event) -> None:
    while not stop.is_set():
        sum(i * i for i in range(20_000))


@contextlib.contextmanager
def changing_load(seed: int) -> Iterator[None]:
    """Keep 0 to 3 processes busy, another number every few seconds."""
    rng, over = random.Random(seed), threading.Event()
    context = multiprocessing.get_context("fork")

    def change() -> None:
        while not over.is_set():
            stop = context.Event()
            busy = [context.Process(target=_spin, args=(stop,), daemon=True) for _ in range(rng.randint(0, _MOST_BUSY))]
            for process in busy:
                process.start()
            over.wait(rng.uniform(1, 6))
            stop.set()
            for process in busy:
                process.join()
    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def timed_run(shards: str, budget: float, folder: str) -> dict[str, float]:
    """Train by the recipe.json in a folder; return the budget, the seconds that it took from outside, and its steps."""
    begin = time.monotonic()
    done = subprocess.run(**module_command("train", "--recipe", "recipe.json", "--shards", shards, "--out", "run",
                                           "--device", "cpu", "--budget", f"{budget:.3f}s", "--json"),
                          cwd=folder, capture_output=True, text=True, check=False)
    took = time.monotonic() - begin
    facts = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {"steps": 0}
    if done.returncode:
        print(f"exit code {done.returncode}: {done.stderr.strip().splitlines()[-1]}")
    return {"budget": budget, "took": took, "steps": facts["steps"]}


def _body(args: argparse.Namespace) -> dict[str, object]:
    from pathlib import Path

    from tenfold.data.recipe import recipe_tables
    from tenfold.train.inputs import named_recipe
    args.set.append("train.epochs=100000")
    recipe = named_recipe(args)[0]
    shards, rng, results = str(Path(args.shards).resolve()), random.Random(0), []
    with tempfile.TemporaryDirectory() as folder, changing_load(seed=1):
        Path(folder, "recipe.json").write_text(json.dumps(recipe_tables(recipe)), encoding="utf-8")
        for number in range(args.runs):
            result = timed_run(shards, rng.uniform(args.least, args.most), folder)
            results.append(result)
            print(f"{number + 1:4d}  budget {result['budget']:5.1f} s  took {result['took']:5.1f} s "
                  f"({result['took'] / result['budget']:6.1%})  {result['steps']:5.0f} steps", flush=True)
    shares = [r["took"] / r["budget"] for r in results]
    late, short = sum(s > 1 + _LATE for s in shares), sum(s < _USED for s in shares)
    print(f"{len(results)} runs of {args.least:g} to {args.most:g} s beside 0 to {_MOST_BUSY} processes: {late} late "
          f"by more than {_LATE:.0%}, {short} used less than {_USED:.0%}; used: least "
          f"{min(shares):.1%}, median {statistics.median(shares):.1%}, most {max(shares):.1%}")
    if args.record:
        rows.append("share of a budget that a training takes, changing load",
                    f"{recipe.model.name}: {len(results)} runs of {args.least:g} to {args.most:g} s, "
                    f"{late} late by more than {_LATE:.0%}",
                    shares)
    return {"runs": results, "late": late, "short": short}


if __name__ == "__main__":
    raise SystemExit(run(_body, arguments().parse_args()))
