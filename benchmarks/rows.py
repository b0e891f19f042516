"""Append a measured row to benchmarks/results.tsv."""

import argparse
import csv
import datetime
import functools
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent / "results.tsv"
COLUMNS = ("date", "commit", "device", "question", "setting", "median", "spread", "n", "ratio")
_kept = True


def add_record(parser: argparse.ArgumentParser) -> None:
    """Add --record to a benchmark whose rows are worth keeping on a quiet machine only."""
    parser.add_argument("--record", action="store_true", help="append the rows to benchmarks/results.tsv")


def keep_rows(record: bool) -> None:
    """Have `append` write to TABLE, or only return the rows."""
    global _kept
    _kept = record


def append(question: str, setting: str, values: Sequence[float], ratio: float | None = None,
           device: str | None = None) -> dict[str, Any]:
    """Append a row to TABLE; values: a number for each repetition, whose spread is the least and the greatest."""
    row = {"date": datetime.date.today().isoformat(), "commit": commit(), "device": device or cpu(),
           "question": question, "setting": setting, "median": f"{statistics.median(values):.6g}",
           "spread": f"{min(values):.6g}..{max(values):.6g}", "n": len(values),
           "ratio": "" if ratio is None else f"{ratio:.3g}"}
    if not _kept:
        return row
    new = not TABLE.exists()
    with open(TABLE, "a", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, COLUMNS, delimiter="\t", lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)
    return row


@functools.cache             # before the first row makes the tree differ
def commit() -> str:
    """The short hash of HEAD, with a + where the code differs from it; in a copy without history TENFOLD_COMMIT."""
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True,
                              check=True).stdout
    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":!results.tsv")
        return git("rev-parse", "--short", "HEAD").strip() + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("TENFOLD_COMMIT", "unknown")


def name_of(device: Any) -> str:
    """The name of a torch device, such as "NVIDIA H100 80GB HBM3, torch 2.11.0"."""
    import torch
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    return cpu() if device.type == "cpu" else f"{device.type}, {cpu()}"


def cpu() -> str:
    """The name of this machine's processor, such as "2 cores, AMD EPYC"."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} cores, {name}"
