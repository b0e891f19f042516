"""Evaluation sees every row once, in order, and changes nothing; pixels are normalised as was said."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import train_helpers as t
from cases import each

from tenfold.data.errors import MachineFault
from tenfold.data.shardset import open_set
from tenfold.data.tables import Train
from tenfold.train import precision as precision_module
from tenfold.train.batches import open_batches
from tenfold.train.device import choose_device
from tenfold.train.learn.optimizer import make_optimizer
from tenfold.train.models.build import build_model
from tenfold.train.normalise import Normalise
from tenfold.train.precision import autocast
from tenfold.train.run.validation import validate
from tenfold.train.score.evaluate import evaluate, fit_temperature, loss_and_top1

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return open_set(t.written(tmp_path_factory.mktemp("evaluate") / "set", channels=3))


@pytest.mark.parametrize("engine", ["memory", "threads"])
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_it_sees_every_row_once_and_in_order(shards, engine, batch):
    model = build_model("convnet", {"widths": [4]}, 3, 3, t.CANVAS)
    model(torch.randn(8, 3, *t.CANVAS))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    normalise = Normalise([0.5, 0.4, 0.3], [0.2, 0.3, 0.4], CPU)
    batches = open_batches(shards, "train", Train(batch=batch, engine=engine), 0, CPU, shuffle=False)
    logits, labels = evaluate(model, batches, normalise, "float32")
    image, label = t.pixels(shards.folder, "train")
    with torch.no_grad():
        expected = model.eval()(normalise(torch.from_numpy(image)))
    assert labels.tolist() == label.tolist()
    assert torch.allclose(logits, expected, atol=1e-4)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    batches.close()


class Timed:
    """A split of single rows, each of which takes some seconds of a clock of its own."""
    order = SimpleNamespace(sizes=[1])

    def __init__(self, monkeypatch, seconds: list[float]):
        self.now, self._seconds = 0.0, seconds
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def epoch(self, number: int):
        for seconds in self._seconds:
            self.now += seconds
            yield torch.ones(1, 1, 1, 1, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64)

    def late(self, end: float):
        return lambda more: self.now + more > end


PLAIN = Normalise([0.5], [0.2], CPU)


@each("end,rows", [(0.5, 1), (5.9, 1), (6.0, 2), (6.9, 2), (7.0, 3), (8.9, 3), (9.0, 4), (99.0, 4)])
def test_no_batch_is_begun_that_would_end_late_if_it_took_as_long_as_the_slowest(monkeypatch, end, rows):
    split = Timed(monkeypatch, [3.0, 1.0, 2.0, 2.0])
    assert len(evaluate(torch.nn.Flatten(), split, PLAIN, "float32", late=split.late(end))[1]) == rows
    assert split.now <= max(end, 3.0)            # but one batch is evaluated whatever it takes


@each("end,seconds", [(15.0, 8.0), (17.0, 16.0)])
def test_a_second_network_is_not_begun_that_could_not_be_evaluated_on_as_many_rows(monkeypatch, end, seconds):
    split, networks = Timed(monkeypatch, [1.0, 3.0, 2.0, 2.0]), [torch.nn.Flatten(), torch.nn.Flatten()]
    learner = SimpleNamespace(networks=lambda: networks, normalise=PLAIN)
    assert validate(learner, split, "float32", 0, split.late(end)).rows == 4
    assert split.now == seconds


def test_loss_and_top1_by_hand():
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 0.5]])
    loss, top1 = loss_and_top1(logits, torch.tensor([0, 1, 1, 1]))
    parts = [np.log(np.exp(row).sum()) - row[k] for row, k in zip(logits.numpy(), [0, 1, 1, 1], strict=True)]
    assert loss == pytest.approx(np.mean(parts), rel=1e-5)
    assert top1 == 0.75


def test_a_temperature_makes_probabilities_as_sure_as_they_are_right():
    honest = torch.randn(4000, 5, generator=torch.Generator().manual_seed(0)).double() * 2
    labels = honest.softmax(1).multinomial(1, generator=torch.Generator().manual_seed(1))[:, 0]
    for times in (0.4, 1.0, 3.0):
        assert fit_temperature(honest * times, labels) == pytest.approx(times, rel=0.08)
    sure, right = torch.eye(2)[[0, 1, 0]], torch.tensor([0, 1, 0])
    assert 0.3 < fit_temperature(sure, right) < 1            # three rows, all of them right, say little
    assert fit_temperature(sure.repeat(99, 1), right.repeat(99)) == pytest.approx(0.25)
    assert fit_temperature(sure[:0], right[:0]) == fit_temperature(sure / 0, right) == 1


def test_normalised_pixels_have_no_mean_and_one_deviation(shards):
    image, _ = t.pixels(shards.folder, "train")
    shares = image.reshape(-1, 3) / 255
    x = Normalise(shares.mean(0).tolist(), shares.std(0).tolist(), CPU)(torch.from_numpy(image))
    assert x.shape == (len(image), 3, *t.CANVAS)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert x.mean((0, 2, 3)).abs().max() < 1e-3
    assert (x.std((0, 2, 3)) - 1).abs().max() < 1e-3
    assert Normalise([0.5], [0.0], CPU)(torch.full((1, 2, 2, 1), 128, dtype=torch.uint8)).isfinite().all()


@pytest.mark.parametrize(("precision", "dtype"), [
    ("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16)])
def test_precision_is_as_asked(precision, dtype):
    with autocast(CPU, precision):
        assert torch.nn.Linear(2, 2)(torch.zeros(1, 2)).dtype == dtype


@pytest.mark.parametrize(("has", "maker", "gains"), [
    ({"avx512_bf16"}, "AuthenticAMD", True), ({"avx512_bf16"}, "GenuineIntel", False), (set(), "AuthenticAMD", False),
    ({"avx512_bf16", "amx_tile"}, "GenuineIntel", True)])
def test_a_processor_computes_in_bfloat16_where_that_is_faster(has, maker, gains, monkeypatch):
    for name in ("avx512_bf16", "amx_tile"):
        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", lambda name=name: name in has, raising=False)
    monkeypatch.setattr(precision_module, "_cpu_facts", lambda: f"vendor_id : {maker}")
    assert precision_module._fastest_dtype.__wrapped__(CPU) == (torch.bfloat16 if gains else torch.float32)


@pytest.mark.parametrize(("capability", "dtype"), [
    ((9, 0), torch.bfloat16), ((8, 0), torch.bfloat16), ((7, 5), torch.float16), ((7, 0), torch.float16),
    ((6, 1), torch.float32)], ids=str)
def test_a_card_computes_in_the_type_that_it_has_kernels_for(capability, dtype, monkeypatch):
    """The card in use is asked, not the first one, which is another kind here."""
    capabilities, current = {0: (9, 0) if dtype != torch.bfloat16 else (6, 1), 1: capability}, [0]

    class Current:
        def __init__(self, device):
            self.index = device.index

        def __enter__(self):
            current.append(self.index)

        def __exit__(self, *error):
            current.pop()
    monkeypatch.setattr(torch.cuda, "device", Current)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: (
        including_emulation or capabilities[current[-1]] >= (8, 0)))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capabilities[device.index])
    assert precision_module._fastest_dtype.__wrapped__(torch.device("cuda", 1)) == dtype


def test_tf32_matrices_are_for_a_card_and_for_a_while():
    settings = torch.get_float32_matmul_precision
    before = settings()
    with precision_module.tf32_matrices(CPU):
        assert settings() == before
    with precision_module.tf32_matrices(torch.device("cuda")):
        assert settings() == "high"
    assert settings() == before


def test_a_device_is_chosen_or_refused():
    assert choose_device("cpu") == CPU
    assert choose_device(None).type == ("cuda" if torch.cuda.is_available() else choose_device(None).type)
    with pytest.raises(MachineFault, match="abacus"):
        choose_device("abacus")


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_only_weights_are_decayed(name):
    model = build_model("resnet", {"widths": [4]}, 1, 3, t.CANVAS)
    optimizer = make_optimizer(model, Train(optimizer=name, weight_decay=0.3, lr=0.1))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(decay) == len(list(model.parameters()))
    assert all(decay[id(p)] == (0.3 if p.ndim > 1 else 0) for p in model.parameters())
