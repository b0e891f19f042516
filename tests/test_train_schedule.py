"""Every schedule is a share of the peak, from start to end, without a jump that was not meant."""

import numpy as np
import pytest

from data.recipe import Train
from train.schedule import SCHEDULES, lr_at

T = np.linspace(0, 1, 2001)
EVERY = pytest.mark.parametrize("schedule", SCHEDULES)


def curve(schedule, warmup):
    return np.array([lr_at(t, schedule, warmup) for t in T])


def test_the_recipe_knows_the_same_schedules():
    assert set(Train.__dataclass_fields__["schedule"].metadata["choices"]) == set(SCHEDULES)


@EVERY
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.5, 0.999])
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
@pytest.mark.parametrize("warmup", [0.0, 0.1])
def test_it_has_no_jump(schedule, warmup):
    steps = np.abs(np.diff(curve(schedule, warmup)))
    assert (steps > 0.02).sum() == (2 if schedule == "step" else 0)


@EVERY
def test_after_its_rise_it_never_rises_again(schedule):
    lr = curve(schedule, 0.1)
    assert (np.diff(lr[lr.argmax():]) <= 1e-12).all()


def test_a_warm_up_rises_linearly():
    assert [lr_at(t, "constant", 0.2) for t in (0.05, 0.1, 0.15)] == pytest.approx([0.25, 0.5, 0.75])
