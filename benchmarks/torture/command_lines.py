"""Run every command with random options and values, and with streams that are closed, full or read by nobody.

Each line begins as one that works; a few of its words are then replaced, doubled, left out or joined by others. It runs
in a forked process, in a folder of its own. Its exit code must be 0, or 2 with one line on standard error, or 130 where
it took too long and was interrupted; nothing that it prints may hold what a terminal would obey.
"""

import os
import random
import re
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.torture.children import Ended, Kill, run_child
from benchmarks.torture.outcomes import DONE, HANG, LEFT, LINES, NOISE, REFUSED, TRACEBACK

LONGEST = 10.0               # seconds until ctrl-C
LINES_OF = {                 # verb -> (how often, a line that works)
    "augment": (5, "--recipe r.toml --data pictures --out out --workers 1"),
    "report": (3, "--recipe r.toml --data pictures --out out --workers 1"),
    "train": (5, "--recipe r.toml --shards shards --out run --device cpu --budget 20s --set train.epochs=1"),
    "score": (4, "best.pth --shards shards --out out --device cpu"),
    "predict": (4, "best.pth pictures --out out --device cpu"),
    "bench": (1, "--recipe r.toml --shards shards --budget 2s --device cpu"),
    "sweep": (1, "--recipe r.toml --shards shards --grid train.lr=0.1 --budget 5s --device cpu --out out"),
    "compare": (1, "r.toml --data pictures --budget 5s --device cpu --out out"),
    "folds": (1, "--recipe r.toml --data pictures --folds 2 --budget 5s --device cpu --out out"),
    "models": (1, "--recipe r.toml"), "recipes": (2, "photos"), "fetch": (1, "nothing")}
OPTIONS = ("--recipe", "--data", "--out", "--workers", "--preview", "--report", "--plain", "--set", "--json",
           "--shards", "--budget", "--resume", "--device", "--tta", "--all", "--grid", "--search", "--trials",
           "--pruner", "--folds", "--record", "--help", "--no-such", "-x", "--")
VALUES = (
    "", " ", "0", "1", "2", "-1", "1e9", "nan", "inf", "99999999999999999999", "0s", "1s", "-5s", "1h", "cpu", "cuda",
    "mps", "cpu:7", "x.png", "x/y/z.png", "/proc/x", "/dev/null", "/dev/full", ".", "..", "~", "pictures", "shards",
    "shards/dataset.json", "best.pth", "r.toml", "pictures/dots/0.png", "pictures/*/1.png", "*", "[", "\x1b[2Jx",
    "a\nb", "é" * 90, "a" * 5000, "\udcff", "$(touch x)", "'", '"', ";", "%s", "{}", "train.lr=0", "train.lr=1e9",
    "train.lr=x", "train.batch=1", "train.batch=100000", "model.name=resnet", "model.widths=[]", "draw.canvas=[1,1]",
    "draw.copies=0", "split.val=0.99", "seed=-1", "x=y", "=", "train.epochs=0", "train.optimizer=muon",
    "clean.roi=true", "shards.compression=lz4", "source.max_pixels=1", "train.precision=bfloat16",
    "train.engine=dataloader")
STREAMS = ("closed", "full", "unread")
_OBEYED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def run_line(base: Path, seed: int, number: int) -> tuple[str, str]:
    """One random command line: (outcome, words)."""
    rng, here = random.Random(f"{seed}/line/{number}"), base / f"line{number}"
    line = random_line(rng)
    streams = {number: rng.choice(STREAMS) for number in (1, 2) if rng.random() < 0.1}
    words = f"tenfold {' '.join(map(repr, line))} {streams or ''}"[:500]
    _furnish(base, here)
    try:
        ended = run_child(_body(line), here, Kill(seconds=LONGEST, number=signal.SIGINT),
                          before=partial(_spoil, streams))
        outcome, more = judge(ended, streams)
        return outcome, f"{words}: {more}" if more else words
    finally:
        shutil.rmtree(here, ignore_errors=True)


def random_line(rng: random.Random) -> list[str]:
    """A command line that works, with up to four words changed."""
    verb = rng.choices(list(LINES_OF), [often for often, _ in LINES_OF.values()])[0]
    line = LINES_OF[verb][1].split()
    for _ in range(rng.choice((0, 1, 1, 2, 3, 4))):
        at, way = rng.randint(0, len(line)), rng.randrange(5)
        if way == 0 and line:
            del line[at - 1]
        elif way == 1 and line:
            line[at - 1] = rng.choice(VALUES)
        elif way == 2:
            line[at:at] = [rng.choice(VALUES)]
        elif way == 3:
            line += [rng.choice(OPTIONS)]
        else:
            line += [rng.choice(OPTIONS), rng.choice(VALUES)]
    return [verb, *line]


def _furnish(base: Path, here: Path) -> None:
    shutil.copytree(base / "pictures", here / "pictures")
    shutil.copytree(base / "shards", here / "shards")
    shutil.copy(base / "runs" / "tiny" / "best.pth", here)
    shutil.copy(base / "pictures.toml", here / "r.toml")


def _body(line: list[str]) -> Callable[[], int]:
    def body() -> int:
        from tenfold.cli import main
        return main(line)
    return body


def _spoil(streams: dict[int, str]) -> None:
    """Close the streams of this process, or have them full or read by nobody."""
    for number, kind in streams.items():
        if kind == "closed":
            os.close(number)
            setattr(sys, {1: "stdout", 2: "stderr"}[number], None)
        elif kind == "full":
            os.dup2(os.open("/dev/full" if os.path.exists("/dev/full") else os.devnull, os.O_WRONLY), number)
        else:
            reading, writing = os.pipe()
            os.close(reading)
            os.dup2(writing, number)


def judge(ended: Ended, streams: dict[int, str]) -> tuple[str, str]:
    """What a command line came to."""
    code, err = ended.code, ended.err
    if "Traceback" in err or code == 1:
        return TRACEBACK, f"exit code {code}: {err[-500:]}"
    if code == -signal.SIGALRM:
        return HANG, "it did not end after ctrl-C"
    if ended.left:
        return LEFT, ", ".join(ended.left)
    if found := _OBEYED.search(ended.out + err):
        return NOISE, f"{found[0]!r} in {(ended.out + err)[-300:]!r}"
    late = ended.seconds >= LONGEST
    if code not in (0, 2) and not (late and code in (130, -signal.SIGINT)) and not streams:
        return LINES, f"exit code {code}: {err[-300:]}"
    if code == 2 and not streams and len(err.strip("\n").splitlines()) != 1:
        return LINES, err[-500:]
    return (REFUSED, "") if code == 2 else (DONE, "")
