"""Every schedule is a share of the peak, from start to end, without a jump that was not meant."""

import numpy as np
import pytest
import torch
from cases import each

from tenfold.data.errors import RecipeFault
from tenfold.data.recipe import make_recipe
from tenfold.data.tables import Train
from tenfold.train.learn.schedule import SCHEDULES, lr_at

T = np.linspace(0, 1, 2001)
EVERY = each("schedule", SCHEDULES)


def curve(schedule, warmup):
    return np.array([lr_at(t, Train(schedule=schedule, warmup=warmup)) for t in T])


def test_the_recipe_knows_the_same_schedules():
    assert set(Train.__dataclass_fields__["schedule"].metadata["choices"]) == set(SCHEDULES)


@EVERY
@each("warmup", [0.0, 0.05, 0.5, 0.999])
def test_it_is_a_share(schedule, warmup):
    lr = curve(schedule, warmup)
    assert (lr >= 0).all()
    assert (lr <= 1).all()
    assert np.isfinite(lr).all()
    assert lr[0] > 0 or schedule == "linear"     # the first step is not wasted


@EVERY
def test_it_reaches_the_peak(schedule):
    assert curve(schedule, 0.1).max() == pytest.approx(1, abs=0.01) or schedule == "onecycle"
    assert curve(schedule, 0.0).max() == pytest.approx(1, abs=0.01)


@EVERY
def test_it_ends_low(schedule):
    end = curve(schedule, 0.05)[-1]
    assert end == 1 if schedule == "constant" else end <= 0.0101


@EVERY
@each("warmup", [0.0, 0.1])
def test_it_has_no_jump(schedule, warmup):
    steps = np.abs(np.diff(curve(schedule, warmup)))
    assert (steps > 0.02).sum() == (2 if schedule == "step" else 0)


@EVERY
def test_after_its_rise_it_never_rises_again(schedule):
    lr = curve(schedule, 0.1)
    assert (np.diff(lr[lr.argmax():]) <= 1e-12).all()


def test_a_warm_up_rises_linearly():
    how = Train(schedule="constant", warmup=0.2)
    assert [lr_at(t, how) for t in (0.05, 0.1, 0.15)] == pytest.approx([0.25, 0.5, 0.75])


def torchs(make, epochs: int) -> list[float]:
    """The learning rate that a scheduler of torch's gives each epoch, of a peak of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, rates = make(optimizer), []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@each("epochs_and_marks", [(120, {60: 0.1, 90: 0.1}), (20, {5: 0.5, 10: 0.1}), (15, {5: 0.3})],
      ids=str)
@each("batches", [1, 7, 391])
def test_steps_fall_where_torchs_do(epochs_and_marks, batches):
    """At the first and at the last step of each epoch, for the schedules of the fifth and second projects."""
    epochs, marks = epochs_and_marks
    expected = torchs(lambda o: torch.optim.lr_scheduler.LambdaLR(
        o, lambda e: np.prod([f for at, f in marks.items() if e >= at])), epochs)
    how = Train(schedule="step", warmup=0.0, steps=tuple((at / epochs, f) for at, f in marks.items()))
    for within in (0, batches - 1):
        got = [lr_at((e * batches + within) / (epochs * batches), how) for e in range(epochs)]
        assert got == pytest.approx(expected)


def test_a_factor_an_epoch_is_an_exponential_to_its_power():
    expected = torchs(lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.95), 33)
    how = Train(schedule="exponential", warmup=0.0, final=0.95 ** 33)
    assert [lr_at(e / 33, how) for e in range(33)] == pytest.approx(expected)


def test_the_cosine_is_torchs():
    expected = torchs(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 50), 50)
    assert [lr_at(e / 50, Train(schedule="cosine", warmup=0.0)) for e in range(50)] == pytest.approx(expected)


@each("steps", [[[0.75, 0.1], [0.5, 0.1]], [[1.5, 0.1]], [[0.5, -1]], [[0.5, float("nan")]],
                [0.5, 0.1], [[0.5]], "half"], ids=str)
def test_steps_that_make_no_sense_are_refused(steps):
    with pytest.raises(RecipeFault, match="steps"):
        make_recipe({"draw": {"canvas": [8, 8], "copies": 1}, "model": {"name": "resnet"}, "train": {"steps": steps}})
