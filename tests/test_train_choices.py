"""Whole runs with everything switched on: they resume to the bit, stop early, and weigh classes."""

import math
import os
import signal
from dataclasses import asdict

import numpy as np
import pytest
import torch
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.shardset import open_set
from tenfold.data.tables import Augment, Train
from tenfold.train.learn.loss import class_weights
from tenfold.train.run import validation
from tenfold.train.run.checkpoint import load
from tenfold.train.run.state import RunState

EVERYTHING = {"augment": {"crop": 3, "flip": 0.5, "rotation": 10, "translate": 0.1, "scale": [0.8, 1.2], "blur": 0.5,
                          "brightness": 0.2, "contrast": 0.3, "erase": 0.5, "cutmix": 0.4, "mixup": 0.3},
              "train": {"sampling": 0.7, "class_weights": "effective", "label_smoothing": 0.1, "clip": 1.0,
                        "optimizer": "muon", "backbone_lr": 0.5, "ema": 0.7, "schedule": "step",
                        "steps": [[0.5, 0.5]], "patience": 50}}
SETS = [part for table, keys in EVERYTHING.items() for key, value in keys.items()
        for part in ("--set", f"{table}.{key}={value}")] + ["--set", "model.dropout=0.3"]
STEPS = 12


@pytest.fixture(scope="module")
def alone(shards, tmp_path_factory):
    return t.undisturbed(shards, tmp_path_factory.mktemp("alone"), *SETS, "--set", "train.engine=memory")


def test_everything_is_really_on():
    known = set(Augment.__dataclass_fields__) - {"border", "blur_sigma", "erase_area", "cutmix_alpha", "mixup_alpha"}
    assert set(EVERYTHING["augment"]) == known
    assert {"sampling", "class_weights", "clip", "patience", "backbone_lr"} < set(Train.__dataclass_fields__)


@pytest.mark.parametrize(("step", "engine"), [
    (6, "threads"), (6, "dataloader"), *(pytest.param(*case, marks=pytest.mark.slow) for case in (
        (1, "memory"), (8, "memory"), (1, "threads"), (6, "memory"), (8, "threads")))])
