"""What does not fit into the budget is cut before the first step, is said, and the rate still falls to its end."""

import functools
import itertools
import math
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
import train_helpers as t
from cases import each
from test_train_loop import Slow
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.tables import Train
from tenfold.train.learn import learner
from tenfold.train.run import loop, preparation
from tenfold.train.run.clock import Clock
from tenfold.train.run.notes import closing_notes, kept_notes
from tenfold.train.run.pace import Pace
from tenfold.train.run.plan import SMALLEST_BATCH, Cost, Plan, describe, fitted, least_pause, whole_plan
from tenfold.train.run.state import RunState
from tenfold.train.score import evaluate

VAL_ROWS = 400


def linear(seconds_an_image: float, batch: int) -> Cost:
    """A processor: twice the rows, twice the seconds."""
    return Cost(seconds_an_image * batch, seconds_an_image * batch / 3)


def launching(seconds_a_step: float, batch: int) -> Cost:
    """A graphics card that small batches leave idle: a step takes as long whatever its batch."""
    return Cost(seconds_a_step, seconds_a_step / 3)


def test_a_plan_that_fits_is_left_as_it_is():
    config = Train(epochs=4, batch=128)
    plan = whole_plan(config, 100, 128)
    assert fitted(plan, config, VAL_ROWS, 60.0, functools.partial(linear, 1e-5)) is plan
    assert plan.fits
    assert plan.images == 4 * 100 * 128
    assert not fitted(plan, config, 10**7, 60.0, functools.partial(linear, 1e-5)).fits           # evaluations count


@each("optimizer", ["sgd", "adamw"])
@each("seconds_an_image", [2e-4, 1e-3, 0.02, 1.0])
def test_what_is_planned_instead_fits(optimizer, seconds_an_image):
    config = Train(epochs=20, batch=256, optimizer=optimizer, lr=0.1)
    plan = fitted(whole_plan(config, 2000, 256), config, VAL_ROWS, 60.0, functools.partial(linear, seconds_an_image))
    cost, val_batches = linear(seconds_an_image, plan.batch), math.ceil(VAL_ROWS / plan.batch)
    looked = plan.evaluations * (plan.val_batches or val_batches)
    assert not plan.fits
    assert SMALLEST_BATCH <= plan.batch <= 256
    assert plan.steps == 1 or plan.steps * cost.step <= 60
    assert looked * cost.forward <= 0.1 * 60 or plan.val_batches == 1
    assert plan.steps >= 1500 or plan.batch == SMALLEST_BATCH
    ratio = plan.batch / 256
    assert plan.lr == pytest.approx(0.1 * (ratio if optimizer == "sgd" else ratio ** 0.5))


def test_a_smaller_batch_that_makes_no_more_steps_is_not_taken():
    config = Train(epochs=20, batch=256)
    plan = fitted(whole_plan(config, 2000, 256), config, VAL_ROWS, 60.0, functools.partial(launching, 0.5))
    assert not plan.fits
    assert plan.batch == 256
    compiled = Train(epochs=20, batch=256, compile="default")        # for one size of batch
    assert fitted(whole_plan(compiled, 2000, 256), compiled, VAL_ROWS, 60.0,
                  functools.partial(linear, 0.02)).batch == 256


def test_what_is_cut_is_said():
    planned, plan = Plan(100_000, 1000, 100, 0.2), Plan(100_000, 40, 50, 0.1, evaluations=1, val_batches=3)
    said = describe(plan, planned, VAL_ROWS, is_open=False)
    assert "of 1,000 steps does not fit into the budget, about 2.0% of its images do, in 40 steps" in said
    assert "batch 50 instead of 100, lr 0.1 instead of 0.2; val is evaluated 1 time, on 150 of 400 rows." in said
    said = describe(replace(plan, steps=1, evaluations=2, val_batches=0), planned, VAL_ROWS, is_open=False)
    assert "less than 0.1%" in said
    assert "val is evaluated 2 times." in said


