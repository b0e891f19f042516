"""The peers of the automatic mode: ultralytics classify, fastai and AutoGluon on the same splits, in the same seconds.

Each gets the pictures of train, val and test as they are before anything of ours cleans or scales them, in class
folders of PNGs, and runs in a process and an environment of its own. Writing the PNGs is not counted against it; the
start of its process is. All choose on val.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.environments import ROOT, LeftOut, python_of, telling
from tenfold.data.shardset import ShardSet

_MOST = 512                  # pixels of a picture's longer side that peers are given; they look at 224 of them
_PATIENCE = 3                # budgets until one that does not end is given up
_QUIET = {"HF_HUB_OFFLINE": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}      # nothing is downloaded

# row of the table -> (module that runs it, its environment)
PEERS = {"ultralytics, from scratch": ("auto_ultralytics", ".venv-auto_peers"),
         "fastai, pretrained": ("auto_fastai", ".venv-auto_peers"),
         "AutoGluon, pretrained": ("auto_autogluon", ".venv-auto_autogluon")}


@dataclass(frozen=True)
class Pictures:
    """The pictures of a set as PNGs in class folders below train, val and test."""
    folder: Path
    side: int                    # the median of their longer sides, pixels
    ink: bool                    # characters on an even ground, as the recipe has it that declares a polarity


def write_pictures(data: str, shards: ShardSet, folder: Path) -> Pictures:
    """Write the pictures that a set was made of, each in the split that it has there; as RGB, at most 512 pixels."""
    from tenfold.data.recipe import change_recipe
    from tenfold.data.sources.opening import open_source
    from tenfold.preprocess.clean.set_decisions import SetDecisions
    from tenfold.preprocess.decode import decode_any
    source, table = open_source(data), shards.sources
    recipe = change_recipe(shards.recipe, ["clean.channels=3"])
    ranges = SetDecisions.of(shards.index["common"]).ranges
    rows, sides = {path: row for row, path in enumerate(source.paths)}, []
    with tempfile.TemporaryDirectory() as scratch:
        reader = source.reader(Path(scratch))
        for number, (path, split) in enumerate(zip(table.paths(), table.split_names(), strict=True)):
            if split:
                picture = Image.fromarray(decode_any(reader.read(rows[path], path), path, recipe, ranges).pixels)
                sides.append(max(picture.size))
                picture.thumbnail((_MOST, _MOST))
                home = folder / split / f"{source.labels[rows[path]]:05}"       # a class may be named as no folder can
                home.mkdir(parents=True, exist_ok=True)
                picture.save(home / f"{number:07}.png", compress_level=1)
    return Pictures(folder, round(statistics.median(sides)), recipe.clean.polarity != "keep")


def run_peers(pictures: Pictures, names: list[str], seconds: float, seed: int) -> Iterator[tuple[str, float, float]]:
    """Yield (row, top-1 of test, seconds) of each peer that runs here; print why another does not."""
    for name in names:
        with telling(name):
            start = time.monotonic()
            top1 = _run(pictures, name, start + seconds, seed)
            yield name, top1, time.monotonic() - start


def _run(pictures: Pictures, name: str, until: float, seed: int) -> float:
    """Top-1 of test. LeftOut: the peer is not installed, or fails."""
    module, environment = PEERS[name]
    python, seconds = python_of(environment), until - time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, open(Path(scratch) / "log", "w+", encoding="utf-8") as log:
        work = Path(scratch) / "work"
        work.mkdir()
        words = ["--folder", pictures.folder, "--scratch", work, "--until", until, "--seed", seed, "--side",
                 pictures.side, *(["--ink"] if pictures.ink else [])]
        try:
            ran = subprocess.run([python, "-m", f"benchmarks.{module}", *map(str, words)], cwd=ROOT, stderr=log,
                                 stdout=subprocess.PIPE, text=True, env=os.environ | _QUIET,
                                 timeout=_PATIENCE * seconds + 60)
        except subprocess.TimeoutExpired as late:
            raise LeftOut(f"did not end in {late.timeout:.0f} s") from None
        if ran.returncode:
            log.seek(0)
            said = log.read().strip().splitlines() or ["nothing was said"]
            raise LeftOut(f"ended with {ran.returncode}: {said[-1][:200]}")
    return json.loads(ran.stdout)["top1"]