def test_with_everything_on_a_run_resumes_to_the_bit(shards, alone, capsys, monkeypatch, step, engine):
    how = (*SETS, "--set", f"train.engine={engine}", "--set", f"train.workers={0 if engine == 'dataloader' else 4}")
    with monkeypatch.context() as patch:
        t.at_step(patch, step, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert t.train(capsys, shards, *how).code == 130
    torch.manual_seed(99)
    assert t.train(capsys, shards, *how, "--resume").code == 0
    assert load("runs/x/last.pth")["position"]["step"] == STEPS
    assert t.same_weights("runs/x/last.pth", alone / "last.pth")
    assert t.same_weights("runs/x/best.pth", alone / "best.pth")


def test_with_everything_off_no_bit_is_another(shards, capsys, monkeypatch):
    """As if none of it had been written: no call, no generator, the loss of torch."""
    monkeypatch.setattr("tenfold.train.augment.sample.Augment.__init__", None)
    monkeypatch.setattr("tenfold.train.batches.Sampling", None)
    monkeypatch.setattr("tenfold.train.learn.learner.clip_gradients", None)
    assert t.train(capsys, shards).code == 0


def test_another_augmentation_is_not_resumed(shards, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        t.at_step(patch, 2, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert t.train(capsys, shards, "--set", "augment.flip=0.5").code == 130
    line = t.one_line(t.train(capsys, shards, "--resume"))
    assert "augment.flip" in line


def evaluations(monkeypatch, top1):
    """The run sees these val top-1s, one an epoch."""
    left = iter(top1)
    monkeypatch.setattr(validation, "loss_and_top1", lambda *a: (1.0, next(left)))


@pytest.mark.parametrize(("patience", "epochs"), [
    (0, 8), (2, 6), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((1, 3), (3, 7), (20, 8)))])
def test_it_ends_after_so_many_epochs_without_a_better_val(shards, capsys, monkeypatch, patience, epochs):
    evaluations(monkeypatch, [0.5, 0.6, 0.6, 0.7, 0.1, 0.2, 0.3, 0.4])
    ran = t.train(capsys, shards, "--json", "--set", "train.epochs=8", "--set", f"train.patience={patience}")
    assert ran.code == 0
    assert t.last_json(ran.out)["epochs"] == epochs
    position = load("runs/x/last.pth")["position"]
    assert position["done"]
    assert position["best_epoch"] == (4 if epochs > 3 else 2)
    assert load("runs/x/best.pth")["metrics"]["epoch"] == position["best_epoch"]
    assert ("train.patience" in ran.err + ran.out) == (epochs < 8)


@pytest.mark.parametrize(("keep", "evaluated", "kept"), [
    ("best", [(0.5, 100), (0.6, 100), (0.55, 100), (0.6, 100)], [1, 1, 0, 0]),
    ("last", [(0.5, 100), (0.6, 100), (0.55, 100), (0.6, 100)], [1, 1, 1, 1]),
    ("last", [(0.5, 100), (0.9, 100), (0.6, 100), (0.88, 100)], [1, 1, 0, 1]),
    ("last", [(0.9, 100), (0.86, 100), (0.82, 100)], [1, 1, 0]),     # a slow decline is one from the highest
    ("last", [(0.9, 10_000), (0.88, 10_000)], [1, 0]),
    ("best", [(0.9, 1000), (1.0, 8), (0.91, 1000)], [1, 0, 1]),      # too few rows to be better
    ("best", [(0.1, 1000), (1.0, 8)], [1, 1]),
    ("best", [(math.nan, 0), (math.nan, 0)], [1, 1])])
def test_which_weights_become_those_of_best(keep, evaluated, kept):
    state = RunState()
    assert [state.add({"val_top1": top1, "val_loss": 1.0, "val_rows": rows}, keep) for top1, rows in evaluated] == kept


@pytest.mark.parametrize(("keep", "top1", "best"), [("best", [0.5, 0.5, 0.4], 1), ("last", [0.5, 0.5, 0.5], 3),
                                                    ("best", [math.nan] * 3, 3)])
def test_the_best_row_is_that_of_the_kept_weights_also_after_a_resume(keep, top1, best):
    state, again = RunState(), RunState()
    for state.epoch, share in enumerate(top1, 1):
        state.add({"epoch": state.epoch, "val_top1": share, "train_top1": 0.5, "val_loss": share,
                   "val_rows": 0 if math.isnan(share) else 100}, keep)
    again.restore(copied(asdict(state)))
    assert state.best_row["epoch"] == again.best_row["epoch"] == best


def copied(value):
    """The value as it comes from a file: no NaN is the same object as another."""
    if isinstance(value, dict):
        return {key: copied(each) for key, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else float(str(value)) if isinstance(
        value, float) else value


def test_patience_counts_evaluations_where_they_are_rarer_than_epochs():
    state, since = RunState(), []
    for top1 in (0.5, 0.4, 0.5, 0.6, 0.6):
        state.add({"val_top1": top1, "val_loss": 1.0, "val_rows": 100})
        since.append(state.since_best())
    assert since == [0, 1, 2, 0, 1]


def test_the_last_weights_are_kept_if_a_recipe_says_so(shards, capsys, monkeypatch):
    evaluations(monkeypatch, [0.5, 0.7, 0.6])
    ran = t.train(capsys, shards, "--json", "--set", "train.epochs=3", "--set", "train.keep=last")
    assert t.last_json(ran.out)["val_top1"] == load("runs/x/best.pth")["metrics"]["val_top1"] == 0.6
    patient = ("--set", "train.keep=last", "--set", "train.patience=2")
    assert "patience = 0" in t.one_line(t.train(capsys, shards, *patient))


def test_a_resumed_run_has_the_same_patience(shards, capsys, monkeypatch):
    how = ("--set", "train.epochs=8", "--set", "train.patience=3")
    with monkeypatch.context() as patch:
        evaluations(patch, [0.5, 0.4, 0.4])
        t.at_step(patch, 11, lambda: os.kill(os.getpid(), signal.SIGINT))    # in the third epoch
        assert t.train(capsys, shards, *how).code == 130
    evaluations(monkeypatch, [0.3, 0.3, 0.3])
    assert t.train(capsys, shards, *how, "--resume").code == 0
    assert len(load("runs/x/last.pth")["position"]["history"]) == 4
    assert t.train(capsys, shards, *how, "--resume").code == 0               # ended is ended
    assert len(load("runs/x/last.pth")["position"]["history"]) == 4


def test_class_weights(tmp_path, monkeypatch):
    shards = open_set(t.written(tmp_path / "set", classes=("a", "b", "c", "d")))
    counts = np.array([10, 100, 0, 50])
    labels = t.pixels(shards.folder, "train")[1]
    assert shards.class_counts("train").tolist() == np.bincount(labels, minlength=4).tolist()
    monkeypatch.setitem(shards.index, "class_counts", {"train": counts.tolist()})        # images, whatever their copies
    cpu = torch.device("cpu")
    assert class_weights(shards, "none", cpu) is None
    balanced, effective = (class_weights(shards, kind, cpu) for kind in ("balanced", "effective"))
    assert balanced[2] == effective[2] == 0      # nothing to learn of it
    assert balanced.sum().item() == pytest.approx(3)
    assert (balanced[0] / balanced[1]).item() == pytest.approx(10)
    expected = (1 - 0.999 ** 100) / (1 - 0.999 ** 10)
    assert (effective[0] / effective[1]).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_a_net_that_learns_with_all_of_it_still_learns(tmp_path, capsys):
    """Stripes that a child could tell apart; of directions, so that no image is mirrored."""
    shards = t.written(tmp_path / "set", {"train": (600,), "val": (60,)})
    gentle = ("augment.crop=2", "augment.rotation=5", "augment.blur=0.3", "augment.erase=0.2", "augment.cutmix=0.3",
              "augment.mixup=0.2", "train.sampling=1", "train.class_weights=balanced", "train.epochs=6")
    ran = t.train(capsys, shards, "--json", *[part for s in gentle for part in ("--set", s)])
    assert ran.code == 0, ran.err
    assert t.last_json(ran.out)["val_top1"] > 0.9