def test_the_rate_falls_from_the_first_step_to_the_last_and_val_is_looked_at_on_the_way(shards, capsys, monkeypatch):
    monkeypatch.setattr(preparation, "measure", lambda *_: lambda batch: (4.0, 4.0))
    Slow(monkeypatch, 4.0)
    rates, set_lr = [], learner.set_lr
    monkeypatch.setattr(learner, "set_lr", lambda optimizer, lr: (rates.append(lr), set_lr(optimizer, lr)))
    ran = t.train(capsys, shards, "--budget", "100s", "--set", "train.epochs=100000", "--set", "train.schedule=linear",
                  "--set", "train.warmup=0", "--json")
    assert ran.code == 0
    assert "does not fit into the budget" in ran.err
    facts = t.last_json(ran.out)
    assert facts["planned_steps"] == 400_000
    assert 20 <= facts["steps"] == len(rates) < 25
    assert all(a > b for a, b in itertools.pairwise(rates))
    assert rates[0] == pytest.approx(0.01)
    assert rates[-1] < 0.1 * rates[0]
    rows = t.csv_rows("runs/x/metrics.csv")
    assert len(rows) == 2                        # an evaluation of a second each time
    assert facts["epochs"] == math.ceil(float(rows[-1]["epoch"]))


def test_epochs_auto_take_the_whole_budget_and_no_plan_is_said_to_be_cut(shards, capsys, monkeypatch):
    monkeypatch.setattr(preparation, "measure", lambda *_: lambda batch: (4.0, 4.0))
    Slow(monkeypatch, 4.0)
    ran = t.train(capsys, shards, "--budget", "100s", "--set", 'train.epochs="auto"', "--json")
    assert ran.code == 0
    assert "steps fit into the budget: the learning rate falls" in ran.err
    assert "note: the plan" not in ran.err
    facts = t.last_json(ran.out)
    assert 20 <= facts["steps"] < 25
    assert facts["planned_steps"] == pytest.approx(facts["steps"], abs=3)


