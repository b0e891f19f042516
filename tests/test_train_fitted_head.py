"""A head that is fitted at once is the logistic regression on the features, and nothing else of the network changes."""

import itertools
import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import train_helpers as t
from cases import each
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.recipe import recipe_tables
from tenfold.data.shardset import open_set
from tenfold.data.tables import Train
from tenfold.train.learn import fitted_head, head_features, one_pass
from tenfold.train.learn.folds import cross_validation, folds, one_row_each
from tenfold.train.learn.head_features import last_layer
from tenfold.train.learn.logistic import DECAYS, Problem
from tenfold.train.models.build import build_model
from tenfold.train.run.checkpoint import load, restore, with_val_learnt

FITTED = ("--set", "model.head=fitted", "--set", "model.name=resnet", "--set", "model.widths=[4,6]", "--set",
          "train.ema=0.9")
ALONE = (*FITTED, "--set", 'model.freeze=["backbone"]')
PARTLY = (*FITTED, "--set", 'model.freeze=["0","1"]', "--set", "train.epochs=2")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return t.written(tmp_path_factory.mktemp("fitted") / "set", model={"args": {}})


def test_with_a_frozen_backbone_the_head_is_the_regression_and_the_run_ends(shards, capsys):
    exact = (*ALONE, "--set", "train.precision=float32")
    ran = t.train(capsys, shards, *exact)
    assert ran.code == 0, ran.err
    assert "the head was fitted to 153 rows of 6 features" in ran.out
    row, = t.csv_rows("runs/x/metrics.csv")
    assert (row["epoch"], row["step"], row["val_rows"]) == ("0", "0", "23")
    model, _, content = restore("runs/x/best.pth")
    torch.manual_seed(5)
    first = build_model("resnet", {"widths": [4, 6]}, 1, 3, t.CANVAS).state_dict()
    changed = {k for k, v in model.state_dict().items() if not torch.equal(v, first[k])}
    last = last_layer(model)
    assert {id(v) for k, v in model.named_parameters() if k in changed} == {id(last.weight), id(last.bias)}
    assert len(changed) == 2
    assert t.same_weights("runs/x/best.pth", "runs/x/last.pth")
    x, label = features(model, content, shards, "train")
    val, val_label = features(model, content, shards, "val")
    scale, decay = x.std(0), float(ran.out.partition("weight decay ")[2].split()[0])
    decay = min(DECAYS, key=lambda known: abs(known - decay))
    theirs = LogisticRegression(C=1 / (decay * len(x)), tol=1e-8, max_iter=5000).fit((x - x.mean(0)) / scale, label)
    np.testing.assert_allclose(last.weight.detach().numpy() * scale, theirs.coef_, rtol=0.02, atol=0.02)
    logits = torch.from_numpy(val) @ last.weight.detach().T + last.bias.detach()
    loss = F.cross_entropy(logits, torch.from_numpy(val_label)).item()
    assert float(row["val_loss"]) == pytest.approx(loss, rel=1e-3)
    assert t.train(capsys, shards, *exact, "--resume").code == 0
    assert len(t.csv_rows("runs/x/metrics.csv")) == 1


