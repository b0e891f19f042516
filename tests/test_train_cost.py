"""What a step will take is known before the run, from a few calls that take a small share of its time."""

import time
from types import SimpleNamespace

import pytest
import torch
from cases import each

from tenfold.data.tables import Train
from tenfold.train.learn import cost

FIRST, FIXED, COLD = 3.0, 0.3, 0.4      # seconds of the very first call, and more than others of the first of a size


class Fake:
    """A learner on a processor whose steps take FIXED + each · rows seconds of a clock of their own, the first of a
    size more; a pass without gradients takes a third."""

    def __init__(self, monkeypatch, each: float):
        self.now, self._each, self._seen = 0.0, each, set[tuple[str, int]]()
        self.model = torch.nn.Linear(1, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters())
        self.normalise = SimpleNamespace(device=torch.device("cpu"))
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(cost, "forward", lambda network, image, *_: self._work("forward", len(image)))

    def step_seconds(self, rows: int) -> float:
        return FIXED + self._each * rows

    def networks(self):
        return [self.model]

    def example(self, rows, row_shape):
        return torch.zeros(rows, *row_shape), None, None

    def gradients(self, image, *_):
        self._work("step", len(image))

    def _work(self, kind: str, rows: int) -> None:
        seconds = self.step_seconds(rows) / (1 if kind == "step" else 3)
        if (kind, rows) not in self._seen:
            seconds *= 1 + COLD
        self.now += seconds + (0 if self._seen else FIRST)
        self._seen.add((kind, rows))


@each("left", [20.0, 60.0, 600.0])
@each("seconds_a_row", [1e-4, 0.01, 0.05])
@each("rows", [32, 256])
def test_the_seconds_of_a_step_are_known_within_a_fifth(monkeypatch, left, seconds_a_row, rows):
    fake = Fake(monkeypatch, seconds_a_row)
    seconds = cost.measure(fake, rows, (2, 3, 1), Train(), limit=0.03 * left)
    for asked in (rows, rows // 2):
        assert seconds(asked) == pytest.approx((fake.step_seconds(asked), fake.step_seconds(asked) / 3), rel=0.2)


@each("left", [0.5, 3.0, 20.0, 600.0])
@each("seconds_a_row", [1e-4, 0.01, 1.0])
def test_to_know_it_takes_a_small_share_of_the_seconds_that_are_left(monkeypatch, left, seconds_a_row):
    fake = Fake(monkeypatch, seconds_a_row)
    cost.measure(fake, 256, (2, 3, 1), Train(), limit=0.03 * left)
    smallest = 2 * (2 + COLD) * fake.step_seconds(2)         # which nothing can be known without
    assert fake.now - FIRST < 0.2 * left + smallest
