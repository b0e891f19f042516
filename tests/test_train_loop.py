"""A run keeps its budget, stops where it diverges, and writes down what it saw."""

import functools
import itertools
import math
import os
import signal
import subprocess
import sys
import time

import pytest
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.errors import MachineFault, UserFault
from tenfold.data.recipe import change_recipe
from tenfold.data.shardset import open_set
from tenfold.train.learn import learner
from tenfold.train.run import loop, validation
from tenfold.train.run.checkpoint import load
from tenfold.train.run.clock import Clock
from tenfold.train.run.feed import Feed
from tenfold.train.run.training import train


def test_every_epoch_takes_the_rows_in_another_order(shards, capsys, monkeypatch):
    taken, step = [], loop.Trainer._step
    monkeypatch.setattr(loop.Trainer, "_step", lambda self, image, label, lr: (
        taken.extend(image.sum((1, 2, 3)).tolist()), step(self, image, label, lr=lr)))
    assert t.train(capsys, shards).code == 0
    epochs = [taken[i:i + 128] for i in (0, 128, 256)]
    assert len({tuple(e) for e in epochs}) == 3
    assert len(set(epochs[0]) & set(epochs[1])) > 90


def test_metrics_have_a_line_an_epoch_and_survive_a_resume(shards, capsys):
    t.killed_at(9, capsys, shards)
    assert t.train(capsys, shards, "--resume").code == 0
    rows = t.csv_rows("runs/x/metrics.csv")
    assert [(int(r["epoch"]), int(r["step"])) for r in rows] == [(1, 4), (2, 8), (3, 12)]
    assert all(math.isfinite(float(v)) for r in rows for v in r.values())


@pytest.mark.parametrize("how", ["train.batch=32", "train.batch=1000", "train.epochs=1"])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(shards, capsys, how):
    ran = t.train(capsys, shards, "--set", "train.optimizer=sgd", "--set", "train.warmup=0", "--set", "train.lr=1e30",
                  "--set", how)
    line = t.one_line(ran)
    assert "step " in line
    assert "not finite" in line
    assert not t.Path("best.pth").exists()       # nothing good was ever seen


def test_a_run_that_diverges_keeps_its_earlier_checkpoints(shards, capsys, monkeypatch):
    lr_at = loop.lr_at
    monkeypatch.setattr(loop, "lr_at", lambda p, *a: lr_at(p, *a) if p < 0.6 else 1e35)
    line = t.one_line(t.train(capsys, shards, "--set", "train.optimizer=sgd"))
    assert "step 10 of 12" in line or "step 9 of 12" in line
    assert all(v.isfinite().all() for v in load("runs/x/last.pth")["weights"].values())
    assert load("runs/x/best.pth")["metrics"]["epoch"] <= 2
    assert t.same_weights("best.pth", "runs/x/best.pth")


class Slow:
    """A clock on which every step of the run takes some seconds."""

    def __init__(self, monkeypatch, step_seconds):
        self.now = 0.0
        step = loop.Trainer._step

        def slow(run, *batch, lr):
            step(run, *batch, lr=lr)
            self.now += step_seconds
        monkeypatch.setattr(loop.Trainer, "_step", slow)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr("tenfold.train.run.training.Clock", functools.partial(Clock, now=lambda: self.now))