def test_a_refit_learns_val_too_and_its_figures_are_those_before(shards, capsys):
    exact = (*ALONE, "--set", "train.precision=float32")
    assert t.train(capsys, shards, *exact, out="runs/fit").code == 0
    ran = t.train(capsys, shards, *exact, "--set", "train.refit=true", out="runs/refit")
    assert ran.code == 0, ran.err
    assert "then it was fitted to val, too" in ran.out
    (fit,), (refit,) = t.csv_rows("runs/fit/metrics.csv"), t.csv_rows("runs/refit/metrics.csv")
    assert all(fit[name] == refit[name] for name in fit if name.partition("_")[0] in ("val", "train"))
    model, _, content = restore("runs/refit/best.pth")
    (x, label), (val, val_label) = (features(model, content, shards, split) for split in ("train", "val"))
    rows = np.concatenate([shard.sources for shard in open_set(shards).shards("train")])
    often = round(len(rows) / len(set(rows.tolist())))
    both, labels = np.concatenate([x, *[val] * often]), np.concatenate([label, *[val_label] * often])
    decay = min(DECAYS, key=lambda known: abs(known - float(ran.out.partition("weight decay ")[2].split()[0])))
    theirs = LogisticRegression(C=1 / (decay * len(both)), tol=1e-8, max_iter=5000).fit(
        (both - x.mean(0)) / x.std(0), labels)
    np.testing.assert_allclose(last_layer(model).weight.detach().numpy() * x.std(0), theirs.coef_, rtol=0.02, atol=0.02)
    before = load("runs/fit/best.pth")                       # a score must know of them
    assert set(content["trained_on"].tolist()) == {*before["trained_on"].tolist(), *before["chosen_by"].tolist()}
    sizes = before | {"class_counts": {"train": [5, 7], "val": [1, 2], "test": [2, 2]}}
    assert with_val_learnt(sizes)["class_counts"] == {"train": [6, 9], "val": [1, 2], "test": [2, 2]}


