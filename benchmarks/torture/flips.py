"""Flip single bits in every kind of file that Tenfold writes, and open it as the commands do.

What a flip may end in: it is refused in one line, or what is read is what was written. The kinds:

- `best.pth`, `last.pth`: opened for scoring, and for `--resume`; all weights and values are compared
- shards raw, lz4 and gzip, `sources.h5`, `dataset.json`: the set is opened, each row and value compared
- `… copied`: the set is a copy of one that was opened before, as `cp -a` makes it
- `… later`: the flip comes after the first opening, and leaves size and time of change as they were, as a disk does
- `… rebuilt`: dataset.json is missing too, and the build is run again: its set must be that of a build left alone
- `clean cache`, `.verified`, `npz`: what a build that goes on finds, what openings remember, what `fetch` writes
"""

import contextlib
import io
import os
import pickle
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.torture import tiny
from benchmarks.torture.flips_read import built, last_content, model_content, npz_content, set_content
from benchmarks.torture.lanes import caught_noise
from benchmarks.torture.outcomes import NOISE, REFUSED, SAME, SILENT, TOLD, TRACEBACK

SLOW = ("shard raw, rebuilt", "clean cache")    # a build for each
KNOWN = "known.pickle"
Read = Callable[[Path], Any]
SETS = {"raw": tiny.BUILDS[0], "lz4": tiny.BUILDS[1], "gzip": tiny.BUILDS[2]}
KINDS = ("best.pth", "last.pth", "shard raw", "shard lz4", "shard gzip", "dataset.json", "sources.h5", ".verified",
         "shard raw, copied", "shard raw, later", "shard lz4, later", "sources.h5, later", "shard raw, rebuilt",
         "clean cache", "npz")


def prepare(base: Path) -> Path:
    """Make the originals below base/flips; return the file with what is read from each. In a process of its own."""
    from tenfold.data import verified
    from tenfold.preprocess.command import main
    verified._SETTLED = -1.0                            # else it remembers nothing of files that were just written
    there = base / "flips"
    (there / "npz").mkdir(parents=True)
    shutil.copy(base / "plain.npz", there / "npz")
    for name, setup in SETS.items():
        _must(tiny.build_body(base, setup, out=str(there / f"set {name}"))())
        time.sleep(0.05)
        set_content(there / f"set {name}")              # writes .verified
    _must(main(["--recipe", str(base / f"{SETS['raw'].name}.toml"), "--data", str(base / "pictures"), "--report",
                "--out", str(there / "report" / "set"), "--workers", "1"]))
    (there / KNOWN).write_bytes(pickle.dumps(_readings(base)))
    return there / KNOWN


def _must(code: int) -> None:
    if code:
        raise RuntimeError(f"exit code {code}")


def original(base: Path, kind: str) -> tuple[Path, str]:
    """The folder with the files of a kind, and the name of that which is flipped."""
    name = kind.partition(",")[0]
    if name.endswith(".pth"):
        return base / "runs" / "tiny", name
    if name == "clean cache":
        return base / "flips" / "report", "set/.clean/"
    if name == "npz":
        return base / "flips" / "npz", "plain.npz"
    folder = base / "flips" / f"set {name.removeprefix('shard ') if name.startswith('shard') else 'raw'}"
    return folder, "train-00000.h5" if name.startswith("shard") else name


def flip(base: Path, known: dict[str, Any], seed: int, kind: str, number: int) -> tuple[str, str]:
    """Flip one bit in one file of a kind, and open it: (outcome, words)."""
    rng = random.Random(f"{seed}/flip/{kind}/{number}")
    folder, name = original(base, kind)
    here = base / f"flip {os.getpid()}"
    shutil.copytree(folder, here, dirs_exist_ok=True)
    shutil.copystat(folder, here)
    try:
        path = here / name
        if name.endswith("/"):
            path = rng.choice(sorted(path.iterdir()))
        read = _reader(base, kind)
        if not kind.endswith("copied") and name != ".verified":
            (here / ".verified").unlink(missing_ok=True)
        if kind.endswith("later"):
            read(here)
        if kind.endswith("rebuilt"):
            (here / "dataset.json").unlink()
        if not path.exists():                    # nothing is remembered of a set that was just written
            return SAME, "no such file"
        words = f"{path.name}: {_flip_a_bit(path, rng)}"
        return judge(lambda: read(here), known[kind], words)
    finally:
        shutil.rmtree(here, ignore_errors=True)


def _flip_a_bit(path: Path, rng: random.Random) -> str:
    before, at, bit = path.stat(), rng.randrange(path.stat().st_size), rng.randrange(8)
    with open(path, "rb+") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 1 << bit]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return f"bit {bit} of byte {at} of {before.st_size}"


def judge(read: Callable[[], Any], known: Any, words: str) -> tuple[str, str]:
    """Call `read`, and say what it came to, beside what is `known`."""
    from tenfold.data.errors import UserFault
    noise: list[str] = []
    said = io.StringIO()
    try:
        with caught_noise(noise), contextlib.redirect_stdout(said):
            found = read()
    except UserFault as fault:
        return REFUSED, f"{words}: {fault}"
    except Exception as error:
        return TRACEBACK, f"{words}: {type(error).__name__}: {error}"
    if noise and any(text.strip() for text in noise):
        return NOISE, f"{words}: {noise[0][:300]}"
    return (SAME, words) if found == known else (TOLD if "note: " in said.getvalue() else SILENT, words)


def _readings(base: Path) -> dict[str, Any]:
    """What is read from the original of each kind."""
    known = {}
    for kind in KINDS:
        folder, _ = original(base, kind)
        here = base / "flips" / "reading"
        shutil.copytree(folder, here)
        if kind.endswith("rebuilt"):
            (here / "dataset.json").unlink()
        known[kind] = _reader(base, kind)(here)
        shutil.rmtree(here)
    return known


def _reader(base: Path, kind: str) -> Read:
    name, recipe = kind.partition(",")[0], base / f"{SETS['raw'].name}.toml"
    if name == "best.pth":
        return lambda folder: model_content(folder / name)
    if name == "last.pth":
        return lambda folder: last_content(folder / name)
    if name == "npz":
        return lambda folder: npz_content(folder / "plain.npz")
    if name == "clean cache":
        return lambda folder: built(recipe, base / "pictures", folder / "set")
    if kind.endswith("rebuilt"):
        return lambda folder: built(recipe, base / "pictures", folder)
    return set_content
