"""python -m benchmarks.gpu shards.tar: all that is measured on a graphics card, in one call of under ten minutes.

Needs torch and what comes with it, no network, no OpenCV. Each recipe of the bundle (`benchmarks.bundle`)
is trained for real within its part of the time and scored; then steps are timed with and without CUDA graphs, our loop
beside one by hand, plain and compiled, from memory and streamed, then every loader setting, then the start.
Each row is written as soon as it is known, to gpu-results.tsv; a part that fails leaves its log and
the others go on; what there is no time left for is said.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import rows
from benchmarks.bundle import unpack
from tenfold.data.command import make_parser, run
from tenfold.data.errors import TrainingFault

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("train", "graphs", "loop", "load", "startup")
LOOPS = (("memory", "none"), ("memory", "reduce-overhead"), ("threads", "none"), ("memory", "default"),
         ("threads", "reduce-overhead"))
LEAST = {"train": 20, "graphs": 80, "loop": 45, "load": 30, "startup": 20}     # seconds that a part needs
QUICK = {"loop": ("--batch", 8, "--steps", 2, "--repeats", 1), "load": ("--budget", "1s", "--repeats", 1),
         "startup": ("--batch", 8, "--repeats", 1)}


class Session:
    """Commands run one after the other in one folder, none of them beyond the end."""

    def __init__(self, args: argparse.Namespace, out: Path):
        self.args, self.out, self.end = args, out, time.monotonic() + args.seconds
        self.kind, self.rows = "cpu", out / "gpu-results.tsv"
        self.failed: list[str] = []
        self.device = ["--device", args.device] if args.device else []

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.end - time.monotonic()

    def command(self, name: str, module: str, *arguments: object) -> dict | None:
        """What `python -m module … --json` says; None: it failed, and its log tells why."""
        log = self.out / f"{name}.log"
        command = [sys.executable, "-m", module, *map(str, arguments), *self.device, "--json"]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        try:
            with open(log, "w") as errors:
                done = subprocess.run(command, cwd=self.out, stdout=subprocess.PIPE, stderr=errors, text=True,
                                      env=os.environ | {"PYTHONPATH": path}, timeout=max(1, self.left()), check=False)
            fact = f"exit code {done.returncode}"
        except subprocess.TimeoutExpired:
            done, fact = None, "out of time"
        for line in log.read_text(errors="replace").splitlines():
            if not line.startswith("\r"):
                print(f"  {name}: {line}", flush=True)
        if done is None or done.returncode:
            self.failed.append(f"{name} ({fact})")
            return None
        return json.loads(done.stdout.splitlines()[-1])


def train(session: Session, bundle: dict, where: str) -> dict:
    """Each recipe for real, with what --set says, and its score."""
    from tenfold.data.recipe import parse_duration, read_recipe
    facts, until = {}, time.monotonic() + session.args.train_share * session.left()
    for number, (name, (recipe, shards, settings)) in enumerate(bundle.items()):
        sets = [word for setting in (*settings, *session.args.set) for word in ("--set", setting)]
        share = (until - time.monotonic()) / (len(bundle) - number) - (0 if session.args.quick else 8)   # its score
        budget = min(share, parse_duration(read_recipe(recipe).train.budget))
        trained = session.command(f"train-{name}", "train", "--recipe", recipe, "--shards", shards, "--budget",
                                  f"{max(1, budget):.1f}s", "--out", f"runs/{name}", *sets)
        scored = trained and session.command(f"score-{name}", "train.score", trained["best"], "--shards", shards)
        if not (trained and scored):
            continue
        facts[name] = {"train": trained, "top1": scored["top1"], "macro_f1": scored["macro_f1"]}
        setting = (f"{name}: {trained['epochs']} epochs in {trained['seconds']:.0f} of "
                   f"{trained['budget_seconds']:.0f} s")
        rows.append("trained for real, test top-1", setting, [scored["top1"]], device=where)
        rows.append("trained for real, images/s", setting, [trained["images_per_second"]], device=where)
        rows.append("trained for real, seconds to the first step", setting, [trained["first_step_seconds"]],
                    device=where)
        print(f"{setting}: test top-1 {scored['top1']:.4f}, macro-F1 {scored['macro_f1']:.4f}, "
              f"{trained['images_per_second']:,.0f} images/s", flush=True)
    return facts


def graphs(session: Session, bundle: dict, where: str) -> dict | None:
    """Training steps as CUDA graphs."""
    if session.kind != "cuda":
        return None
    quick = ("--repeats", 1) if session.args.quick else ()
    return session.command("graphs", "benchmarks.graphs", *quick, "--rows", session.rows)


def loop(session: Session, bundle: dict, where: str) -> dict:
    """Out of the device's memory, and streamed through pinned buffers; plain, and in the modes of torch.compile."""
    quick = QUICK["loop"] if session.args.quick else ("--repeats", 5)
    found = {}
    for engine, mode in LOOPS if session.kind == "cuda" else [pair for pair in LOOPS if pair[1] == "none"]:
        if session.left() < LEAST["loop"] and not session.args.quick:
            print(f"no time is left for the loop over {engine}, compile {mode}")
            continue
        found[f"{engine} {mode}"] = session.command(
            f"loop-{engine}-{mode}", "benchmarks.training", "--parts", "loop", "--engine", engine, "--compile", mode,
            *quick, "--rows", session.rows)
    return found


