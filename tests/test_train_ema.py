"""The mean of the weights forgets the first ones, also in a short run, and the better weights are kept."""

import pytest
import torch
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.train.learn.ema import EMA, decay_at
from tenfold.train.run.checkpoint import load


@pytest.mark.parametrize(("steps", "decay"), [(40, 0.98), (500, 0.999), (300, 0.9999)])
def test_after_a_short_run_hardly_anything_is_left_of_the_first_weights(steps, decay):
    model = torch.nn.Linear(1, 1, bias=False)
    ema = EMA(model, decay)
    for step in range(steps):
        model.weight.data.fill_(1.0 if step < steps // 10 else 0.0)
        ema.update(step)
    assert ema.module.weight.item() < 1e-3       # with the decay alone 0.48, 0.64, 0.97


def test_in_a_long_run_it_is_the_decay_of_the_recipe():
    assert decay_at(440, 0.98) == 0.98
    assert decay_at(10_000, 0.999) == 0.999


def test_without_a_decay_it_is_the_model_itself():
    model = torch.nn.Linear(1, 1)
    assert EMA(model, 0.0).module is model


@pytest.mark.parametrize(("spoilt", "kept"), [("_now", "average"), ("_mean", "weights")])
def test_the_better_of_mean_and_last_weights_is_kept(tmp_path, capsys, monkeypatch, spoilt, kept):
    update = EMA.update

    def spoiling(self, step):
        update(self, step)
        for values in getattr(self, spoilt) if step == 15 else ():     # the last one
            values.zero_()
    monkeypatch.setattr(EMA, "update", spoiling)
    shards = t.written(tmp_path / "set", {"train": (256,)})
    how = [word for key in ("ema=0.9", "epochs=1", "batch=16") for word in ("--set", f"train.{key}")]
    assert t.train(capsys, shards, *how).code == 0
    best, last = load("runs/x/best.pth"), load("runs/x/last.pth")
    assert best["metrics"]["val_top1"] > 0.7
    assert all(torch.equal(value, last[kept][name]) for name, value in best["weights"].items())