class WithoutFloat64(TorchDispatchMode):
    """Raises TypeError where torch makes a tensor of float64, as Apple's MPS does."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        if any(isinstance(one, torch.Tensor) and one.dtype == torch.float64 for one in tree_leaves(made)):
            raise TypeError(f"float64 in {function}")
        return made


@pytest.mark.parametrize("val_rows", [0, 10])
def test_no_step_of_the_regression_needs_float64_which_mps_lacks(val_rows):
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    label = (x[:, 0] > 0).long()
    tables = {"train": (x, label), "val": (x[:val_rows], label[:val_rows])}
    learner = SimpleNamespace(classes=2, class_weights=None)
    with WithoutFloat64():
        assert fitted_head._choose(learner, tables, torch.arange(40), Train(sampling=1.0),
                                   late=lambda: False).train[1] > 0.9


def test_a_head_that_is_late_is_not_fitted_to_val_too(monkeypatch):
    x = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    label = (x[:, 0] > 0).long()
    tables = {"train": (x[:50], label[:50]), "val": (x[50:], label[50:])}
    learner, evaluations = SimpleNamespace(classes=2, class_weights=None), []
    monkeypatch.setattr(fitted_head, "only_last_layer_learns", lambda learner: True)

    def fit(refit: bool, most: float = math.inf):
        evaluations.clear()
        return fitted_head._choose(learner, tables, torch.arange(50), Train(refit=refit),
                                   late=lambda: evaluations.append(1) or len(evaluations) > most)
    fit(False)
    needed = len(evaluations)
    assert fit(True).is_refitted
    assert not fit(True, most=needed - 1).is_refitted


def test_sampling_weighs_the_classes_of_the_regression():
    generator = torch.Generator().manual_seed(0)
    label = torch.tensor([0] * 90 + [1] * 10)
    x = torch.randn(100, 4, generator=generator) + label[:, None] * 0.7
    tables = {"train": (x - x.mean(0), label), "val": (x[:0], label[:0])}

    def fit(sampling, weights=None):
        learner = SimpleNamespace(classes=2, class_weights=weights)
        return fitted_head._choose(learner, tables, torch.zeros(100, dtype=torch.int64), Train(sampling=sampling),
                                   late=lambda: False).weight
    balanced = torch.tensor([0.2, 1.8])
    torch.testing.assert_close(fit(1.0), fit(0.0, balanced), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(fit(1.0), fit(0.0), atol=0.01)


def test_few_lucky_val_rows_do_not_choose_the_weight_decay():
    generator = torch.Generator().manual_seed(0)
    x, label = torch.randn(60, 40, generator=generator), torch.arange(60) % 2        # nothing to be learnt
    learner = SimpleNamespace(classes=2, class_weights=None)
    tables = {"train": (x, label), "val": (x[:6], label[:6])}

    def decay(units):
        return fitted_head._choose(learner, tables, units, Train(), late=lambda: False).decay
    assert decay(torch.arange(60)) == max(DECAYS)
    assert decay(torch.zeros(60, dtype=torch.int64)) == min(DECAYS)      # copies of one source: val alone decides


def test_folds_share_out_each_class_and_judge_a_source_once():
    units = torch.tensor([7, 7, 3, 9, 3, 9, 1])
    assert one_row_each(units).tolist() == [0, 2, 3, 6]
    label = torch.tensor([1, 0, 0, 1, 0, 2, 0, 0, 0, 0])
    fold = folds(label)
    assert fold.tolist() == [0, 0, 1, 1, 2, -1, 3, 4, 0, 1]              # class 2 has one row
    parts = cross_validation(Problem(torch.arange(10.0)[:, None], label, 3))
    assert sorted(row for _, (x, _) in parts for row in x[:, 0].tolist()) == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    for part, (x, _) in parts:
        assert sorted([*part.x[:, 0].tolist(), *x[:, 0].tolist()]) == list(range(10))


def features(model, content, shards, split):
    """What the last layer gets for each row, by nothing of ours but the network: float32 (rows, D), label."""
    image, label = t.pixels(shards, split)
    x = (torch.from_numpy(image).permute(0, 3, 1, 2) / 255 - content["mean"][0]) / content["std"][0]
    got = []
    last_layer(model.eval()).register_forward_pre_hook(lambda _, inputs: got.append(inputs[0].detach().numpy()))
    model(x)
    return got[0], label


@pytest.mark.slow
def test_with_less_frozen_training_goes_on_from_the_head_and_no_best_is_worse(shards, capsys):
    ran = t.train(capsys, shards, *PARTLY, out="runs/alone")
    assert ran.code == 0, ran.err
    rows = t.csv_rows("runs/alone/metrics.csv")
    assert [(row["epoch"], row["step"]) for row in rows] == [("0", "0"), ("1", "4"), ("2", "8")]
    best = load("runs/alone/best.pth")["metrics"]
    assert best["val_top1"] == max(float(row["val_top1"]) for row in rows) >= float(rows[0]["val_top1"])
    for step in (1, 6):
        t.killed_at(step, capsys, shards, *PARTLY)
        ran = t.train(capsys, shards, *PARTLY, "--resume")
        assert ran.code == 0, ran.err
        assert "was fitted" not in ran.out
        assert t.same_weights("runs/x/last.pth", "runs/alone/last.pth")
        assert t.same_weights("runs/x/best.pth", "runs/alone/best.pth")
        assert [{**a, **CLOCK} for a in t.csv_rows("runs/x/metrics.csv")] == [{**a, **CLOCK} for a in rows]


@each("precision", ["float32", "bfloat16", "float16"])
@each("frozen", ["partly", "alone"])
def test_a_head_is_fitted_in_every_precision(shards, capsys, precision, frozen):
    ran = t.train(capsys, shards, *(PARTLY if frozen == "partly" else ALONE), "--set", f"train.precision={precision}")
    assert ran.code == 0, ran.err
    assert "was fitted" in ran.out
    assert frozen == "alone" or "was computed once" in ran.out


CLOCK = dict.fromkeys(("seconds", "images_per_second", "data_wait_fraction"))


def test_a_run_killed_during_the_fit_begins_anew(shards, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(fitted_head, "regularisation_path", lambda *_: t.die())
        with pytest.raises(t.Killed):
            t.train(capsys, shards, *ALONE)
    assert not list(Path("runs/x").glob("*.pth"))
    ran = t.train(capsys, shards, *ALONE, "--resume")
    assert ran.code == 0, ran.err
    assert "was fitted" in ran.out


def test_pictures_that_change_are_trained_on_after_a_fit_to_the_plain_rows(shards, capsys):
    ran = t.train(capsys, shards, *ALONE, "--set", "augment.flip=0.5", "--set", "train.epochs=1")
    assert ran.code == 0, ran.err
    assert [row["step"] for row in t.csv_rows("runs/x/metrics.csv")] == ["0", "4"]


@each(("more", "name", "value", "words"), [
    (("--set", "model.head_widths=[5]"), "_TRIED", 8, "more than one linear layer"),
    ((), "free_device_memory", lambda device: 1000, "more than a third of the free memory"),
    (("--set", "train.precision=float32"), "_TOLERANCE", -1.0, "not linear in what the last layer gets"),
    ((), "pass_in_time", lambda *_: iter(()), "there was time for 0 of 153 training rows, fewer than the 3 classes")])
def test_where_it_cannot_be_fitted_a_line_says_so_and_the_head_is_trained(shards, more, name, value, words, capsys,
                                                                           monkeypatch):
    monkeypatch.setattr(one_pass if name == "free_device_memory" else head_features, name, value)
    ran = t.train(capsys, shards, *ALONE, *more, "--set", "train.epochs=1")
    assert ran.code == 0, ran.err
    assert [words in line for line in ran.out.splitlines() if "is not fitted" in line] == [True]
    assert [row["epoch"] for row in t.csv_rows("runs/x/metrics.csv")] == ["1"]


class Batches:
    """Stands for the clock of a pass, in which each batch takes a second."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(one_pass, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(one_pass, "synchronise", self.done)

    def done(self, device):
        self.now += 1


