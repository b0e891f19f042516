"""Optimizers: who learns at what rate, decays or is clipped; Muon's matrices are the network's own weights."""

import copy
from functools import partial

import pytest
import torch
from cases import each
from torch import nn
from torch.nn import functional as F

from tenfold.data.tables import Train
from tenfold.train.learn.muon import Muon, as_matrix, orthogonalised
from tenfold.train.learn.optimizer import clip_gradients, make_optimizer, set_lr
from tenfold.train.models.build import build_model, maker, without_memory

OPTIMIZERS = ("adam", "adamw", "sgd", "muon")
EVERY = each("name", OPTIMIZERS)


def network(last=True):
    torch.manual_seed(0)
    model = build_model("light2", {"dropout": 0.0}, 1, 3, (20, 28))
    return model.to(memory_format=torch.channels_last) if last else model


def step(model, optimizer, x, y):
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


@pytest.fixture
def batch():
    rng = torch.Generator().manual_seed(1)
    y = torch.arange(32) % 3
    return torch.randn(32, 1, 20, 28, generator=rng) + y.view(-1, 1, 1, 1), y


def test_the_recipe_knows_the_same_optimizers():
    assert set(Train.__dataclass_fields__["optimizer"].metadata["choices"]) == set(OPTIMIZERS)


