"""How long until a training begins: `python -m train --help`, and from the command to the end of the first step."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import rows
from benchmarks.training_set import make_set
from tenfold.data.errors import RecipeFault

ROOT = Path(__file__).resolve().parent.parent


def time_startup(args: argparse.Namespace, folder: Path) -> dict:
    """Seconds: of --help, and from the command until the first step was done, as the run itself tells."""
    args.steps = 2
    make_set(folder / "few", args)
    device = ["--device", args.device] if args.device else []
    command = [sys.executable, "-m", "train", "--shards", folder / "few", "--out", folder / "run", "--json",
               "--set", "train.epochs=1", *device]
    # run there, else best.pth of the random set would replace yours
    path = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
    helps, firsts, where = [], [], rows.cpu()
    for _ in range(args.repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "train", "--help"], stdout=subprocess.DEVNULL, check=True)
        helps.append(time.perf_counter() - start)
        done = subprocess.run(command, cwd=folder, env=path, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RecipeFault("python -m train", "did not run", done.stderr.strip()[-300:])
        facts = json.loads(done.stdout)
        firsts.append(facts["first_step_seconds"])
    if facts["device"] != "cpu":
        import torch
        where = rows.name_of(torch.device(facts["device"]))
    rows.append("start-up, seconds", "python -m train --help", helps, device=where)
    rows.append("start-up, seconds", f"from command to first step, {args.model}, batch {args.batch}", firsts,
                device=where)
    medians = {"help": statistics.median(helps), "first_step": statistics.median(firsts)}
    print(f"python -m train --help: {medians['help']:.2f} s; from command to first step: {medians['first_step']:.1f} s")
    return medians
