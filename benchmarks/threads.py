"""python -m benchmarks.threads: training steps on the CPU, alone and beside other busy processes.

A small residual net at 32×32, by one thread, by as many as torch takes, spinning at their barriers as is the default,
by as many, asleep at them, and by `ThreadChoice` as in our training. Busy loops are started here; what else runs on the
machine is not known, so settings take turns, and the ratio to the best of the first three counts.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import rows
from tenfold.data.command import make_parser, run

SETTINGS: dict[str, dict[str, str]] = {          # what each adds to the environment
    "1 thread": {"OMP_NUM_THREADS": "1"}, "spinning": {}, "sleeping": {"OMP_WAIT_POLICY": "PASSIVE"}, "ours": {}}
OURS, NOTICE = "ours", 13.0  # seconds for `ours` to notice a new load
WARM = 2.2                   # seconds before each turn: so long it takes until threads spin again
ROOT = Path(__file__).resolve().parent.parent


def serve(args: argparse.Namespace) -> None:
    """Train in turns, each asked for by a line "seconds" on standard input; answer with its figures as JSON."""
    import torch
    from torch.nn import functional as F

    from tenfold.train.models.build import build_model
    from tenfold.train.run.threads import ThreadChoice
    torch.manual_seed(0)
    model = build_model("resnet", {"stem_stride": 1}, 3, 10, (32, 32), check=False)
    model = model.to(memory_format=torch.channels_last)
    x = torch.randn(args.batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (args.batch,))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    choice = ThreadChoice(torch.device("cpu" if args.serve == OURS else "meta"), say=lambda line: None)
    for line in sys.stdin:
        choice.begin()
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < float(line):
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            choice.stepped()
            steps += 1
        rate = steps * args.batch / (time.perf_counter() - start)
        print(json.dumps({"rate": rate, "threads": choice.count}), flush=True)


class Worker:
    """A process that trains in one setting when it is its turn."""

    def __init__(self, setting: str, batch: int):
        command = [sys.executable, "-m", "benchmarks.threads", "--serve", setting, "--batch", str(batch)]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=os.environ | {"PYTHONPATH": path} | SETTINGS[setting])

    def turn(self, seconds: float) -> dict[str, Any]:
        """Train for so long: {"rate": images/s, "threads": their number at the end}."""
        assert self.process.stdin
        assert self.process.stdout
        print(seconds, file=self.process.stdin, flush=True)
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """So many processes that do nothing but use a core, and end with this one at the latest."""
    work = f"import os\nwhile os.getppid() == {os.getpid()}:\n    for _ in range(10**6): pass"
    loops = [subprocess.Popen([sys.executable, "-c", work]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure every setting beside every load, print a table, and append the rows."""
    if args.rows:
        rows.TABLE = Path(args.rows)
    cores, table = os.cpu_count() or 1, []
    workers = {setting: Worker(setting, args.batch) for setting in SETTINGS}
    try:
        for worker in workers.values():
            worker.turn(WARM)
        print(f"{'images/s':14}" + "".join(f"{setting:>20}" for setting in SETTINGS))
        for busy in (0, 1, cores + 1):
            with busy_loops(busy):
                table.append(beside(busy, workers, args))
    finally:
        for worker in workers.values():
            worker.process.terminate()
            worker.process.wait()
    return {"rows": table, "cores": cores}


def beside(busy: int, workers: dict[str, Worker], args: argparse.Namespace) -> dict[str, Any]:
    """Return {"busy": loops, setting: images/s, "ratio": ours to the best other, "threads": that ours takes}."""
    rates: dict[str, list[float]] = {setting: [] for setting in SETTINGS}
    workers[OURS].turn(NOTICE)
    for repeat in range(args.repeats):
        for setting in list(SETTINGS) if repeat % 2 else list(SETTINGS)[::-1]:
            workers[setting].turn(WARM)
            found = workers[setting].turn(args.seconds)
            rates[setting].append(found["rate"])
            if setting == OURS:
                threads = found["threads"]
    medians = {setting: statistics.median(some) for setting, some in rates.items()}
    best = max(rate for setting, rate in medians.items() if setting != OURS)
    name = f"beside {busy} busy" if busy else "no busy loop"
    print(f"{name:14}" + "".join(f"{rate:12.0f} ({rate / best:4.2f})" + " " for rate in medians.values())
          + f" ours: {threads} threads", flush=True)
    for setting, some in rates.items():
        rows.append("threads, 32×32", f"{setting}, {busy} busy loops", some, medians[setting] / best)
    return {"busy": busy, **medians, "ratio": medians[OURS] / best, "threads": threads}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.threads", "Time training on the CPU beside other busy processes.")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.3, help="of a turn")
    parser.add_argument("--rows", help="file that the rows are appended to (default: benchmarks/results.tsv)")
    parser.add_argument("--serve", choices=SETTINGS, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.serve:
        serve(args)
        return 0
    return run(measure, args)


if __name__ == "__main__":
    sys.exit(main())
