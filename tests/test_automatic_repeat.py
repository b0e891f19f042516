"""The automatic mode can be repeated: by its recipe, and with a plan in steps by the same call on a busy machine."""

from functools import partial
from pathlib import Path

import pytest
import torch
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

import tenfold
from tenfold.automatic import auto, selection
from tenfold.automatic.candidates import Candidate
from tenfold.automatic.choices import Draft
from tenfold.automatic.fit import FitContext, start_draft
from tenfold.train import barrier_sleep
from tenfold.train.cpu_load import Load, LoadMeter
from tenfold.train.run import thread_trial, threads


def small(context: FitContext, name: str, width: int) -> Draft:
    """A draft of a few steps."""
    draft = start_draft(context, name, "stripes")
    draft.choose("clean.channels", 1).choose("draw.canvas", [20, 28]).choose("draw.copies", 2)
    draft.choose("model.name", "convnet").choose("model.widths", [width, 2 * width])
    return draft.choose("train.epochs", 2).choose("train.batch", 32).choose("train.lr", 0.01)


@pytest.fixture
def used(monkeypatch):
    """The numbers of threads that runs ask for, on a machine of two cores whose load they notice at once."""
    for name in threads.COUNT_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    found, counts, change = torch.get_num_threads(), list[int](), torch.set_num_threads
    change(2)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: (counts.append(count), change(count)))
    monkeypatch.setattr(threads, "core_limit", lambda: None)
    for module, values in ((threads, {"BUSY": 1, "STEPS": 1, "SECONDS": 0.0}),
                           (thread_trial, {"WINDOW": 0.0, "WINDOW_STEPS": 1}),
                           (barrier_sleep, {"FIRST": 0.001, "SECONDS": 0.001})):
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)
    yield counts
    change(found)


def let_race(monkeypatch, **widths: int) -> None:
    """Let the candidates be small networks of these names and widths."""
    monkeypatch.setattr(selection, "candidates", lambda *seen: [
        Candidate(name, partial(small, name=name, width=width), 1.0) for name, width in widths.items()])


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "best.pth", weights_only=True)["weights"]


def are_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.slow
def test_the_recipe_makes_the_same_model_again(tmp_path, monkeypatch):
    let_race(monkeypatch, only=4)                # so there is no race, and training begins with random weights
    images = t.folder(tmp_path / "images", images=40)
    made = tenfold.auto(images, budget=20, plan="steps", device="cpu", workers=1)
    shards = tenfold.augment(images, made.recipe, out="shards/again", workers=1)
    again = tenfold.train(shards, made.recipe, out="runs/again", device="cpu")
    assert are_equal(weights(again.out), weights(made.run.out))
    assert tenfold.score(again, shards, device="cpu").top1 == made.score.top1


@pytest.mark.slow
def test_a_plan_in_steps_gives_the_same_trials_beside_other_processes(tmp_path, monkeypatch, used):
    let_race(monkeypatch, a=2, b=4)
    images = t.folder(tmp_path / "images", images=40)

    def made(plan: str, others: float) -> tuple[list, dict, dict]:
        monkeypatch.setattr(LoadMeter, "read", lambda meter: Load(others, others, 2))
        used.clear()
        call = auto.Automatic(images, 20.0, plan=plan, device="cpu", workers=1)
        call.run()
        return call.state.trials, call.state.chosen.settings, weights(call.out)
    trials, settings, trained = made("steps", 0.0)
    assert len(trials) == 2
    again = made("steps", 2.0)
    assert used == []
    assert again[:2] == (trials, settings)
    assert are_equal(again[2], trained)
    made("seconds", 2.0)
    assert used                                  # where time counts, the load is noticed
