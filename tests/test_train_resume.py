"""A run ends with the same weights however often it was stopped, and wherever."""

import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.train.run import checkpoint_writer, loop, validation
from tenfold.train.run.checkpoint import load


@pytest.fixture(scope="module")
def alone(shards, tmp_path_factory):
    return t.undisturbed(shards, tmp_path_factory.mktemp("alone"))


STEPS = 12                   # 153 rows in batches of 32, 3 epochs


def test_the_run_that_the_others_are_compared_with(alone):
    last = load(alone / "last.pth")
    assert last["position"]["step"] == STEPS
    assert last["position"]["done"]
    assert last["metrics"]["val_top1"] > 0.9


def test_two_runs_end_alike(shards, alone, capsys):
    assert t.train(capsys, shards).code == 0
    assert t.same_weights("runs/x/last.pth", alone / "last.pth")
    assert t.same_weights("runs/x/best.pth", alone / "best.pth")


def test_another_seed_ends_elsewhere(shards, alone, capsys):
    assert t.train(capsys, shards, "--set", "seed=6").code == 0
    assert not t.same_weights("runs/x/last.pth", alone / "last.pth")


@pytest.mark.parametrize("engine", ["memory", "threads"])
def test_engine_and_threads_change_nothing_that_is_learned(shards, alone, capsys, engine):
    assert t.train(capsys, shards, "--set", f"train.engine={engine}", "--set", "train.workers=5").code == 0
    assert t.same_weights("runs/x/last.pth", alone / "last.pth")


@pytest.mark.parametrize("step", [1, 5, *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 4, 8, 11, 12))])
def test_a_run_killed_at_any_step_and_resumed_ends_alike(shards, alone, capsys, step):
    t.killed_at(step, capsys, shards, states=step > 1)   # else nothing is on the disk
    ran = t.train(capsys, shards, "--resume")
    assert ran.code == 0, ran.err
    assert ("beginning" in ran.out) == (step == 1)
    assert t.same_weights("runs/x/last.pth", alone / "last.pth")
    assert t.same_weights("runs/x/best.pth", alone / "best.pth")


def history(folder) -> list[dict]:
    """Lines of metrics.csv without what the clock says."""
    return [{k: v for k, v in row.items() if k not in ("seconds", "images_per_second", "data_wait_fraction")}
            for row in t.csv_rows(folder / "metrics.csv")]


@pytest.mark.parametrize(("number", "after"), [
    (1, True), (5, False), (6, True), *(pytest.param(n, after, marks=pytest.mark.slow) for n, after in (
        (5, True), (7, True), *itertools.product(range(8, 20), (False, True))))])
def test_a_run_killed_around_any_write_and_resumed_ends_alike(shards, alone, capsys, monkeypatch, number, after):
    """Four last.pth, then best.pth, metrics.csv, last.pth of the first epoch, and so on."""
    written, dead = [], []

    def until_killed(write):
        def killing(path, content):
            if dead:
                raise t.Killed
            written.append(path)
            dead.extend([True] * (len(written) == number))
            if not dead or after:
                write(path, content)
            if dead:
                raise t.Killed
        return killing
    with monkeypatch.context() as patch:
        t.write_each_state(patch)
        for name in ("save", "write_metrics"):
            patch.setattr(checkpoint_writer, name, until_killed(getattr(checkpoint_writer, name)))
        with pytest.raises(t.Killed):
            t.train(capsys, shards)
    assert len(written) == number
    assert t.train(capsys, shards, "--resume").code == 0
    assert t.same_weights("runs/x/last.pth", alone / "last.pth")
    assert t.same_weights("runs/x/best.pth", alone / "best.pth")
    assert history(t.Path("runs/x")) == history(alone)


INT, TERM = signal.SIGINT, signal.SIGTERM
INTERRUPTS = [(4, TERM, "memory"), (6, INT, "threads")]
OTHERS = [case for case in itertools.product([1, 4, 6, 12], [INT, TERM], ["memory", "threads"])
          if case not in INTERRUPTS]


@pytest.mark.parametrize(("step", "number", "engine"), [
    *INTERRUPTS, *(pytest.param(*case, marks=pytest.mark.slow) for case in OTHERS)], ids=str)
def test_a_run_interrupted_within_an_epoch_goes_on_from_that_step(
        shards, alone, capsys, monkeypatch, step, number, engine):
    how = ("--set", f"train.engine={engine}")
    with monkeypatch.context() as patch:
        t.at_step(patch, step, lambda: os.kill(os.getpid(), number))
        ran = t.train(capsys, shards, *how)
    assert ran.code == 130
    assert len(ran.err.splitlines()) == 1
    assert f"step {step} of {STEPS}" in ran.err
    assert load("runs/x/last.pth")["position"]["step"] == step
    taken = []
    with monkeypatch.context() as patch:
        step_ = loop.Trainer._step
        patch.setattr(loop.Trainer, "_step", lambda self, *a, lr: (taken.append(1), step_(self, *a, lr=lr)))
        assert t.train(capsys, shards, *how, "--resume").code == 0
    assert len(taken) == STEPS - step            # none is taken twice
    assert t.same_weights("runs/x/last.pth", alone / "last.pth")
    seen, expected = ([(row["train_loss"], row["train_top1"]) for row in load(p / "last.pth")["position"]["history"]]
                      for p in (t.Path("runs/x"), alone))
    assert seen == expected                      # what was seen before the interrupt counts too


