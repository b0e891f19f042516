"""Small sets of stripes that a child could tell apart, and the commands run on them in this process."""

import contextlib
import json
import os
import signal
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tenfold.data import schema
from tenfold.data.recipe import make_recipe, recipe_tables
from tenfold.data.schema import SPLITS, shard_name
from tenfold.data.shard import write_shard
from tenfold.data.shardset import write_index
from tenfold.data.source_columns import write_source_table

ROOT = Path(__file__).resolve().parents[1]
CANVAS = (20, 28)
CLASSES = ("across", "down", "slanted")
SPLIT_ROWS = {"train": (90, 61, 2), "val": (23,), "test": (17, 1)}      # of `written`, by shard
Ran = namedtuple("Ran", "code out err")


def stripe(kind: int, rng, channels: int = 1) -> np.ndarray:
    """Grey stripes across, down or slanted at a random phase, with noise: uint8 (H, W, channels)."""
    y, x = np.mgrid[:CANVAS[0], :CANVAS[1]]
    along = (y, x, x + y)[kind]
    wave = 128 + 90 * np.sin(along * 2 * np.pi / 6 + rng.uniform(0, 6))
    noisy = wave[..., None] + rng.normal(0, 12, (*CANVAS, channels))
    return noisy.clip(0, 255).astype(np.uint8)


def tables(**over) -> dict:
    """A recipe that keeps pixels as they are and trains in a second; `table={…}` is laid over it."""
    base = {"name": "stripes", "seed": 5, "split": {"val": 6, "test": 8}, "draw": {"canvas": list(CANVAS), "copies": 6},
            "model": {"name": "convnet", "args": {"widths": [8, 16]}},
            "train": {"epochs": 3, "batch": 32, "lr": 0.01, "budget": "10m"}}
    for key, value in over.items():
        base[key] = {**base.get(key, {}), **value} if isinstance(value, dict) else value
    return base


def folder(root: Path, images: int = 24, classes=CLASSES) -> Path:
    """PNG files in a folder for each class: one more of each class than of the one before."""
    for kind, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(images + kind):
            pixels = stripe(kind % 3, np.random.default_rng([kind, i]))
            Image.fromarray(pixels[:, :, 0]).save(root / name / f"{i:02d}.png")
    return root


def built(base: Path) -> Path:
    """shards/stripes below `base`, made of folder(base / "images") by preprocess; made once."""
    out = base / "shards" / "stripes"
    if not out.exists():
        from tenfold.data.sources.opening import open_source
        from tenfold.preprocess.pipeline import augment
        augment(make_recipe(tables()), open_source(folder(base / "images")), out, workers=1)
    return out


def written(out: Path, split_rows=None, compression="none", channels=1, classes=CLASSES, paths=None, **over) -> Path:
    """A finished set without preprocess, in as many shards as `split_rows` ({split: (rows, …)}) says."""
    key = repr((schema.CHUNK_BYTES, split_rows, compression, channels, classes, paths, over))
    out.mkdir(parents=True)
    if key not in _WRITTEN:
        _write(out, SPLIT_ROWS | (split_rows or {}), compression, channels, classes, paths, over)
        _WRITTEN[key] = {path.name: path.read_bytes() for path in out.iterdir()}
    else:
        for name, content in _WRITTEN[key].items():
            (out / name).write_bytes(content)
    return out


_WRITTEN: dict = {}          # the files of each set that was written in this process, by what was asked for


def _write(out, split_rows, compression, channels, classes, paths, over) -> None:
    rng, shards = np.random.default_rng(1), []
    for split in SPLITS:
        for number, rows in enumerate(split_rows[split]):
            label = rng.integers(0, len(classes), rows)
            image = np.stack([stripe(k % 3, rng, channels) for k in label])
            columns = {"label": label, "source": np.arange(rows), "copy": np.zeros(rows)}
            attributes = {"schema": 1, "split": split, "recipe": "r", "plan": "p"}
            facts = write_shard(out / shard_name(split, number), image, columns, attributes, compression)
            shards.append({"split": split} | {k: facts[k] for k in ("name", "rows", "bytes", "sha256")})
    recipe = recipe_tables(make_recipe(tables(clean={"channels": channels}, **over)))
    paths = paths or [f"{i}.png" for i in range(max(map(max, filter(None, split_rows.values()))))]
    write_index(out, {
        "schema": 2, "classes": list(classes), "rows": {s: sum(split_rows[s]) for s in SPLITS},
        "canvas": list(CANVAS), "channels": channels, "mean": [0.5] * channels, "std": [0.25] * channels,
        "digest": f"{compression}{channels}{split_rows}", "recipe": recipe,
        "sources": write_source_table(out, {"path": paths}), "shards": shards})


def pixels(folder: Path, split: str):
    """(image, label) of a split in the order of its files, by h5py and nothing of ours."""
    from conftest import opened
    images, labels = [], []
    for path in sorted(folder.glob(f"{split}-*.h5")):
        with opened(path) as f:
            images.append(f["image"][:])
            labels.append(f["label"][:])
    return np.concatenate(images), np.concatenate(labels)


def train(capsys, shards, *more, out="runs/x") -> Ran:
    """`tenfold train` in this process, where the test stands."""
    import torch

    from tenfold.train.run.command import main
    torch.set_num_threads(1)                     # steps this small only wait for a second one
    capsys.readouterr()
    code = main(["--shards", str(shards), "--out", str(out), "--device", "cpu", *map(str, more)])
    return Ran(code, *capsys.readouterr())


