"""In float16 the loss is scaled, a step that overflows is left out, and the scale is resumed."""

import math
import os
import signal

import pytest
import torch
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.tables import Train
from tenfold.train.learn.optimizer import clip_gradients, make_optimizer
from tenfold.train.learn.scaling import ScaledSteps
from tenfold.train.models.build import build_model
from tenfold.train.run.checkpoint import load

CPU, OPTIMIZERS = torch.device("cpu"), ("adam", "adamw", "sgd", "muon")


def learning(name: str, precision: str):
    torch.manual_seed(1)
    model = build_model("convnet", {"widths": [4, 4, 4]}, 1, 3, t.CANVAS)
    optimizer = make_optimizer(model, Train(optimizer=name, lr=0.01, precision=precision))
    return model, optimizer, ScaledSteps(model, optimizer, CPU, precision)


def step(model, scaled, factor=1.0, clip=0.0) -> dict:
    x = torch.linspace(-1, 1, 4 * math.prod(t.CANVAS)).view(4, 1, *t.CANVAS)
    scaled.backward(factor * model(x).square().mean())
    if clip:
        scaled.unscale()
        clip_gradients(model, clip)
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    scaled.step()
    assert all(p.grad is None for p in model.parameters())
    return gradients


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("clip", [0.0, 0.01])
def test_scaling_changes_no_step(name, clip):
    """Nothing is computed in float16 here, and the scale is a power of two: but for rounding, steps are the same."""
    after = {}
    for precision in ("float32", "float16"):
        model, _, scaled = learning(name, precision)
        for _ in range(3):
            gradients = step(model, scaled, clip=clip)
        if clip:                                 # by their own length, not by the scaled one
            length = torch.cat([g.flatten() for g in gradients.values()]).norm().item()
            assert length == pytest.approx(clip, rel=1e-3)
        after[precision] = model.state_dict()
    for key, value in after["float32"].items():
        torch.testing.assert_close(after["float16"][key], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_that_overflows_is_left_out_and_the_scale_halved(name):
    model, _, scaled = learning(name, "float16")
    step(model, scaled)
    before, scale = {k: p.clone() for k, p in model.named_parameters()}, scaled.state_dict()["scale"]
    step(model, scaled, factor=math.inf)
    assert all(torch.equal(p, before[k]) for k, p in model.named_parameters())
    assert scaled.state_dict()["scale"] == scale / 2
    step(model, scaled)
    assert not all(torch.equal(p, before[k]) for k, p in model.named_parameters())


def test_only_muon_waits_in_a_step(monkeypatch):
    """To read a number from the device is to wait for it."""
    reads = []
    item = torch.Tensor.item
    for name in OPTIMIZERS:
        model, _, scaled = learning(name, "float16")
        step(model, scaled)
        with monkeypatch.context() as patch:
            patch.setattr(torch.Tensor, "item", lambda self, name=name: (reads.append(name), item(self))[1])
            step(model, scaled)
    assert set(reads) == {"muon"}


def test_elsewhere_nothing_is_scaled():
    for precision in ("float32", "bfloat16"):
        model, _, scaled = learning("adamw", precision)
        step(model, scaled)
        assert scaled.state_dict() == {}
        scaled.load_state_dict({"scale": 8.0})   # of a run on a card: not needed here


def test_a_run_in_float16_resumes_exactly(tmp_path, capsys, monkeypatch):
    shards = t.written(tmp_path / "set", {"train": (64,), "val": (4,), "test": (4,)})
    how = [word for key in ("train.precision=float16", "train.clip=1", "train.batch=8", "train.epochs=1",
                            "model.widths=[4]") for word in ("--set", key)]
    assert t.train(capsys, shards, *how, out="runs/alone").code == 0
    with monkeypatch.context() as patch:
        t.at_step(patch, 5, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert t.train(capsys, shards, *how).code == 130
    assert t.train(capsys, shards, *how, "--resume").code == 0
    assert t.same_weights("runs/x/last.pth", "runs/alone/last.pth")
    resumed, alone = (load(f"runs/{name}/last.pth")["scaler"] for name in ("x", "alone"))
    assert resumed == alone
    assert resumed["_growth_tracker"] > 0