def load(session: Session, bundle: dict, where: str) -> dict | None:
    """Loader settings on the largest set of the bundle."""
    from tenfold.data.shardset import read_index
    shards = max((shards for _, shards, _ in bundle.values()), key=lambda s: read_index(s)["rows"]["train"])
    quick = QUICK["load"] if session.args.quick else ("--budget", f"{max(1, min(60, session.left() - 45)):.0f}s")
    found = session.command("load", "train.bench", "--shards", shards, *quick)
    if not found:
        return None
    for row in found["rows"]:
        setting = (f"{row['engine']}, {row['workers']} workers, {'pinned' if row['pin_memory'] else 'not pinned'}, "
                   f"batch {row['batch_size']}")
        rows.append(f"loading {found['row_bytes']} bytes a row, images/s", setting, [row["images_per_second"]],
                    row["images_per_second"] / found["memcpy"]["images_per_second"], where)
    return found


def startup(session: Session, bundle: dict, where: str) -> dict | None:
    """Time `python -m train --help` and the time to the first step."""
    quick = QUICK["startup"] if session.args.quick else ("--repeats", 3)
    return session.command("startup", "benchmarks.training", "--parts", "startup", *quick, "--rows", session.rows)


def measure(args: argparse.Namespace) -> dict:
    """Run all parts that there is time for, and write gpu.json."""
    from tenfold.data.files import make_folder
    from tenfold.data.recipe import parse_duration
    args.seconds = parse_duration(args.budget)
    session = Session(args, make_folder(args.out).resolve())
    rows.TABLE = session.rows
    with tempfile.TemporaryDirectory() as place:         # not in --out, which may be carried home
        facts = every_part(session, *unpack(args.bundle, Path(place) / "bundle"))
    (session.out / "gpu.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{facts['seconds']:.0f} s; see {session.rows} and {session.out / 'gpu.json'}")
    if session.failed:
        raise TrainingFault(session.out, f"not all of it ran: {', '.join(session.failed)}", "see the logs there")
    return facts


def every_part(session: Session, bundle: dict, packed: str) -> dict:
    """The parts that are asked for, as long as there is time. packed: the bundle's commit."""
    import torch

    from tenfold.train.device import choose_device
    device = choose_device(session.args.device)
    session.kind, where = device.type, rows.name_of(device)
    os.environ.setdefault("TENFOLD_COMMIT", packed)      # for a copy without its history
    print(f"{where}; {os.cpu_count()} cores; {', '.join(bundle)}; {session.args.seconds:.0f} s", flush=True)
    facts = {"device": where, "torch": torch.__version__, "cores": os.cpu_count(), "commit": rows.commit()}
    for name, part in (("train", train), ("graphs", graphs), ("loop", loop), ("load", load), ("startup", startup)):
        if name not in session.args.parts:
            continue
        if session.left() < LEAST[name] and not session.args.quick:
            print(f"no time is left for {name}")
            continue
        facts[name] = part(session, bundle, where)
    return facts | {"failed": session.failed, "seconds": round(session.args.seconds - session.left(), 1)}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.gpu",
                         "Train a bundle's recipes for real and time loop, loaders and start.")
    parser.add_argument("bundle", metavar="shards.tar", help="what `python -m benchmarks.bundle` packed")
    parser.add_argument("--out", default="runs/gpu", help="folder for rows, logs and runs (default: runs/gpu)")
    parser.add_argument("--budget", default="9.3m", help="of all of it (default: 9.3m)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--train-share", type=float, default=0.5, help="of the time, for training (default: 0.5)")
    parser.add_device()
    parser.add_argument("--quick", action="store_true", help="tiny measurements, to see that all of it runs")
    return run(measure, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