def test_an_interrupt_during_evaluation_is_kept_too(shards, alone, capsys, monkeypatch):
    evaluate = validation.evaluate
    with monkeypatch.context() as patch:
        patch.setattr(validation, "evaluate", lambda *a: (os.kill(os.getpid(), signal.SIGINT), evaluate(*a))[1])
        assert t.train(capsys, shards).code == 130
    assert t.train(capsys, shards, "--resume").code == 0
    assert t.same_weights("runs/x/last.pth", alone / "last.pth")


def test_an_interrupt_in_the_last_evaluation_ends_what_would_follow(shards, capsys, monkeypatch):
    """The run itself is finished, but a command that would train again, on the next fold, must stop."""
    evaluate, calls = validation.evaluate, []

    def interrupted(*given):
        calls.append(None)
        if len(calls) == 3:                      # of the third and last epoch
            os.kill(os.getpid(), signal.SIGINT)
        return evaluate(*given)
    monkeypatch.setattr(validation, "evaluate", interrupted)
    ran = t.train(capsys, shards)
    assert ran.code == 130
    assert "this run had ended" in ran.err
    assert load("runs/x/last.pth")["position"]["done"]
    assert t.Path("best.pth").exists()


def test_a_second_interrupt_is_not_held_back(shards, capsys, monkeypatch):
    t.at_step(monkeypatch, 5, lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)])
    ran = t.train(capsys, shards)
    assert ran.code == 130
    assert load("runs/x/last.pth")["position"]["step"] == 4


def test_resuming_a_finished_run_changes_nothing(shards, capsys):
    assert t.train(capsys, shards).code == 0
    before = {p: p.read_bytes() for p in map(t.Path, ("runs/x/last.pth", "runs/x/best.pth", "runs/x/metrics.csv"))}
    ran = t.train(capsys, shards, "--resume", "--json")
    assert ran.code == 0
    assert "note: this run had ended before" in ran.err
    assert t.last_json(ran.out)["steps"] == STEPS
    seconds = load("runs/x/last.pth")["position"]["seconds"]         # and not those of looking at it again
    assert t.last_json(ran.out)["seconds"] == pytest.approx(seconds, abs=1e-3)
    assert all(p.read_bytes() == content for p, content in before.items())


@pytest.mark.parametrize("setting", ["train.ema=0.7", *(
    pytest.param(f"train.optimizer={name}", marks=pytest.mark.slow) for name in ("adam", "sgd"))])
def test_whatever_has_a_state_resumes_exactly(shards, capsys, monkeypatch, setting):
    how = ("--set", setting, "--set", "model.dropout=0.5")
    assert t.train(capsys, shards, *how, out="runs/alone").code == 0
    with monkeypatch.context() as patch:
        t.at_step(patch, 6, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert t.train(capsys, shards, *how).code == 130
    torch.manual_seed(99)                        # another process has other random numbers
    assert t.train(capsys, shards, *how, "--resume").code == 0
    assert t.same_weights("runs/x/last.pth", "runs/alone/last.pth")
    assert t.same_weights("runs/x/best.pth", "runs/alone/best.pth")


WRITING_OFTEN = """
import sys
from tenfold.train.run import checkpoint_writer
from tenfold.train.run.command import main
checkpoint_writer.EVERY = checkpoint_writer.FIRST = 0.0
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow                                # a run that dies at any step is resumed in the quick tests above
def test_a_process_killed_with_sigkill_again_and_again_ends_alike(tmp_path, capsys):
    """Killed from outside, while it works and a thread writes, once another last.pth is there."""
    shards = t.written(tmp_path / "set", {"train": (200,), "val": (40,)})
    how = ("--shards", shards, "--device", "cpu", "--set", "train.epochs=20", "--set", "train.batch=8")
    last, wait = tmp_path / "killed/last.pth", np.random.default_rng(3)
    for _ in range(2):
        before = last.stat().st_mtime_ns if last.exists() else 0
        killed = subprocess.Popen([sys.executable, "-c", WRITING_OFTEN, "--resume", "--out", "killed", *how],
                                  env=t.environment() | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        while killed.poll() is None and not (last.exists() and last.stat().st_mtime_ns > before):
            time.sleep(0.002)
        time.sleep(wait.uniform(0, 0.3))
        killed.kill()
        assert killed.wait() == -signal.SIGKILL, "it ended before it could be killed"
        assert (tmp_path / "killed/best.pth").exists() or not load(last)["position"]["history"]
    step = load(last)["position"]["step"]
    assert 0 < step < 500
    assert t.train(capsys, shards, *how[4:], "--resume", out="killed").code == 0
    assert t.train(capsys, shards, *how[4:], out="alone").code == 0
    assert t.same_weights("killed/last.pth", "alone/last.pth")
    assert t.same_weights("killed/best.pth", "alone/best.pth")
    assert history(t.Path("killed")) == history(t.Path("alone"))