@pytest.mark.slow
@EVERY
@each("last", [True, False], ids=["channels_last", "contiguous"])
def test_it_learns_and_moves_every_weight(name, last, batch):
    torch.manual_seed(0)
    model = build_model("convnet", {"widths": [16, 32]}, 1, 3, (20, 28))
    model = model.to(memory_format=torch.channels_last) if last else model
    before = {k: p.clone() for k, p in model.named_parameters()}
    optimizer = make_optimizer(model, Train(optimizer=name, lr=0.01))
    set_lr(optimizer, 0.01)
    losses = [step(model, optimizer, *batch) for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    assert all((p != before[k]).any() for k, p in model.named_parameters())


@EVERY
def test_all_but_the_head_learns_at_its_share(name):
    model = network()
    optimizer = make_optimizer(model, Train(optimizer=name, lr=0.01, backbone_lr=0.1))
    set_lr(optimizer, 0.5)
    rate = {p.data_ptr(): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    head = list(model.children())[-1]
    assert isinstance(head, nn.Linear)
    assert {rate[p.data_ptr()] for p in head.parameters()} == {0.5}
    rest = {p.data_ptr() for p in model.parameters()} - {p.data_ptr() for p in head.parameters()}
    assert {rate[p] for p in rest} == {0.05}
    assert len(rate) == len(list(model.parameters()))


@EVERY
def test_a_rate_of_nothing_moves_nothing_and_frozen_weights_are_left_out(name, batch):
    model = network()
    model[0].weight.requires_grad_(False)
    before = [p.clone() for p in model.parameters()]
    optimizer = make_optimizer(model, Train(optimizer=name, lr=0.01, backbone_lr=0.0))
    set_lr(optimizer, 0.5)
    step(model, optimizer, *batch)
    moved = [bool((p != b).any()) for p, b in zip(model.parameters(), before, strict=True)]
    assert moved == [False] * (len(moved) - 2) + [True, True]
    assert model[0].weight.data_ptr() not in {p.data_ptr() for g in optimizer.param_groups for p in g["params"]}


@EVERY
def test_its_state_goes_on_where_it_was(name, batch):
    def fresh():
        model = network()
        return model, make_optimizer(model, Train(optimizer=name, lr=0.01))
    model, optimizer = fresh()
    set_lr(optimizer, 0.01)
    for _ in range(3):
        step(model, optimizer, *batch)
    other, its = fresh()
    other.load_state_dict(model.state_dict())
    its.load_state_dict(copy.deepcopy(optimizer.state_dict()))       # torch's own would share its tensors
    set_lr(its, 0.01)
    for one in ((model, optimizer), (other, its)):
        step(*one, *batch)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_nesterov_is_a_choice():
    for nesterov in (True, False):
        made = make_optimizer(network(), Train(optimizer="sgd", nesterov=nesterov))
        assert all(group["nesterov"] is nesterov for group in made.param_groups)
    assert not make_optimizer(network(), Train(optimizer="sgd", momentum=0.0)).defaults["nesterov"]


@each("name", ["light2", "convnet"])
@each("nesterov", [True, False])
def test_muon_moves_what_lies_between_the_first_and_the_last_layer_as_torchs_moves_matrices(name, nesterov, batch):
    model = build_model(name, {"dropout": 0.0, "widths": [8, 12, 16]}, 1, 3, (20, 28))
    model = model.to(memory_format=torch.channels_last)
    how = Train(optimizer="muon", weight_decay=0.1, nesterov=nesterov)
    matrices = {k: nn.Parameter(as_matrix(p.detach(), p).clone()) for k, p in model.named_parameters() if p.ndim > 1}
    torchs = torch.optim.Muon(matrices.values(), lr=0.01, momentum=0.9, weight_decay=0.1,
                              nesterov=nesterov, adjust_lr_fn="match_rms_adamw")
    optimizer = make_optimizer(model, how)
    set_lr(optimizer, 0.01)
    before = {k: as_matrix(p.detach(), p).clone() for k, p in model.named_parameters() if k in matrices}
    for _ in range(2):                           # the second moves along the mean of both gradients
        F.cross_entropy(model(batch[0]), batch[1]).backward()
        for k, p in model.named_parameters():
            if k in matrices:
                matrices[k].grad = as_matrix(p.grad, p).clone()
        torchs.step()
        optimizer.step()
    ours = {k: as_matrix(p.detach(), p) for k, p in model.named_parameters() if k in matrices}
    # torch's is rounded to bfloat16, 8 bits, in each of its five iterations
    alike = [(ours[k] - matrices[k]).norm() < 0.15 * (ours[k] - before[k]).norm() for k in matrices]
    assert alike == [False] + [True] * (len(matrices) - 2) + [False]


def singular(values, rows, columns) -> torch.Tensor:
    """A matrix (rows, columns) with these singular values."""
    u, v = (torch.linalg.qr(torch.randn(n, rows, dtype=torch.float64))[0] for n in (rows, columns))
    return u @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ v.T


@each(("rows", "columns"), [(12, 108), (24, 12), (12, 12), (12, 18)])
@each("last", [1.0, 0.1, 1e-3, 1e-6, 0.0])
def test_singular_values_become_those_that_the_polynomial_makes_of_them_whatever_the_shape(rows, columns, last):
    """Also for matrices of small rank; each of a batch by itself, in float32."""
    torch.manual_seed(0)
    small, large = sorted((rows, columns))
    values = [1.0] * 5 + [last] * (small - 5)
    x = singular(values, small, large)
    expected = singular_polynomial(x)
    batch = torch.stack([x, torch.randn(small, large, dtype=torch.float64), 1e-3 * x]).float()
    made = orthogonalised(batch if rows == small else batch.mT)
    made = made if rows == small else made.mT
    assert made.dtype == torch.float32
    torch.testing.assert_close(made[0].double(), expected, atol=5e-3, rtol=0)
    torch.testing.assert_close(made[2].double(), expected, atol=5e-3, rtol=0)
    assert orthogonalised(torch.zeros(1, rows, columns)).abs().max() == 0


def singular_polynomial(x: torch.Tensor) -> torch.Tensor:
    """Keller Jordan's iteration by its definition, on the singular values alone."""
    u, s, v = torch.linalg.svd(x, full_matrices=False)
    s = s / s.norm()
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s ** 3 + 2.0315 * s ** 5
    return u @ torch.diag(s) @ v


def test_muon_leaves_tokens_positions_and_the_ends_of_a_network_to_adamw():
    model = without_memory(partial(maker("vit_b_32", {}), 3, 7), (224, 224))
    optimizer = make_optimizer(model, Train(optimizer="muon"))
    moved = sum(p.numel() for p in optimizer.parts[1].param_groups[0]["params"])
    blocks = [p for name, p in model.named_parameters() if name.startswith("encoder.layers") and p.ndim == 2]
    assert moved == sum(p.numel() for p in blocks)
    assert len(blocks) == 4 * 12


def test_hidden_weights_alone_can_learn():
    """All others frozen."""
    weight = torch.nn.Parameter(torch.ones(3, 4))
    optimizer = Muon([{"params": [weight]}], [weight], Train(optimizer="muon", lr=0.1))
    weight.grad = torch.randn(3, 4)
    optimizer.step()
    assert not torch.equal(weight.detach(), torch.ones(3, 4))
    optimizer.zero_grad()
    assert weight.grad is None


def test_a_matrix_is_the_weight_itself():
    for weight in (torch.randn(8, 4, 3, 3), torch.randn(8, 4, 3, 3).to(memory_format=torch.channels_last),
                   torch.randn(8, 1, 3, 3), torch.randn(8, 4, 1, 1), torch.randn(8, 4)):
        assert as_matrix(weight, weight).data_ptr() == weight.data_ptr()
        other = torch.randn(weight.shape)        # a gradient may lie otherwise in memory
        assert (as_matrix(other, weight) * as_matrix(weight, weight)).sum() == pytest.approx(
            float((other * weight).sum()), abs=1e-4)


def test_gradients_are_clipped_together(batch):
    model = network()
    F.cross_entropy(model(batch[0]), batch[1]).backward()
    before = torch.cat([p.grad.flatten() for p in model.parameters()])
    clip_gradients(model, 0.01)
    after = torch.cat([p.grad.flatten() for p in model.parameters()])
    assert after.norm().item() == pytest.approx(0.01, rel=1e-3)
    assert F.cosine_similarity(before, after, 0).item() == pytest.approx(1, abs=1e-4)
    clip_gradients(model, 1e3)
    assert torch.equal(after, torch.cat([p.grad.flatten() for p in model.parameters()]))