def test_a_fitted_run_goes_on_with_its_own_plan(shards, capsys, monkeypatch):
    how = ("--budget", "100s", "--set", "train.epochs=100000", "--set", "train.batch=64")
    with monkeypatch.context() as patch:
        monkeypatch.setattr(preparation, "measure", lambda *_: lambda batch: (batch / 64, batch / 640))
        Slow(patch, 2.0)
        t.at_step(patch, 12, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert t.train(capsys, shards, *how).code == 130
    monkeypatch.setattr(preparation, "measure", None)   # it is planned once
    sizes, step = [], loop.Trainer._step
    monkeypatch.setattr(loop.Trainer, "_step", lambda self, image, label, lr: (
        sizes.append(len(label)), step(self, image, label, lr=lr)))
    Slow(monkeypatch, 2.0)
    ran = t.train(capsys, shards, *how, "--resume", "--json")
    assert ran.code == 0, ran.err
    assert set(sizes) == {32}
    assert t.last_json(ran.out)["steps"] == 12 + len(sizes)
    assert len(sizes) > 12


def test_a_slow_first_step_costs_that_step_only(shards, capsys, monkeypatch):
    slow, step = Slow(monkeypatch, 0.1), loop.Trainer._step

    def late(run, *batch, lr):
        slow.now += 0.0 if run.state.step else 6.0         # as long again is not left at its end
        step(run, *batch, lr=lr)
    monkeypatch.setattr(loop.Trainer, "_step", late)
    ran = t.train(capsys, shards, "--budget", "15s", "--set", "train.epochs=20", "--json")
    assert t.last_json(ran.out)["steps"] == 80
    assert slow.now == pytest.approx(80 * 0.1 + 6.0)


def test_a_step_takes_as_long_as_the_latest_ones_and_the_first_never_counts(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    clock = Clock(60.0, 0.0, now=lambda: now[0])
    pace = Pace(clock, torch.device("cpu"), RunState())
    pace.begin()
    for number, step in enumerate((0.1, 0.5, 0.1)):          # seconds in three windows of eight steps
        for nth in range(8):
            now[0] += step if number or nth else 3.0
            pace.stepped()
        pace.was_read()
        assert pace.closing.step == pytest.approx(step)
        reserved = clock.budget - clock.deadline()
        assert reserved == pytest.approx(pace.closing.total())
        assert reserved < 2.0
    assert pace.first_step == 3.0
    pace.threads.close()


def test_an_evaluation_that_the_budget_has_no_time_for_is_cut_and_said(shards, capsys, monkeypatch):
    slow, forward = Slow(monkeypatch, 0.1), evaluate.forward

    def slower(*what):
        slow.now += 30.0
        return forward(*what)
    monkeypatch.setattr(evaluate, "forward", slower)
    ran = t.train(capsys, shards, "--budget", "60s", "--set", "train.epochs=1", "--set", "train.batch=8", "--json")
    assert ran.code == 0
    assert "of 8 of 23 val rows" in ran.err      # in batches of 8: the second of three would end late
    assert slow.now < 60


def test_the_first_evaluation_has_the_time_that_it_was_planned_to_take(shards, capsys, monkeypatch):
    """Its steps are slower than was measured, so the run goes on until nothing but what is reserved is left."""
    monkeypatch.setattr(preparation, "measure", lambda *_: lambda batch: (0.0, 3.0))
    slow, forward = Slow(monkeypatch, 4.0), evaluate.forward

    def slower(*what):
        slow.now += 3.0
        return forward(*what)
    monkeypatch.setattr(evaluate, "forward", slower)
    ran = t.train(capsys, shards, "--budget", "60s", "--set", "train.epochs=1", "--set", "train.batch=8", "--json")
    assert ran.code == 0
    assert t.last_json(ran.out)["steps"] > 9
    assert "val rows" not in ran.err             # all of them, in three batches
    assert slow.now < 60


def rows_of_a_slow_run(shards, capsys, *more) -> list[dict]:
    """Of one whose steps were expected to take no time, but whose first of two epochs takes longer than its budget."""
    ran = t.train(capsys, shards, "--budget", "120s", "--set", "train.epochs=2", "--set", "train.batch=8", *more)
    assert "does not fit" not in ran.out
    return t.csv_rows("runs/x/metrics.csv") if ran.code == 0 else []


def test_a_run_that_becomes_slow_looks_at_val_about_five_times(shards, capsys, monkeypatch):
    Slow(monkeypatch, 7.0)
    rows = rows_of_a_slow_run(shards, capsys)
    assert 4 <= len(rows) <= 6
    assert all(0 < float(row["epoch"]) < 1 for row in rows[:-1])
    seconds = [0.0, *(float(row["seconds"]) for row in rows)]
    assert all(later - earlier >= 24.0 for earlier, later in itertools.pairwise(seconds[:-1]))
    with monkeypatch.context() as patch:
        t.at_step(patch, 9, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert not rows_of_a_slow_run(shards, capsys)
    again = rows_of_a_slow_run(shards, capsys, "--resume")
    assert [(row["step"], row["epoch"]) for row in again] == [(row["step"], row["epoch"]) for row in rows]


def test_evaluations_of_a_run_that_becomes_slow_take_a_tenth_of_its_time_at_most():
    for evaluation, pause in ((0.0, 24.0), (2.0, 24.0), (5.0, 50.0), (30.0, 300.0)):
        assert least_pause(evaluation, 120.0) == pause


def test_a_fitted_head_that_training_did_not_improve_is_told():
    head, trained = {"epoch": 0}, {"epoch": 1.0}
    assert "fitted head, which best.pth holds" in kept_notes([head, trained], head)[0]
    assert kept_notes([head, trained], trained) == kept_notes([head], head) == kept_notes([], None) == []


@each("early,kept_by_luck", [(0.625, True), (1.0, False)])
def test_early_weights_that_few_val_rows_chose_are_told(early, kept_by_luck):
    rows = [{"epoch": epoch, "step": 10 * epoch, "val_top1": top1, "val_rows": 8}
            for epoch, top1 in [(1, early), (2, 0.5), (20, 0.5)]]
    notes = kept_notes(rows, rows[0])
    assert ["of epoch 1 of 20" in note and 'train.keep = "last"' in note for note in notes] == [True] * kept_by_luck
    assert kept_notes([*rows[:1], rows[2] | {"step": 15}], rows[0]) == []        # of the second half


@each("val,train,says", [
    (0.26, 0.9, "labels"), (0.26, 0.3, "learned little"),
                          (0.5, 0.52, None), (0.7, 0.99, "memorises"), (0.7, 0.8, None), (float("nan"), 0.9, None)])
def test_what_the_figures_mean_is_said(val, train, says):
    row = {"epoch": 1, "val_top1": val, "val_loss": 1.0, "train_top1": train, "val_rows": 400}
    notes = closing_notes(row, np.array([100, 100, 100, 100]))
    assert [says in note for note in notes] == [True] * (says is not None)
    fitted = closing_notes(row | {"epoch": 0}, np.array([100, 100, 100, 100]))       # has memorised its images anyway
    assert ["the features of this network" in note for note in fitted] == [True] * (val < 0.3)


def test_few_val_rows_prove_little():
    row = {"epoch": 1, "val_top1": 0.5, "val_loss": 1.0, "train_top1": 0.7, "val_rows": 6}
    assert "0.5000 of 6 rows is not clearly better than always guessing" in closing_notes(row, np.array([2, 2, 2]))[0]
    assert "0.3000 is no better than always guessing" in closing_notes(row | {"val_top1": 0.3}, np.array([2, 2, 2]))[0]