def test_the_rate_of_a_slow_run_does_not_rise_again_when_it_is_resumed(shards, capsys, monkeypatch):
    Slow(monkeypatch, 4.0)
    rates, set_lr = [], learner.set_lr
    monkeypatch.setattr(learner, "set_lr", lambda optimizer, lr: (rates.append(lr), set_lr(optimizer, lr)))
    how = ("--budget", "100s", "--set", "train.epochs=1000000", "--set", "train.schedule=linear", "--set",
           "train.warmup=0")
    with monkeypatch.context() as patch:
        t.at_step(patch, 15, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert t.train(capsys, shards, *how).code == 130
    assert t.train(capsys, shards, *how, "--resume").code == 0
    assert 17 < len(rates) < 25
    assert all(a >= b for a, b in itertools.pairwise(rates))
    assert rates[-1] < 0.1 * rates[0]


@pytest.mark.parametrize("step", [6, 8])         # within an epoch and at its end
def test_a_run_whose_budget_is_spent_when_it_is_resumed_is_brought_to_its_end(shards, capsys, monkeypatch, step):
    slow = Slow(monkeypatch, 1.0)
    with monkeypatch.context() as patch:
        t.at_step(patch, step, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert t.train(capsys, shards, "--budget", "100s").code == 130
    monkeypatch.setattr("tenfold.train.run.training.Clock",              # a start that takes longer than is left
                        functools.partial(Clock, now=lambda: slow.now + 99))
    ran = t.train(capsys, shards, "--budget", "100s", "--resume", "--json")
    assert ran.code == 0, ran.err
    assert t.last_json(ran.out)["steps"] == step
    assert load("runs/x/last.pth")["position"]["done"]
    assert t.Path("best.pth").exists()


def test_what_training_gets_at_least_is_left_though_its_budget_is_spent(shards, tmp_path, monkeypatch):
    slow = Slow(monkeypatch, 1.0)
    slow.now = 99.0                              # of a budget of 50
    sets = open_set(shards)
    recipe = change_recipe(sets.recipe, ["train.epochs=1000"])
    run = train(sets, recipe, tmp_path / "out", budget=50.0, least=20.0, started=0.0)
    assert 10 < run.facts["steps"] <= 20
    with pytest.raises(UserFault, match="of 50 s is spent before the first step"):
        train(sets, recipe, tmp_path / "late", budget=50.0, started=0.0)
    feed_prepare, slow.now = Feed.prepare, 0.0

    def slowly(*args, **how):                    # such as a pass for a head that is then not fitted
        slow.now += 60.0
        return feed_prepare(*args, **how)
    monkeypatch.setattr(Feed, "prepare", slowly)
    assert 10 < train(sets, recipe, tmp_path / "slow", budget=50.0, least=20.0, started=0.0).facts["steps"] <= 20


def test_a_run_that_is_resumed_is_granted_nothing_once_more(shards, tmp_path, monkeypatch):
    slow, sets = Slow(monkeypatch, 1.0), open_set(shards)
    recipe = change_recipe(sets.recipe, ["train.epochs=1000"])
    with monkeypatch.context() as patch:
        t.at_step(patch, 15, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            train(sets, recipe, tmp_path, budget=50.0, started=0.0, least=20.0)
    slow.now = 0.0
    again = train(sets, recipe, tmp_path, budget=12.0, started=0.0, least=20.0, resume=True)
    assert again.facts["steps"] == 15


@pytest.mark.parametrize("seconds", [3.0, 20.0, pytest.param(1.0, marks=pytest.mark.slow)])
def test_a_plan_far_too_long_ends_before_its_budget_fully_annealed(shards, capsys, monkeypatch, seconds):
    slow, rates = Slow(monkeypatch, seconds), []
    set_lr = learner.set_lr
    monkeypatch.setattr(learner, "set_lr", lambda optimizer, lr: (rates.append(lr), set_lr(optimizer, lr)))
    ran = t.train(capsys, shards, "--budget", "100s", "--set", "train.epochs=1000000000", "--json")
    assert ran.code == 0
    assert 70 < slow.now < 100
    assert rates[-1] < 0.4 * max(rates)
    facts = t.last_json(ran.out)
    assert facts["budget_seconds"] == 100
    assert facts["steps"] == len(rates)
    assert load("runs/x/last.pth")["position"]["done"]
    assert load("runs/x/best.pth")["metrics"]["val_top1"] > (0.5 if seconds < 5 else 0)


def test_an_evaluation_that_outlasts_the_budget_ends_the_run(shards, capsys, monkeypatch):
    slow, evaluate = Slow(monkeypatch, 1.0), validation.evaluate

    def long(*what):
        slow.now = max(slow.now, 97.0)
        return evaluate(*what)
    monkeypatch.setattr(validation, "evaluate", long)
    assert t.train(capsys, shards, "--budget", "100s", "--set", "train.epochs=1000").code == 0
    row, = t.csv_rows("runs/x/metrics.csv")      # and no epoch without a step
    assert row["step"] == "4"
    assert load("runs/x/last.pth")["position"]["done"]


def test_a_budget_too_small_for_a_step_is_refused(shards, capsys):
    assert "budget" in t.one_line(t.train(capsys, shards, "--budget", "0.01s"))


def test_a_refused_budget_does_not_cost_the_run_before(shards, capsys):
    assert t.train(capsys, shards).code == 0
    before = t.Path("runs/x/best.pth").read_bytes()
    t.Path("best.pth").write_text("another run's")
    t.one_line(t.train(capsys, shards, "--budget", "0.01s"))
    assert t.Path("runs/x/best.pth").read_bytes() == before
    assert t.Path("best.pth").read_text() == "another run's"


def test_an_interrupt_is_reported_even_where_no_picture_can_be_left(shards, capsys, monkeypatch):
    def full(path, *args):
        raise MachineFault(path, "no space left on the disk")
    monkeypatch.setattr("tenfold.train.run.figures.draw_curves", full)
    assert "curves.png" in t.one_line(t.train(capsys, shards))
    t.at_step(monkeypatch, 6, lambda: signal.raise_signal(signal.SIGINT))
    ran = t.train(capsys, shards)
    assert ran.code == 130
    assert "step 6" in ran.err


def test_a_reader_that_goes_away_does_not_stop_the_run(shards, capsys, monkeypatch):
    def gone(self, text):
        raise BrokenPipeError
    monkeypatch.setattr("tqdm.tqdm.write", gone)
    ran = t.train(capsys, shards, "--json")
    assert ran.code == 0
    assert t.last_json(ran.out)["epochs"] == 3


@pytest.mark.slow
def test_the_whole_command_ends_before_its_budget(tmp_path):
    """By the wall clock of whoever started it: interpreter, imports, curves and all."""
    shards = t.written(tmp_path / "set", {"train": (3000,), "val": (600,)})
    began = time.monotonic()
    ran = subprocess.run([sys.executable, "-m", "train", "--shards", shards, "--budget", "15s", "--device", "cpu",
                          "--set", "train.epochs=1000000000", "--json"], cwd=tmp_path, env=t.environment(),
                         capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    assert ran.returncode == 0, ran.stderr
    assert 8 < took < 15
    assert t.last_json(ran.stdout)["seconds"] <= took
    assert (tmp_path / "best.pth").exists()
    assert (tmp_path / "runs/stripes/last.pth").exists()