def passed(way, rows: dict[str, int], seconds: float, batch: int = 1) -> list[tuple[str, list[int]]]:
    """The split and the rows of each batch that is passed, in turn."""
    def source(name):
        for numbers in torch.arange(rows[name]).split(batch) if rows[name] else ():
            yield numbers, numbers
    found = list(way(source, rows, seconds, torch.device("cpu")))
    assert all(x[0] == start for _, start, x, _ in found)
    return [(name, x.tolist()) for name, _, x, _ in found]


def test_a_pass_ends_in_time_with_the_first_rows_of_each_split_and_a_third_of_the_time_for_val(monkeypatch):
    clock = Batches(monkeypatch)
    for train, val, seconds in itertools.product((1, 4, 12), (0, 1, 3, 12), (0.1, 1, 2, 5, 7, 16, 24, 25)):
        clock.now = 0.0
        found = passed(one_pass.pass_in_time, {"train": train, "val": val}, seconds)
        rows = {name: [row for split, (row,) in found if split == name] for name in ("train", "val")}
        assert all(rows[name] == list(range(len(rows[name]))) for name in rows)
        assert found[0] == ("train", [0])
        assert bool(rows["val"]) == bool(val)
        assert clock.now == len(found) == min(train + val, max(seconds, 1 + bool(val)))
        third = [split for split, _ in found[1:]].index("train") if len(rows["train"]) > 1 else 0
        assert third <= max(1, math.ceil((seconds - 1) / 3))
    clock.now, rows = 0.0, {"train": 9, "val": 17}
    found = passed(one_pass.pass_in_time, rows, 8.5, batch=4)         # its last batch begins after 7 seconds
    assert [name for name, _ in found] == 1 * ["train"] + 3 * ["val"] + 2 * ["train"] + 2 * ["val"]
    assert sorted(found) == sorted(passed(one_pass.one_pass, rows, 1e9, batch=4))


def accuracy(run, shards) -> float:
    """The share of the training rows of a set that a run's best model knows."""
    model, _, content = restore(f"{run}/best.pth")
    image, label = t.pixels(shards, "train")
    x = (torch.from_numpy(image).permute(0, 3, 1, 2) / 255 - content["mean"][0]) / content["std"][0]
    return float((model.eval()(x).argmax(1).numpy() == label).mean())


