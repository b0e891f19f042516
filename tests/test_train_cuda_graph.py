"""A step that is recorded as a CUDA graph is the same step; where none can be recorded, training goes on without."""

import time

import pytest
import torch
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.recipe import change_recipe
from tenfold.data.shardset import open_set
from tenfold.train.learn import cost, cuda_graph
from tenfold.train.learn.learner import Learner
from tenfold.train.normalise import Normalise

SETS = ("train.ema=0.9", "train.batch=8", "train.clip=1.0")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return open_set(t.written(tmp_path_factory.mktemp("graph") / "set"))


def learner_on(device: str, shards, precision: str = "float32") -> Learner:
    torch.manual_seed(0)
    normalise = Normalise([0.5], [0.25], torch.device(device))
    return Learner(shards, change_recipe(shards.recipe, [*SETS, f"train.precision={precision}"]), normalise)


def test_where_no_graph_can_be_recorded_a_line_says_so(shards, capsys):
    learner = learner_on("cpu", shards)
    example = learner.example(8, shards.row_shape)
    if torch.cuda.is_available():                # a function that waits for the device cannot be recorded
        example = tuple(x if x is None else x.cuda() for x in example)
        learner = learner_on("cuda", shards)
    asked = lambda *batch: learner._compute_gradients(*batch).cpu()  # noqa: E731
    assert cuda_graph.recorded(asked, example, learner.model.parameters()) is asked
    assert capsys.readouterr().out.count("note: no CUDA graph") == 1
    assert all(p.grad is None for p in learner.model.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_after_a_failed_recording_random_numbers_are_drawn_as_before(capsys):
    def dropped(x: torch.Tensor) -> torch.Tensor:
        total = torch.nn.functional.dropout(x).sum()
        total.item()                             # waits for the device, so it cannot be recorded
        return total

    x = torch.ones(1000, device="cuda:0")
    assert cuda_graph.recorded(dropped, (x,), []) is dropped
    assert "note: no CUDA graph" in capsys.readouterr().out
    assert 500 < float(dropped(x)) < 1500


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("steps", "precision"), [(1, "float32"), (20, "float32"), (20, "float16")])
def test_recorded_on_cuda_steps_are_the_same(shards, capsys, steps, precision):
    weights = []
    for record in (False, True):
        learner = learner_on("cuda", shards, precision)
        before = {name: value.clone() for name, value in learner.model.state_dict().items()}
        if record:
            learner.prepare(8, shards.row_shape)
            assert all(torch.equal(value, before[name]) for name, value in learner.model.state_dict().items())
        learner.model.train()
        generator = torch.Generator().manual_seed(1)
        for number in range(steps):
            image = torch.randint(0, 256, (8, *shards.row_shape), dtype=torch.uint8, generator=generator).cuda()
            label = torch.randint(0, len(shards.classes), (8,), generator=generator).cuda()
            learner.step(image, label, learner.numbers(0, number, 8), 0.001, number)
        weights.append({name: value.double() for name, value in learner.model.state_dict().items()})
    assert "note:" not in capsys.readouterr().out
    for name, value in weights[0].items():
        assert torch.allclose(value, weights[1][name], rtol=1e-2, atol=1e-3), name


def test_the_first_call_on_a_card_is_never_timed(monkeypatch):
    """Choosing kernels took longer there than the whole plan: a run of 1,720 steps was told that 18 fit."""
    monkeypatch.setattr(cost, "synchronise", lambda device: None)
    calls = iter([0.3] + 9 * [0.0])
    assert cost._timed(lambda: time.sleep(next(calls)), torch.device("meta"), 0.1) < 0.1


def test_an_evaluation_of_weights_and_their_mean_is_timed_as_one(shards, monkeypatch):
    """Counted for each of the two again, it took the budget for twice as long as it did."""
    learner = learner_on("cpu", shards)
    assert len(learner.networks()) == 2
    made: list[object] = []
    monkeypatch.setattr(cost, "forward", lambda network, *_: made.append(network))
    cost._Work(learner, shards.row_shape, shards.recipe.train)._evaluation(8)()
    assert made == learner.networks()