def undisturbed(shards, folder: Path, *more) -> Path:
    """runs/x of a run that nobody disturbed, trained in `folder`: what the tests of a module compare theirs with."""
    import torch

    from tenfold.train.run.command import main
    torch.set_num_threads(1)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
            make_quick(patch)
            assert main(["--shards", str(shards), "--out", "runs/x", "--device", "cpu", *map(str, more)]) == 0
    finally:
        signal.signal(signal.SIGTERM, handler)
    return folder / "runs/x"


def untrained(shards: Path, path="best.pth") -> Path:
    """A checkpoint of a network that guesses, fit for a set."""
    import torch

    from tenfold.data.shardset import open_set
    from tenfold.train.models.build import build_model
    from tenfold.train.run.checkpoint import describe, save
    found = open_set(shards)
    how = found.recipe.model
    torch.manual_seed(3)
    net = build_model(how.name, how.args, found.row_shape[2], len(found.classes), found.row_shape[:2], check=False)
    save(Path(path), describe(found, found.recipe) | {"weights": net.state_dict(), "metrics": {}})
    return Path(path)


def net(name="resnet18", channels=3, classes=5, canvas=(32, 32), seed=0, **arguments):
    """A network with random weights, "resnet18" for 32×32 if nothing else is said."""
    import torch

    from tenfold.train.models.build import build_model
    torch.manual_seed(seed)
    return build_model(name, arguments, channels, classes, canvas, check=False)


def score(capture, model, *more) -> Ran:
    """`tenfold score` in this process; `capture` is capfd where a --data is given."""
    from tenfold.train.score.command import main
    capture.readouterr()
    try:
        code = main([str(model), "--device", "cpu", *map(str, more)])
    except SystemExit as end:
        code = end.code
    return Ran(code, *capture.readouterr())


@pytest.fixture
def preprocess_here(monkeypatch):
    """`tenfold score --data` runs the preprocessing command in this process, which is quicker."""
    def run_module(module, *arguments):
        from tenfold.preprocess.command import main
        with contextlib.redirect_stdout(sys.stderr):
            return main([*map(str, arguments), "--workers", "1"])
    monkeypatch.setattr("tenfold.train.score.command.run_module", run_module)


def one_line(ran: Ran) -> str:
    """Holds what is true of every fault of the user's, and returns its line."""
    assert ran.code == 2, ran
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    assert "Traceback" not in ran.err
    return ran.err


def last_json(text: str) -> dict:
    return json.loads(text.strip().splitlines()[-1])


def weights(path) -> dict:
    import torch
    return torch.load(path, weights_only=True)["weights"]


def same_weights(a, b) -> bool:
    """To the bit."""
    import torch
    a, b = weights(a), weights(b)
    return list(a) == list(b) and all(torch.equal(a[k], b[k]) for k in a)


def environment() -> dict:
    """For commands in processes of their own, wherever they stand."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


def make_quick(monkeypatch) -> None:
    """Leave out of a command what takes longer than a run of a few steps: curves, timing a step four times, and
    trying a network that this process has tried before (which draws no random number)."""
    from tenfold.train.models import build
    dry_run = build.dry_run

    def dry_run_once(make, channels, canvas):
        key = repr((make.func, make.args, make.keywords, channels, canvas))
        if key not in _TRIED:
            _TRIED[key] = dry_run(make, channels, canvas)
        return _TRIED[key]
    monkeypatch.setattr(build, "dry_run", dry_run_once)
    monkeypatch.setattr("tenfold.train.run.figures.draw_curves", lambda path, history: None)
    monkeypatch.setattr("tenfold.train.run.figures.rehearse", lambda: None)
    monkeypatch.setattr("tenfold.train.learn.cost._REPEATS", 1)


_TRIED: dict = {}            # what dry_run gave, by its arguments


@pytest.fixture
def pictures():
    """Asked for by a test whose commands shall draw their pictures."""


@pytest.fixture(autouse=True)
def place(request, tmp_path, monkeypatch):
    """Commands write ./best.pth where they stand; the pictures, which take longer than a small run, are drawn
    only where a test asks for `pictures`."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for the commands that a command starts
    make_quick(monkeypatch)
    for name in () if "pictures" in request.fixturenames else ("draw_confusion", "draw_worst", "draw_f1_size"):
        monkeypatch.setattr(f"tenfold.train.score.figures.{name}", lambda path, *what: Path(path).touch())
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def at_step(monkeypatch, number: int, event) -> None:
    """`event()` right after the optimiser's step `number`."""
    from tenfold.train.run.loop import Trainer
    step = Trainer._step

    def stepped(self, *batch, lr):
        step(self, *batch, lr=lr)
        if self.state.step == number:
            event()
    monkeypatch.setattr(Trainer, "_step", stepped)


class Killed(BaseException):
    """The power goes: nothing of ours may catch it."""


def die():
    raise Killed


class AtOnce:
    """A thread that does its work where it is started."""

    def __init__(self, target, args=(), name=""):
        self._work = lambda: target(*args)

    def start(self):
        self._work()

    def join(self):
        pass

    def is_alive(self):
        return False


def write_each_state(monkeypatch) -> None:
    """Checkpoints are written after every step and every epoch, before the next."""
    from tenfold.train.run import checkpoint_writer
    monkeypatch.setattr(checkpoint_writer, "Thread", AtOnce)
    for name in ("EVERY", "FIRST"):
        monkeypatch.setattr(checkpoint_writer, name, -1.0)
