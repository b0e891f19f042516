"""Commands run on sets of stripes in this process, runs that are killed at a step, and checkpoints compared."""

import contextlib
import csv
import json
import os
import signal
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from striped_sets import (  # noqa: F401  (tests call them t.written, …)
    CANVAS,
    CLASSES,
    SPLIT_ROWS,
    built,
    folder,
    pixels,
    stripe,
    tables,
    written,
)

ROOT = Path(__file__).resolve().parents[1]
Ran = namedtuple("Ran", "code out err")


def train(capsys, shards, *more, out="runs/x") -> Ran:
    """`tenfold train` in this process, where the test stands."""
    import torch

    from tenfold.train.run.command import main
    torch.set_num_threads(1)                     # steps this small only wait for a second one
    capsys.readouterr()
    code = main(["--shards", str(shards), "--out", str(out), "--device", "cpu", *map(str, more)])
    return Ran(code, *capsys.readouterr())


def undisturbed(shards, where: Path, *more) -> Path:
    """runs/x of a run that nobody disturbed, trained in `where`: what the tests of a module compare theirs with."""
    import torch

    from tenfold.train.run.command import main
    torch.set_num_threads(1)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with contextlib.chdir(where), pytest.MonkeyPatch.context() as patch:
            make_quick(patch)
            assert main(["--shards", str(shards), "--out", "runs/x", "--device", "cpu", *map(str, more)]) == 0
    finally:
        signal.signal(signal.SIGTERM, handler)
    return where / "runs/x"


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
    monkeypatch.setattr("tenfold.train.run.figures.draw_curves", lambda *args: None)
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
    """`event()` right after the optimizer's step `number`."""
    from tenfold.train.run.loop import Trainer
    step = Trainer._step

    def stepped(self, *batch, lr):
        step(self, *batch, lr=lr)
        if self.state.step == number:
            event()
    monkeypatch.setattr(Trainer, "_step", stepped)


class Killed(BaseException):
    """The power goes: nothing of ours may catch it."""


def csv_rows(path, delimiter: str = ",") -> list[dict]:
    """The lines of a table, by the names of its columns."""
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as f:
        return list(csv.DictReader(f, delimiter=delimiter))


def die():
    raise Killed


def killed_at(step: int, capsys, shards, *more, states: bool = True) -> None:
    """Train into runs/x until the power goes, right after the step; states: it wrote each of its states to the disk."""
    with pytest.MonkeyPatch.context() as patch:
        if states:
            write_each_state(patch)
        at_step(patch, step, die)
        with pytest.raises(Killed):
            train(capsys, shards, *more)


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