def test_what_a_pass_had_no_time_for_is_left_out_of_the_fit_and_the_figures_say_so(shards, capsys, monkeypatch):
    given = []

    def in_time(source, rows, seconds, device):
        given.append(seconds)
        return one_pass.pass_in_time(source, rows, 4.5, device)
    Batches(monkeypatch)
    monkeypatch.setattr(head_features, "pass_in_time", in_time)
    ran = t.train(capsys, shards, *ALONE)
    assert ran.code == 0, ran.err
    assert "the head was fitted to 24 of 153 rows (what the time allowed) of 6 features" in ran.out
    assert " by 16 of 23 rows of val (" in ran.out
    assert "note: val top-1 is that of 16 of 23 val rows" in ran.out
    row, = t.csv_rows("runs/x/metrics.csv")
    assert row["val_rows"] == "16"
    assert accuracy("runs/x", shards) > 0.8
    assert 600 / 2 < given[0] < 600 / 1.5        # the regression may take half as long again


def test_a_head_gets_the_time_that_features_would_have_had(shards, capsys, monkeypatch):
    given = []

    def in_time(source, rows, seconds, device):
        given.append(seconds)
        return one_pass.pass_in_time(source, rows, seconds, device)

    def late(*_):
        raise one_pass.NoTimeError("it is late")
        yield
    monkeypatch.setattr(head_features, "pass_in_time", in_time)
    for patched in (False, True):
        if patched:
            monkeypatch.setattr("tenfold.train.learn.features.one_pass", late)
        assert t.train(capsys, shards, *PARTLY).code == 0
    assert 0.09 < given[0] / 600 <= 0.1
    assert 0.5 < given[1] / 600 <= 0.6


def test_without_val_the_penalty_is_chosen_on_train(tmp_path, capsys):
    shards = t.written(tmp_path / "set", {"val": ()}, model={"args": {}})
    ran = t.train(capsys, shards, *ALONE)
    assert ran.code == 0, ran.err
    assert re.search(r"weight decay [\d.]+ by cross-validation on train\n", ran.out)
    assert t.csv_rows("runs/x/metrics.csv")[0]["val_top1"] == "nan"


def test_without_memory_for_cross_validation_the_penalty_is_the_usual_one(tmp_path, capsys, monkeypatch):
    shards = t.written(tmp_path / "set", {"val": ()}, model={"args": {}})
    monkeypatch.setattr(fitted_head, "free_device_memory", lambda _: 4 * 6 * 153 * 3)
    monkeypatch.setattr(fitted_head, "_COPIES", 1000)
    ran = t.train(capsys, shards, *ALONE)
    assert ran.code == 0, ran.err
    assert re.search(r"weight decay 0\.1\n", ran.out)


def test_the_key_is_a_recipes():
    from tenfold.data.recipe import make_recipe
    assert make_recipe(t.tables()).model.head == "random"
    assert recipe_tables(make_recipe(t.tables(model={"head": "fitted"})))["model"]["head"] == "fitted"


def test_the_first_step_sees_what_the_head_was_fitted_to(shards, capsys):
    """Batch normalisation of weights that were given keeps its statistics, also in a run that is resumed."""
    assert t.train(capsys, shards, *PARTLY, "--set", "model.head=random", out="runs/begin").code == 0
    how = (*PARTLY, "--set", "model.weights=runs/begin/best.pth")
    assert t.train(capsys, shards, *how).code == 0
    before, after = t.weights("runs/begin/best.pth"), t.weights("runs/x/last.pth")
    means = [name for name in before if name.endswith(("running_mean", "running_var"))]
    assert means
    assert all(torch.equal(before[name], after[name]) for name in means)
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert t.train(capsys, shards, *how, "--set", "model.head=random", out="runs/y").code == 0
    assert any(not torch.equal(before[name], t.weights("runs/y/last.pth")[name]) for name in means)
