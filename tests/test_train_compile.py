"""train.compile: a compiled run is the same run, and one that cannot be compiled goes on without it."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.tables import Train
from tenfold.train.learn.loss import make_loss
from tenfold.train.normalise import Normalise
from tenfold.train.run.checkpoint import load, restore

HOW = ("--set", "train.compile=default", "--set", "model.dropout=0.3", "--set", "train.ema=0.7")


def fake(monkeypatch, made):
    """torch.compile gives `made(function)`."""
    monkeypatch.setattr(torch, "compile", lambda function, **how: made(function))


def test_the_rehearsal_leaves_nothing_in_the_run(shards, capsys, monkeypatch):
    assert t.train(capsys, shards, *HOW, "--set", "train.compile=none", out="runs/plain").code == 0
    fake(monkeypatch, lambda function: function)
    ran = t.train(capsys, shards, *HOW)
    assert ran.code == 0
    assert "note:" not in ran.out
    assert t.same_weights("runs/x/last.pth", "runs/plain/last.pth")
    assert t.same_weights("runs/x/best.pth", "runs/plain/best.pth")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Guards may run slower")    # torch, of Python 3.13.0
@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_the_loss_compiles_without_a_break(precision):
    """As a graph; the code behind it is the compiler's."""
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3))
    loss = make_loss(model, Normalise([0.5], [0.25], torch.device("cpu")), Train(precision=precision))
    batch = torch.arange(24, dtype=torch.uint8).view(2, 3, 4, 1), torch.tensor([0, 2])
    whole = torch.compile(loss, backend="eager", fullgraph=True, dynamic=False)
    for a, b in zip(whole(*batch), loss(*batch), strict=True):
        assert torch.equal(a, b)


def test_a_machine_that_cannot_compile_says_so_in_one_line_and_trains(shards, capsys, monkeypatch):
    assert t.train(capsys, shards, *HOW, "--set", "train.compile=none", out="runs/plain").code == 0

    def broken(function):
        def call(*batch):
            function(*batch)[0].backward()       # as far as it got
            raise RuntimeError("no working C++ compiler\nand much more")
        return call
    fake(monkeypatch, broken)
    ran = t.train(capsys, shards, *HOW)
    assert ran.code == 0
    [line] = [line for line in ran.out.splitlines() if line.startswith("note:")]
    assert "train.compile" in line
    assert line.count("no working C++ compiler") == 1
    assert "much more" not in ran.out
    assert t.same_weights("runs/x/last.pth", "runs/plain/last.pth")


@pytest.mark.slow
def test_compiling_counts_as_start_up(shards, capsys, monkeypatch):
    calls = iter(range(10**6))
    fake(monkeypatch, lambda function: lambda *batch: (time.sleep(0 if next(calls) else 1), function(*batch))[1])
    facts = t.last_json(t.train(capsys, shards, *HOW, "--budget", "30s", "--json").out)
    assert 1.0 < facts["first_step_seconds"] < facts["seconds"]
    assert facts["images_per_second"] > 500      # the steps are not slower for it


def test_a_budget_that_compiling_has_spent_names_it(shards, capsys, monkeypatch):
    fake(monkeypatch, lambda function: lambda *batch: (time.sleep(0.5), function(*batch))[1])
    line = t.one_line(t.train(capsys, shards, *HOW, "--budget", "1s"))
    assert "before the first step" in line
    assert 'train.compile = "none"' in line


def test_another_mode_is_another_run(shards, capsys, monkeypatch):
    t.at_step(monkeypatch, 3, lambda: signal.raise_signal(signal.SIGINT))
    assert t.train(capsys, shards).code == 130
    assert "train.compile" in t.one_line(t.train(capsys, shards, "--resume", *HOW[:2]))


def test_an_unknown_mode_is_refused(shards, capsys):
    assert "reduce-overhead" in t.one_line(t.train(capsys, shards, "--set", "train.compile=fast"))


def command(shards, out, *more, **environment):
    return subprocess.run([sys.executable, "-m", "train", "--shards", shards, "--device", "cpu", "--out", out, *HOW,
                           *more], env=t.environment() | {"OMP_NUM_THREADS": "1"} | environment, capture_output=True,
                          text=True, check=False)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which(os.environ.get("CXX", "g++")), reason="there is no C++ compiler here")
def test_a_compiled_run_trains_resumes_exactly_and_loads_uncompiled(shards):
    ran = command(shards, "alone", "--json", TORCH_LOGS="recompiles")
    assert ran.returncode == 0, ran.stderr
    if "does not work here" in ran.stderr:
        pytest.skip(next(line for line in ran.stderr.splitlines() if "does not work here" in line))
    assert "ecompiling" not in ran.stderr        # one size of batch, one compilation
    assert t.last_json(ran.stdout)["val_top1"] > 0.9
    assert not any("_orig_mod" in name for name in t.weights("alone/best.pth"))
    model, _, _ = restore("alone/best.pth")
    assert model(torch.zeros(2, 1, *t.CANVAS)).isfinite().all()
    stop = "import train_helpers as t, pytest, os, signal, sys\nfrom tenfold.train.run.command import main\n" \
        "t.at_step(pytest.MonkeyPatch(), 6, lambda: os.kill(os.getpid(), signal.SIGINT))\nsys.exit(main(sys.argv[1:]))"
    path = os.pathsep.join([str(t.ROOT), str(t.ROOT / "tests")])
    half = subprocess.run([sys.executable, "-c", stop, "--shards", shards, "--device", "cpu", "--out", "half", *HOW],
                          env=t.environment() | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}, check=False)
    assert half.returncode == 130
    assert load("half/last.pth")["position"]["step"] == 6
    assert command(shards, "half", "--resume").returncode == 0
    assert t.same_weights("half/last.pth", "alone/last.pth")
    assert t.same_weights("half/best.pth", "alone/best.pth")


@pytest.mark.slow
def test_without_a_compiler_the_real_one_is_done_without_too(shards, tmp_path):
    ran = command(shards, "runs/x", CXX="/nonexistent", TORCHINDUCTOR_CACHE_DIR=str(tmp_path / "cache"))
    assert ran.returncode == 0, ran.stderr
    assert "does not work here" in ran.stdout
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
def test_cuda_compiles(shards, mode):
    ran = command(shards, "runs/x", "--device", "cuda", "--set", f"train.compile={mode}", "--json")
    assert ran.returncode == 0, ran.stderr
    assert t.last_json(ran.stdout)["val_top1"] > 0.9
